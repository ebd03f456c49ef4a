#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include <pthread.h>

namespace ei::base {

// Sets the name of the calling thread for top -H, perf and debuggers. The name is truncated to 15 bytes, the
// limit of Linux.
inline void NameThisThread(std::string_view name) {
  std::array<char, 16> text{};
  name.copy(text.data(), text.size() - 1);
  ::pthread_setname_np(::pthread_self(), text.data());
}

}  // namespace ei::base
