// Gauss-Lobatto-Legendre quadrature on [-1, 1] with n + 1 nodes, both ends among them: exact to degree 2 n - 1.
#pragma once
#include "theory/types.hpp"

namespace lml {

/// Nodes ascending, weights, and derivative(i, j) = l_j'(nodes[i]), l_j the Lagrange polynomials of the nodes.
void lobatto(int n, Vec& nodes, Vec& weights, Mat& derivative);

}  // namespace lml
