#pragma once

#include <expected>
#include <string>
#include <utility>

namespace ei::base {

// Classifies a fault from outside the process (input, network, disk, broker) by how the caller can handle it.
// Programming errors are asserted and never reported as an Error.
enum class ErrorKind {
  kInvalid,      // the input or a setting is wrong; the same call fails again
  kUnavailable,  // a resource is temporarily unavailable; the same call may succeed later
  kStorage,      // a file operation failed
};

// `message` is for the operator: it says what happened, with the value, and which setting to change.
struct Error {
  ErrorKind kind;
  std::string message;
};

template <typename T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> Fail(ErrorKind kind, std::string message) {
  return std::unexpected(Error{kind, std::move(message)});
}

}  // namespace ei::base
