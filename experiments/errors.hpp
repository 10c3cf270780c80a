// How a command ends badly: each type is an exit status, its what() the one line on standard error.
#pragma once
#include <stdexcept>
#include <string>
#include <string_view>

namespace lml {

/// Bad input, status 2. what() is exactly `file: /pointer: message`, one line; the root of a document is `/`, standard
/// input `-`.
class SpecError : public std::runtime_error {
 public:
  SpecError(const std::string& file, const std::string& pointer, const std::string& message);
};

/// The command line itself is wrong, or a result cannot be written; status 2.
class UsageError : public std::runtime_error {
 public:
  explicit UsageError(const std::string& message);
};

/// A needed part is not on this machine, status 3; what() says how to get it.
class NotHere : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Says on standard error what the exception being handled says, and gives its status. Called in a handler only.
int status_of_what_ended();

/// Control characters and broken UTF-8 as `?`, and cut where too long to read: what came from a file stays one line.
std::string one_line(std::string_view text);

}  // namespace lml
