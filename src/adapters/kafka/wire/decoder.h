#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string_view>

#include "adapters/kafka/wire/encoder.h"

namespace ei::kafka::wire {

// Reads what Encoder writes, from untrusted bytes. A value that is incomplete makes the decoder fail
// permanently: every later read returns zero or empty, so callers check Failed() once at the end. Count()
// never exceeds the remaining bytes or kElementsMax, so a loop over an array is bounded by the message, and
// the memory it takes by a few megabytes.
//
// Returned views are into the message.
class Decoder {
 public:
  // More than the records of a batch, each of which an answer may name as faulty, and more than any other
  // array of an answer. An element takes many times its encoded size in memory.
  static constexpr uint32_t kElementsMax = 1 << 17;

  Decoder(std::string_view bytes, bool flexible) : rest_(bytes), flexible_(flexible) {}

  bool Failed() const { return failed_; }
  // True if the message was read completely, without a failure.
  bool Finished() const { return !failed_ && rest_.empty(); }
  std::string_view Rest() const { return rest_; }

  bool Bool() { return Int<uint8_t>() != 0; }

  template <std::integral Number>
  Number Int() {
    const std::string_view bytes = Take(sizeof(Number));
    if (bytes.empty()) return 0;
    std::array<char, sizeof(Number)> raw;
    std::ranges::copy(bytes, raw.begin());
    return BigEndian(std::bit_cast<Number>(raw));
  }

  TopicId Id() {
    const auto high = Int<uint64_t>();
    return {high, Int<uint64_t>()};
  }

  uint32_t UnsignedVarint() {
    uint32_t number = 0;
    for (int shift = 0; shift < 35; shift += 7) {
      const auto byte = Int<uint8_t>();
      if (failed_) return 0;
      if (shift == 28 && byte > 0x0f) break;  // more than 32 bits
      number |= static_cast<uint32_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return number;
    }
    Fail();
    return 0;
  }

  std::optional<std::string_view> NullableString() {
    const int64_t size = flexible_ ? int64_t{UnsignedVarint()} - 1 : Int<int16_t>();
    return Sized(size);
  }

  // A null string, which the protocol doesn't allow here, is read as empty: some brokers send it.
  std::string_view String() { return NullableString().value_or(std::string_view()); }

  std::optional<std::string_view> NullableBytes() { return Sized(Size()); }
  std::string_view Bytes() { return NullableBytes().value_or(std::string_view()); }

  // Returns the number of elements of an array; 0 for a null array.
  uint32_t Count() {
    const int64_t count = Size();
    if (count > std::min<int64_t>(kElementsMax, static_cast<int64_t>(rest_.size()))) Fail();
    return failed_ || count < 0 ? 0 : static_cast<uint32_t>(count);
  }

  // Reads the tagged fields at the end of a structure and calls visit(tag, bytes) for each.
  template <typename Visit>
  void Tags(Visit visit) {
    if (!flexible_) return;
    for (uint32_t left = UnsignedVarint(); left > 0 && !failed_; --left) {
      const uint32_t tag = UnsignedVarint();
      const std::string_view bytes = Take(UnsignedVarint());
      if (!failed_) visit(tag, bytes);
    }
  }
  void Tags() {
    Tags([](uint32_t, std::string_view) {});
  }

  void Fail() {
    failed_ = true;
    rest_ = {};
  }

 private:
  int64_t Size() { return flexible_ ? int64_t{UnsignedVarint()} - 1 : Int<int32_t>(); }

  std::optional<std::string_view> Sized(int64_t size) {
    if (size < -1) Fail();
    if (failed_ || size < 0) return std::nullopt;
    return Take(static_cast<size_t>(size));
  }

  std::string_view Take(size_t size) {
    if (size > rest_.size()) Fail();
    if (failed_) return {};
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  std::string_view rest_;
  const bool flexible_;
  bool failed_ = false;
};

}  // namespace ei::kafka::wire
