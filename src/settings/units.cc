#include "settings/units.h"

#include <array>
#include <cassert>
#include <limits>
#include <optional>
#include <span>

namespace ei::service {
namespace {

using base::ErrorKind;
using base::Fail;
using base::Result;

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::uint64_t kSecond = 1'000'000;
constexpr std::array<Unit, 5> kDurationUnits{
    {{"h", 3600 * kSecond}, {"m", 60 * kSecond}, {"s", kSecond}, {"ms", 1000}, {"us", 1}}};

constexpr std::uint64_t kKibi = 1024;
constexpr std::uint64_t kKilo = 1000;
constexpr std::array<Unit, 14> kSizeUnits{{{"TiB", kKibi* kKibi* kKibi* kKibi},
                                           {"GiB", kKibi* kKibi* kKibi},
                                           {"MiB", kKibi* kKibi},
                                           {"KiB", kKibi},
                                           {"T", kKibi* kKibi* kKibi* kKibi},
                                           {"G", kKibi* kKibi* kKibi},
                                           {"M", kKibi* kKibi},
                                           {"K", kKibi},
                                           {"TB", kKilo* kKilo* kKilo* kKilo},
                                           {"GB", kKilo* kKilo* kKilo},
                                           {"MB", kKilo* kKilo},
                                           {"KB", kKilo},
                                           {"B", 1},
                                           {"", 1}}};
constexpr std::size_t kBinarySizeUnits = 4;

// Six digits after the decimal point times the largest unit (TiB, 2^40) are below 2^64.
constexpr std::size_t kFractionDigitsMax = 6;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

std::string_view TakeDigits(std::string_view& text) {
  std::size_t length = 0;
  while (length < text.size() && IsDigit(text[length])) ++length;
  const std::string_view digits = text.substr(0, length);
  text.remove_prefix(length);
  return digits;
}

std::optional<std::uint64_t> DigitsValue(std::string_view digits) {
  std::uint64_t value = 0;
  for (const char c : digits) {
    if (__builtin_mul_overflow(value, std::uint64_t{10}, &value)) return std::nullopt;
    if (__builtin_add_overflow(value, static_cast<std::uint64_t>(c - '0'), &value)) return std::nullopt;
  }
  return value;
}

Result<std::uint64_t> ParseQuantity(std::string_view text, std::span<const Unit> units, const char* wanted) {
  if (text.starts_with('-')) return Fail(ErrorKind::kInvalid, "is negative");
  std::string_view rest = text;
  const std::string_view whole = TakeDigits(rest);
  std::string_view fraction;
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    fraction = TakeDigits(rest);
    if (fraction.empty()) return Fail(ErrorKind::kInvalid, wanted);
  }
  if (whole.empty()) return Fail(ErrorKind::kInvalid, wanted);

  const Unit* unit = nullptr;
  for (const Unit& candidate : units) {
    if (candidate.name == rest) unit = &candidate;
  }
  if (unit == nullptr) return Fail(ErrorKind::kInvalid, wanted);

  while (fraction.ends_with('0')) fraction.remove_suffix(1);
  if (fraction.size() > kFractionDigitsMax)
    return Fail(ErrorKind::kInvalid, "has too many digits after the decimal point");
  std::uint64_t scale = 1;
  for (std::size_t i = 0; i < fraction.size(); ++i) scale *= 10;
  const std::uint64_t part = DigitsValue(fraction).value_or(0) * unit->factor;
  if (part % scale != 0) return Fail(ErrorKind::kInvalid, "is not a whole number of the smallest unit");

  const std::optional<std::uint64_t> count = DigitsValue(whole);
  std::uint64_t value = 0;
  if (!count || __builtin_mul_overflow(*count, unit->factor, &value) ||
      __builtin_add_overflow(value, part / scale, &value)) {
    return Fail(ErrorKind::kInvalid, "is too large");
  }
  return value;
}

std::string FormatQuantity(std::uint64_t value, std::span<const Unit> units) {
  for (const Unit& unit : units) {
    if (value % unit.factor == 0) return std::to_string(value / unit.factor).append(unit.name);
  }
  return std::to_string(value);
}

}  // namespace

Result<std::chrono::microseconds> ParseDuration(std::string_view text) {
  if (text == "0") return std::chrono::microseconds{0};
  const auto value = ParseQuantity(
      text, kDurationUnits, "is not a duration: write a number and its unit (us, ms, s, m, h), as in 10s");
  if (!value) return std::unexpected(value.error());
  using Ticks = std::chrono::microseconds::rep;
  if (*value > static_cast<std::uint64_t>(std::numeric_limits<Ticks>::max())) {
    return Fail(ErrorKind::kInvalid, "is too large");
  }
  return std::chrono::microseconds{static_cast<Ticks>(*value)};
}

Result<std::uint64_t> ParseBytes(std::string_view text) {
  return ParseQuantity(
      text, kSizeUnits,
      "is not a size: write bytes, or a number and its unit (KiB, MiB, GiB, TiB), as in 10MiB");
}

std::string FormatDuration(base::Duration duration) {
  const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
  assert(microseconds >= 0);
  if (microseconds == 0) return "0s";
  return FormatQuantity(static_cast<std::uint64_t>(microseconds), kDurationUnits);
}

std::string FormatBytes(std::uint64_t bytes) {
  if (bytes == 0) return "0";
  return FormatQuantity(bytes, std::span(kSizeUnits).first(kBinarySizeUnits));
}

}  // namespace ei::service
