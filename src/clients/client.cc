#include "clients/client.h"

#include <algorithm>

namespace ei {

bool IsClientName(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  return !name.empty() && name.size() <= kClientNameBytesMax && std::ranges::all_of(name, allowed);
}

}  // namespace ei
