#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ei::kafka {

// A file that holds a secret or a certificate, and the setting that names it, for messages.
struct SecretFile {
  std::string path;  // empty: not set
  std::string_view setting;

  bool Set() const { return !path.empty(); }
};

inline constexpr size_t kSecretBytesMax = 1024 * 1024;  // a bundle of CA certificates is the largest

// The file's content without the line breaks at its end. kInvalid when it can't be read, is empty, too large,
// or holds a zero byte; the message names the setting and the path, never the content.
base::Result<std::string> ReadSecret(const SecretFile& file);

}  // namespace ei::kafka
