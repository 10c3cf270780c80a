// Starts another program, without a shell.
#pragma once
#include <string>
#include <vector>

namespace lml {

/// Runs argv[0] (looked up in PATH) and waits. Standard output goes to standard error, so that a document on standard
/// output stays alone. Throws std::runtime_error where it cannot start or does not exit with 0.
void run_program(const std::vector<std::string>& argv);

}  // namespace lml
