#include "event/timestamp.h"

#include <cstdint>

namespace ei {

namespace {

// Removes exactly `digits` decimal digits from the front of `text` and returns their value; -1 if there are
// fewer.
int TakeNumber(std::string_view& text, size_t digits) {
  if (text.size() < digits) return -1;
  int value = 0;
  for (size_t i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool TakeChar(std::string_view& text, char expected) {
  if (text.empty() || text.front() != expected) return false;
  text.remove_prefix(1);
  return true;
}

int DaysIn(int year, int month) {
  constexpr std::array<int, 12> kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return month == 2 && leap ? 29 : kDays[static_cast<size_t>(month - 1)];
}

// The fields as written, with the fraction in nanoseconds. year -1: not a date-time.
struct DateTime {
  int year = -1;
  int month = 0;
  int day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
  int nanos = 0;
  int offset_minutes = 0;  // east of UTC
};

DateTime ReadDateTime(std::string_view text) {
  DateTime time;
  const int year = TakeNumber(text, 4);
  if (year < 0 || !TakeChar(text, '-')) return {};
  time.month = TakeNumber(text, 2);
  if (time.month < 1 || time.month > 12 || !TakeChar(text, '-')) return {};
  time.day = TakeNumber(text, 2);
  if (time.day < 1 || time.day > DaysIn(year, time.month)) return {};
  if (!TakeChar(text, 'T') && !TakeChar(text, 't')) return {};
  time.hour = TakeNumber(text, 2);
  if (time.hour < 0 || time.hour > 23 || !TakeChar(text, ':')) return {};
  time.minute = TakeNumber(text, 2);
  if (time.minute < 0 || time.minute > 59 || !TakeChar(text, ':')) return {};
  time.second = TakeNumber(text, 2);
  if (time.second < 0 || time.second > 60) return {};
  if (TakeChar(text, '.')) {
    int digit = TakeNumber(text, 1);
    if (digit < 0) return {};
    for (int unit = 100'000'000; digit >= 0; digit = TakeNumber(text, 1), unit /= 10) {
      time.nanos += digit * unit;
    }
  }
  if (!TakeChar(text, 'Z') && !TakeChar(text, 'z')) {
    const bool east = TakeChar(text, '+');
    if (!east && !TakeChar(text, '-')) return {};
    const int offset_hour = TakeNumber(text, 2);
    if (offset_hour < 0 || offset_hour > 23 || !TakeChar(text, ':')) return {};
    const int offset_minute = TakeNumber(text, 2);
    if (offset_minute < 0 || offset_minute > 59) return {};
    time.offset_minutes = (offset_hour * 60 + offset_minute) * (east ? 1 : -1);
  }
  if (time.second == 60) {
    constexpr int kDay = 24 * 60;
    if ((time.hour * 60 + time.minute - time.offset_minutes + 2 * kDay) % kDay != kDay - 1) return {};
  }
  if (text.empty()) time.year = year;
  return time;
}

void WriteDigits(char* out, uint32_t value, int digits) {
  for (int i = digits - 1; i >= 0; --i, value /= 10) out[i] = static_cast<char>('0' + value % 10);
}

}  // namespace

bool IsRfc3339(std::string_view text) { return ReadDateTime(text).year >= 0; }

std::optional<base::WallTime> ParseTimestamp(std::string_view text) {
  constexpr int kFirstYear = 1678;
  constexpr int kLastYear = 2261;
  const DateTime time = ReadDateTime(text);
  if (time.year < kFirstYear || time.year > kLastYear) return std::nullopt;
  const std::chrono::sys_days day = std::chrono::year(time.year) / time.month / time.day;
  return base::WallTime(day) + std::chrono::hours(time.hour) +
         std::chrono::minutes(time.minute - time.offset_minutes) + std::chrono::seconds(time.second) +
         std::chrono::nanoseconds(time.nanos);
}

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

}  // namespace ei
