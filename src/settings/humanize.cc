#include "settings/humanize.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "event/timestamp.h"

namespace ei::service {

std::string NumberText(uint64_t number) {
  std::string text = std::to_string(number);
  for (size_t i = text.size(); i > 3; i -= 3) text.insert(i - 3, 1, ',');
  return text;
}

std::string CountText(uint64_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

std::string BytesText(uint64_t bytes) {
  constexpr std::array<std::string_view, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  constexpr double kStep = 1024;
  auto amount = static_cast<double>(bytes);
  size_t unit = 0;
  for (; amount >= kStep && unit + 1 < kUnits.size(); ++unit) amount /= kStep;
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", amount, kUnits[unit]);
}

std::string AgeText(base::Duration age) {
  using std::chrono::duration_cast;
  const auto millis = duration_cast<std::chrono::milliseconds>(std::max(age, base::Duration(0))).count();
  const int64_t seconds = millis / 1000;
  if (seconds < 1) return fmt::format("{}ms", millis);
  if (seconds < 60) return fmt::format("{}s", seconds);
  if (seconds < 3600) return fmt::format("{}m {}s", seconds / 60, seconds % 60);
  return fmt::format("{}h {}m", seconds / 3600, seconds / 60 % 60);
}

std::string TimeText(int64_t wall_nanos) {
  const base::WallTime time(base::Duration(std::max<int64_t>(wall_nanos, 0)));
  return std::string(View(FormatTimestamp(time)));
}

}  // namespace ei::service
