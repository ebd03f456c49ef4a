#pragma once

#include <atomic>
#include <cstddef>

namespace ei::http {

// Counts the memory that all connections hold beyond their first small buffer, and limits it to
// http.inflight_bytes_max. Thread-safe.
class InflightBytes {
 public:
  explicit InflightBytes(size_t bytes_max) : bytes_max_(bytes_max) {}

  // Returns false, and counts nothing, if the limit would be exceeded.
  bool TryTake(size_t bytes) {
    const size_t before = held_.fetch_add(bytes, std::memory_order_relaxed);
    if (before + bytes <= bytes_max_) return true;
    held_.fetch_sub(bytes, std::memory_order_relaxed);
    return false;
  }
  // Counts the bytes even beyond the limit.
  void Take(size_t bytes) { held_.fetch_add(bytes, std::memory_order_relaxed); }
  void Release(size_t bytes) { held_.fetch_sub(bytes, std::memory_order_relaxed); }
  size_t Held() const { return held_.load(std::memory_order_relaxed); }

 private:
  const size_t bytes_max_;
  std::atomic<size_t> held_{0};
};

}  // namespace ei::http
