// `lml plot`: the figure of a result, drawn by plots/plot.py.
#pragma once
#include <string>

namespace lml {

struct PlotOptions {
  std::string result;  // a folder, a file or `-`
  std::string out;     // FILE.svg, .pdf or .png; empty: SVG and PNG beside the result
};

/// Becomes python3, so that its exit status (0; 2: no result that can be drawn; 3: no matplotlib) and its one line are
/// this command's. Returns only by throwing NotHere: there is no python3.
[[noreturn]] void plot_command(const PlotOptions& options);

}  // namespace lml
