#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace ei::kafka::wire {

// A topic's id (KIP-516): 16 bytes in the broker's order. All zeros: none.
struct TopicId {
  uint64_t high = 0;
  uint64_t low = 0;

  bool Known() const { return (high | low) != 0; }
  friend bool operator==(const TopicId&, const TopicId&) = default;
};

template <std::integral Number>
Number BigEndian(Number number) {
  if constexpr (std::endian::native == std::endian::little) number = std::byteswap(number);
  return number;
}

// Writes `number` over the bytes at `to`.
template <std::integral Number>
void PutBigEndian(char* to, Number number) {
  number = BigEndian(number);
  std::memcpy(to, &number, sizeof number);
}

// Appends values to a string in Kafka's protocol format (https://kafka.apache.org/protocol, "Protocol
// Primitive Types"). `flexible` depends on the message's version (KIP-482): if set, strings, bytes and arrays
// are compact, and each structure ends with tagged fields; this class writes none.
class Encoder {
 public:
  Encoder(std::string& out, bool flexible) : out_(out), flexible_(flexible) {}

  bool Flexible() const { return flexible_; }

  void Bool(bool value) { out_.push_back(value ? 1 : 0); }

  template <std::integral Number>
  void Int(Number number) {
    char bytes[sizeof number];
    PutBigEndian(bytes, number);
    out_.append(bytes, sizeof bytes);
  }

  void Id(const TopicId& id) {
    Int(id.high);
    Int(id.low);
  }

  void UnsignedVarint(uint64_t number) {
    for (; number >= 0x80; number >>= 7) out_.push_back(static_cast<char>(number | 0x80));
    out_.push_back(static_cast<char>(number));
  }

  // At most 32,767 bytes unless flexible.
  void String(std::string_view text) {
    if (flexible_) {
      UnsignedVarint(text.size() + 1);
    } else {
      Int(static_cast<int16_t>(text.size()));
    }
    out_.append(text);
  }

  void NullString() {
    if (flexible_) {
      UnsignedVarint(0);
    } else {
      Int(int16_t{-1});
    }
  }

  void NullableString(const std::optional<std::string_view>& text) { text ? String(*text) : NullString(); }

  // Writes the size of the bytes that follow, or the number of elements of an array.
  void Count(size_t count) {
    if (flexible_) {
      UnsignedVarint(count + 1);
    } else {
      Int(static_cast<int32_t>(count));
    }
  }

  void NullArray() {
    if (flexible_) {
      UnsignedVarint(0);
    } else {
      Int(int32_t{-1});
    }
  }

  void Bytes(std::string_view bytes) {
    Count(bytes.size());
    out_.append(bytes);
  }

  // Ends a structure or the message.
  void NoTags() {
    if (flexible_) out_.push_back(0);
  }

 private:
  std::string& out_;
  const bool flexible_;
};

}  // namespace ei::kafka::wire
