#include "adapters/tokens/json_number.h"

#include <charconv>
#include <cmath>
#include <string>

namespace ei::tokens {

std::optional<double> NumberOf(const nlohmann::json& member) {
  if (member.is_number()) return member.get<double>();
  if (!member.is_string()) return std::nullopt;
  const auto& text = member.get_ref<const std::string&>();
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, fault] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  if (fault != std::errc() || stop != end || !std::isfinite(number)) return std::nullopt;
  return number;
}

}  // namespace ei::tokens
