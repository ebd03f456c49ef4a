#include "event/uuid_v7.h"

#include <bit>

namespace ei {

namespace {

// Fills the generator's state from one word, as the authors of xoshiro256** recommend.
uint64_t SplitMix64(uint64_t& state) {
  uint64_t z = (state += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

char* WriteHex(char* out, uint64_t value, int digits) {
  constexpr char kHex[] = "0123456789abcdef";
  for (int shift = (digits - 1) * 4; shift >= 0; shift -= 4) *out++ = kHex[(value >> shift) & 0xf];
  return out;
}

}  // namespace

UuidV7Generator::UuidV7Generator(uint64_t seed) : state_{}, text_{} {
  for (uint64_t& word : state_) word = SplitMix64(seed);
}

uint64_t UuidV7Generator::NextRandom() {
  const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const uint64_t t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

std::string_view UuidV7Generator::Next(base::WallTime now) {
  const auto millis = static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count());
  const uint64_t high = NextRandom();
  const uint64_t low = NextRandom();
  char* out = text_.data();
  out = WriteHex(out, millis >> 16, 8);
  *out++ = '-';
  out = WriteHex(out, millis & 0xffff, 4);
  *out++ = '-';
  out = WriteHex(out, 0x7000 | (high & 0x0fff), 4);
  *out++ = '-';
  out = WriteHex(out, 0x8000 | ((high >> 16) & 0x3fff), 4);
  *out++ = '-';
  WriteHex(out, low & 0xffffffffffff, 12);
  return {text_.data(), text_.size()};
}

}  // namespace ei
