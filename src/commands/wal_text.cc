#include "commands/wal_text.h"

#include <fmt/format.h>

namespace ei::service {

std::string RangeText(uint64_t from, uint64_t end) { return fmt::format("{}:{}", from, end); }

std::string DamageText(const wal::LogDamage& damage) {
  std::string text;
  if (damage.from_byte < damage.to_byte) {
    text += "bytes " + RangeText(damage.from_byte, damage.to_byte);
  }
  if (damage.from_position < damage.to_position) {
    text +=
        (text.empty() ? "positions " : ", positions ") + RangeText(damage.from_position, damage.to_position);
  }
  return text.append(text.empty() ? "" : ": ").append(damage.what);
}

}  // namespace ei::service
