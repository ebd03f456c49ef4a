#include "event/traceparent.h"

namespace ei {

bool IsTraceparent(std::string_view value) {
  const auto hex = [](std::string_view digits) {
    return digits.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  };
  const auto zero = [](std::string_view digits) {
    return digits.find_first_not_of('0') == std::string_view::npos;
  };
  if (value.size() != kTraceparentBytes || !value.starts_with("00-") || value[35] != '-' || value[52] != '-')
    return false;
  const std::string_view trace_id = value.substr(3, 32);
  const std::string_view parent_id = value.substr(36, 16);
  return hex(trace_id) && hex(parent_id) && hex(value.substr(53)) && !zero(trace_id) && !zero(parent_id);
}

}  // namespace ei
