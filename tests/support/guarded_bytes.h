#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <new>
#include <string_view>

namespace ei::support {

// Holds bytes so that the byte after the last one lies in an inaccessible page: a read past the end ends the
// program at once, also in libraries that are not instrumented by a sanitizer.
class GuardedBytes {
 public:
  explicit GuardedBytes(size_t capacity) {
    const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
    usable_ = (capacity + page - 1) / page * page;
    mapped_ = usable_ + page;
    void* const map = ::mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED) throw std::bad_alloc();
    begin_ = static_cast<char*>(map);
    if (::mprotect(begin_ + usable_, page, PROT_NONE) != 0) throw std::bad_alloc();
  }
  ~GuardedBytes() { ::munmap(begin_, mapped_); }
  GuardedBytes(const GuardedBytes&) = delete;
  GuardedBytes& operator=(const GuardedBytes&) = delete;

  // The bytes, placed at the very end of the accessible page; valid until the next call.
  std::string_view Hold(std::string_view bytes) {
    char* const to = begin_ + usable_ - bytes.size();
    std::memcpy(to, bytes.data(), bytes.size());
    return {to, bytes.size()};
  }

 private:
  char* begin_ = nullptr;
  size_t usable_ = 0;
  size_t mapped_ = 0;
};

}  // namespace ei::support
