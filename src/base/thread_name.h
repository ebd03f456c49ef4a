#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include <pthread.h>

namespace ei::base {

// Names the calling thread for top -H, perf and debuggers; longer names are cut to the 15 bytes that Linux
// keeps.
inline void NameThisThread(std::string_view name) {
  std::array<char, 16> text{};
  name.copy(text.data(), text.size() - 1);
  ::pthread_setname_np(::pthread_self(), text.data());
}

}  // namespace ei::base
