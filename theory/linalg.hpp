// Eigen's larger decompositions behind plain functions: they are compiled once, here, instead of in every user.
#pragma once
#include "theory/types.hpp"

namespace lml {

/// A symmetric matrix as V diag(values) V^T, values ascending. Reads the lower triangle.
struct Eigh {
  Vec values;
  Mat vectors;
};
Eigh eigh(const Mat& symmetric);
/// Eigenvalues only, ascending.
Vec eigvalsh(const Mat& symmetric);
/// Inverse of a symmetric positive definite matrix; throws std::domain_error where it is not.
Mat inverse_spd(const Mat& m);

}  // namespace lml
