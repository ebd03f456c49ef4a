#include "domain/timestamp.h"

namespace ei::domain {

namespace {

void WriteDigits(char* out, uint32_t value, int digits) {
  for (int i = digits - 1; i >= 0; --i, value /= 10) out[i] = static_cast<char>('0' + value % 10);
}

}  // namespace

TimestampText FormatTimestamp(base::WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::milliseconds>(time - day));
  TimestampText text = {'0', '0', '0', '0', '-', '0', '0', '-', '0', '0', 'T', '0',
                        '0', ':', '0', '0', ':', '0', '0', '.', '0', '0', '0', 'Z'};
  WriteDigits(text.data(), static_cast<uint32_t>(static_cast<int>(date.year())), 4);
  WriteDigits(text.data() + 5, static_cast<unsigned>(date.month()), 2);
  WriteDigits(text.data() + 8, static_cast<unsigned>(date.day()), 2);
  WriteDigits(text.data() + 11, static_cast<uint32_t>(clock.hours().count()), 2);
  WriteDigits(text.data() + 14, static_cast<uint32_t>(clock.minutes().count()), 2);
  WriteDigits(text.data() + 17, static_cast<uint32_t>(clock.seconds().count()), 2);
  WriteDigits(text.data() + 20, static_cast<uint32_t>(clock.subseconds().count()), 3);
  return text;
}

}  // namespace ei::domain
