#pragma once

#include <atomic>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

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
  void GiveBack(size_t bytes) { held_.fetch_sub(bytes, std::memory_order_relaxed); }
  size_t Held() const { return held_.load(std::memory_order_relaxed); }

 private:
  const size_t bytes_max_;
  std::atomic<size_t> held_{0};
};

// What a connection has read and not yet handled: contiguous, growing as bytes arrive (never on the word of a
// Content-Length), back to its first size when the connection is idle.
class ReadBuffer {
 public:
  static constexpr size_t kFirstBytes = 4 << 10;

  explicit ReadBuffer(InflightBytes& inflight)
      : inflight_(inflight), data_(std::make_unique_for_overwrite<char[]>(kFirstBytes)) {}
  ~ReadBuffer() { inflight_.GiveBack(capacity_ - kFirstBytes); }
  ReadBuffer(const ReadBuffer&) = delete;
  ReadBuffer& operator=(const ReadBuffer&) = delete;

  std::string_view Data() const { return {data_.get() + begin_, end_ - begin_}; }
  size_t Size() const { return end_ - begin_; }

  // Makes room for at least one more byte, by moving to the front or doubling; false when the connections
  // together hold too much.
  bool MakeRoom() {
    if (end_ < capacity_ && begin_ == 0) return true;
    if (begin_ > 0) {
      std::memmove(data_.get(), data_.get() + begin_, Size());
      end_ -= begin_;
      begin_ = 0;
      if (end_ < capacity_) return true;
    }
    if (!inflight_.TryTake(capacity_)) return false;
    auto larger = std::make_unique_for_overwrite<char[]>(2 * capacity_);
    std::memcpy(larger.get(), data_.get(), end_);
    data_ = std::move(larger);
    capacity_ *= 2;
    return true;
  }

  char* Free() { return data_.get() + end_; }
  size_t FreeSize() const { return capacity_ - end_; }
  void Commit(size_t bytes) { end_ += bytes; }

  void Consume(size_t bytes) {
    begin_ += bytes;
    if (begin_ == end_) begin_ = end_ = 0;
  }

  bool CanShrink() const { return Size() == 0 && capacity_ > kFirstBytes; }

  // Not while an operation reads into Free().
  void ShrinkWhenEmpty() {
    if (!CanShrink()) return;
    inflight_.GiveBack(capacity_ - kFirstBytes);
    data_ = std::make_unique_for_overwrite<char[]>(kFirstBytes);
    capacity_ = kFirstBytes;
  }

 private:
  InflightBytes& inflight_;
  std::unique_ptr<char[]> data_;
  size_t capacity_ = kFirstBytes;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace ei::http
