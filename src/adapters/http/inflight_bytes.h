#pragma once

#include <atomic>
#include <cstddef>

namespace ei::http {

// The memory that all connections hold beyond their first small buffer, against http.inflight_bytes_max.
class InflightBytes {
 public:
  explicit InflightBytes(size_t bytes_max) : bytes_max_(bytes_max) {}

  bool TryTake(size_t bytes) {
    const size_t before = held_.fetch_add(bytes, std::memory_order_relaxed);
    if (before + bytes <= bytes_max_) return true;
    held_.fetch_sub(bytes, std::memory_order_relaxed);
    return false;
  }
  void Take(size_t bytes) { held_.fetch_add(bytes, std::memory_order_relaxed); }
  void GiveBack(size_t bytes) { held_.fetch_sub(bytes, std::memory_order_relaxed); }
  size_t Held() const { return held_.load(std::memory_order_relaxed); }

 private:
  const size_t bytes_max_;
  std::atomic<size_t> held_{0};
};

}  // namespace ei::http
