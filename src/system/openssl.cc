#include "system/openssl.h"

#include <openssl/err.h>

namespace ei::system {

BioPointer BioOf(const std::string& bytes) {
  return BioPointer(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

std::string TakeOpensslError() {
  std::string text;
  while (const unsigned long code = ERR_get_error()) {
    char line[256];
    ERR_error_string_n(code, line, sizeof line);
    text = line;
  }
  return text.empty() ? "unknown fault" : text;
}

}  // namespace ei::system
