#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ei::system {

// The path of a file that holds a secret or a certificate, and the name of the setting for error messages.
struct SecretFile {
  std::string path;  // empty: not set
  std::string_view setting;

  bool Set() const { return !path.empty(); }
};

inline constexpr size_t kSecretBytesMax = 1024 * 1024;  // a bundle of CA certificates is the largest

// Returns the content of the file without the line breaks at its end. Returns kInvalid if the file can't be
// read, is empty, is larger than kSecretBytesMax or contains a zero byte; the message has the setting and the
// path, never the content.
base::Result<std::string> ReadSecret(const SecretFile& file);

}  // namespace ei::system
