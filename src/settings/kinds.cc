#include "settings/kinds.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "settings/units.h"

namespace ei::service {
namespace {

using base::ErrorKind;
using base::Fail;
using base::Result;

template <typename Kind>
std::string Range(const Kind& kind, std::string_view unit) {
  return fmt::format("{} to {}{}{}", kind.Format(kind.min), kind.Format(kind.max), unit.empty() ? "" : " ",
                     unit);
}

template <typename Kind>
Result<typename Kind::Value> Within(const Kind& kind, Result<typename Kind::Value> value) {
  if (value && *value < kind.min) return Fail(ErrorKind::kInvalid, "is below the range");
  if (value && *value > kind.max) return Fail(ErrorKind::kInvalid, "is above the range");
  return value;
}

}  // namespace

std::string Integer::Allowed() const { return Range(*this, unit); }

Result<std::uint64_t> Integer::Parse(std::string_view text) const {
  Value value = 0;
  if (text.starts_with('-')) return Fail(ErrorKind::kInvalid, "is negative");
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault == std::errc::result_out_of_range) return Fail(ErrorKind::kInvalid, "is above the range");
  if (fault != std::errc{} || end != text.data() + text.size()) {
    return Fail(ErrorKind::kInvalid, "is not a whole number");
  }
  return Within(*this, value);
}

std::string Decimal::Allowed() const { return Range(*this, unit); }

std::string Decimal::Format(double value) const { return fmt::format("{}", value); }

Result<double> Decimal::Parse(std::string_view text) const {
  Value value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool number = fault == std::errc{} && end == text.data() + text.size() && std::isfinite(value);
  if (!number) return Fail(ErrorKind::kInvalid, "is not a number");
  return Within(*this, value);
}

std::string Bytes::Allowed() const { return Range(*this, ""); }

std::string Bytes::Format(std::uint64_t value) const { return FormatBytes(value); }

Result<std::uint64_t> Bytes::Parse(std::string_view text) const { return Within(*this, ParseBytes(text)); }

std::string Duration::Allowed() const { return Range(*this, ""); }

std::string Duration::Format(std::chrono::microseconds value) const { return FormatDuration(value); }

Result<std::chrono::microseconds> Duration::Parse(std::string_view text) const {
  return Within(*this, ParseDuration(text));
}

}  // namespace ei::service
