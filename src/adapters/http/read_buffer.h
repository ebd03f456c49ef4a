#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

#include "adapters/http/connection_client.h"

namespace ei::http {

// The bytes that a connection has read and not yet handled, in one contiguous piece. It grows as bytes
// arrive, never because of a Content-Length alone, and shrinks to its first size when the connection is idle.
class ReadBuffer {
 public:
  static constexpr size_t kFirstBytes = 4 << 10;

  // Memory beyond kFirstBytes is charged to `bytes`, which outlives the buffer.
  explicit ReadBuffer(ConnectionClient& bytes)
      : bytes_(bytes), data_(std::make_unique_for_overwrite<char[]>(kFirstBytes)) {}
  ~ReadBuffer() { bytes_.ReleaseBytes(capacity_ - kFirstBytes); }
  ReadBuffer(const ReadBuffer&) = delete;
  ReadBuffer& operator=(const ReadBuffer&) = delete;

  std::string_view Data() const { return {data_.get() + begin_, end_ - begin_}; }
  size_t Size() const { return end_ - begin_; }

  // Makes room for at least one more byte, by moving the content to the front or by doubling the capacity. It
  // doesn't double beyond `needed` bytes until the capacity has reached `needed`. Returns false if the memory
  // limit of all connections, or of this client, is exceeded.
  bool MakeRoom(size_t needed) {
    if (end_ < capacity_ && begin_ == 0) return true;
    if (begin_ > 0) {
      std::memmove(data_.get(), data_.get() + begin_, Size());
      end_ -= begin_;
      begin_ = 0;
      if (end_ < capacity_) return true;
    }
    const size_t grown = capacity_ < needed ? std::min(2 * capacity_, needed) : 2 * capacity_;
    if (!bytes_.TakeBytes(grown - capacity_)) return false;
    auto larger = std::make_unique_for_overwrite<char[]>(grown);
    std::memcpy(larger.get(), data_.get(), end_);
    data_ = std::move(larger);
    capacity_ = grown;
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

  // Must not be called while an operation reads into Free().
  void ShrinkWhenEmpty() {
    if (!CanShrink()) return;
    bytes_.ReleaseBytes(capacity_ - kFirstBytes);
    data_ = std::make_unique_for_overwrite<char[]>(kFirstBytes);
    capacity_ = kFirstBytes;
  }

 private:
  ConnectionClient& bytes_;
  std::unique_ptr<char[]> data_;
  size_t capacity_ = kFirstBytes;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace ei::http
