#include "settings/units.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace ei::service {
namespace {

using namespace std::chrono_literals;

std::string DurationFault(std::string_view text) {
  const auto value = ParseDuration(text);
  return value ? "accepted as " + FormatDuration(*value) : value.error().message;
}

std::string BytesFault(std::string_view text) {
  const auto value = ParseBytes(text);
  return value ? "accepted as " + FormatBytes(*value) : value.error().message;
}

constexpr const char* kNotADuration =
    "is not a duration: write a number and its unit (us, ms, s, m, h), as in 10s";
constexpr const char* kNotASize =
    "is not a size: write bytes, or a number and its unit (KiB, MiB, GiB, TiB), as in 10MiB";

TEST(DurationText, JunkIsRejected) {
  for (const char* text : {"", "s", "10", "10 s", " 10s", "10s ", "10S", "10sec", "1h30m", ".5s", "1.s",
                           "1.5.5s", "0x10s", "1e3s", "+5s", "ten", "10d", "1,5s", "\xef\xbc\x91s"}) {
    EXPECT_EQ(DurationFault(text), kNotADuration) << '"' << text << '"';
  }
  EXPECT_EQ(DurationFault(std::string_view("5s\0", 3)), kNotADuration);
}

TEST(DurationText, NegativeIsRejectedAsSuch) {
  EXPECT_EQ(DurationFault("-5s"), "is negative");
  EXPECT_EQ(DurationFault("-0"), "is negative");
}

TEST(DurationText, OverflowIsRejected) {
  EXPECT_EQ(DurationFault("9223372036854775808us"), "is too large");   // 2^63
  EXPECT_EQ(DurationFault("18446744073709551616us"), "is too large");  // 2^64
  EXPECT_EQ(DurationFault("2562047789h"), "is too large");
  EXPECT_EQ(DurationFault("99999999999999999999999999h"), "is too large");
  EXPECT_EQ(DurationFault("18446744073709551615.9s"), "is too large");
}

TEST(DurationText, FractionThatIsNotWholeMicrosecondsIsRejected) {
  EXPECT_EQ(DurationFault("0.5us"), "is not a whole number of the smallest unit");
  EXPECT_EQ(DurationFault("1.0001ms"), "is not a whole number of the smallest unit");
  EXPECT_EQ(DurationFault("0.1234567s"), "has too many digits after the decimal point");
}

TEST(DurationText, EveryUnitIsRead) {
  EXPECT_EQ(ParseDuration("7us").value(), 7us);
  EXPECT_EQ(ParseDuration("100ms").value(), 100ms);
  EXPECT_EQ(ParseDuration("10s").value(), 10s);
  EXPECT_EQ(ParseDuration("3m").value(), 3min);
  EXPECT_EQ(ParseDuration("2h").value(), 2h);
  EXPECT_EQ(ParseDuration("0").value(), 0s);
  EXPECT_EQ(ParseDuration("0ms").value(), 0s);
}

TEST(DurationText, DecimalsAreExact) {
  EXPECT_EQ(ParseDuration("1.5s").value(), 1500ms);
  EXPECT_EQ(ParseDuration("0.1s").value(), 100ms);
  EXPECT_EQ(ParseDuration("0.000001s").value(), 1us);
  EXPECT_EQ(ParseDuration("1.250000000s").value(), 1250ms);
  EXPECT_EQ(ParseDuration("0.000001h").value(), 3600us);
}

TEST(DurationText, IsWrittenInTheLargestUnitThatGivesAWholeNumber) {
  EXPECT_EQ(FormatDuration(0s), "0s");
  EXPECT_EQ(FormatDuration(75s), "75s");
  EXPECT_EQ(FormatDuration(120s), "2m");
  EXPECT_EQ(FormatDuration(60min), "1h");
  EXPECT_EQ(FormatDuration(1500ms), "1500ms");
  EXPECT_EQ(FormatDuration(1us), "1us");
}

TEST(SizeText, JunkIsRejected) {
  for (const char* text : {"", "MiB", "10 MiB", " 10", "10 ", "10mib", "10Mi", "10MBit", "0x10", "1e6",
                           "1_000", "1,000", "+1", "10PiB", ".5MiB", "1.MiB", "k"}) {
    EXPECT_EQ(BytesFault(text), kNotASize) << '"' << text << '"';
  }
}

TEST(SizeText, NegativeIsRejectedAsSuch) { EXPECT_EQ(BytesFault("-1KiB"), "is negative"); }

TEST(SizeText, OverflowIsRejected) {
  EXPECT_EQ(BytesFault("18446744073709551616"), "is too large");  // 2^64
  EXPECT_EQ(BytesFault("16777216TiB"), "is too large");           // 2^64
  EXPECT_EQ(BytesFault("16777215.999999TiB"), "is not a whole number of the smallest unit");
  EXPECT_EQ(BytesFault("18446744073709551615.5KiB"), "is too large");
}

TEST(SizeText, FractionThatIsNotWholeBytesIsRejected) {
  EXPECT_EQ(BytesFault("0.3KiB"), "is not a whole number of the smallest unit");
  EXPECT_EQ(BytesFault("1.5"), "is not a whole number of the smallest unit");
}

TEST(SizeText, EveryUnitIsRead) {
  EXPECT_EQ(ParseBytes("0").value(), 0u);
  EXPECT_EQ(ParseBytes("1000000").value(), 1'000'000u);
  EXPECT_EQ(ParseBytes("5B").value(), 5u);
  EXPECT_EQ(ParseBytes("1KiB").value(), 1024u);
  EXPECT_EQ(ParseBytes("1K").value(), 1024u);
  EXPECT_EQ(ParseBytes("1KB").value(), 1000u);
  EXPECT_EQ(ParseBytes("3MiB").value(), 3u << 20);
  EXPECT_EQ(ParseBytes("3M").value(), 3u << 20);
  EXPECT_EQ(ParseBytes("3MB").value(), 3'000'000u);
  EXPECT_EQ(ParseBytes("2GiB").value(), 2ull << 30);
  EXPECT_EQ(ParseBytes("2G").value(), 2ull << 30);
  EXPECT_EQ(ParseBytes("2GB").value(), 2'000'000'000ull);
  EXPECT_EQ(ParseBytes("1TiB").value(), 1ull << 40);
  EXPECT_EQ(ParseBytes("1T").value(), 1ull << 40);
  EXPECT_EQ(ParseBytes("1TB").value(), 1'000'000'000'000ull);
  EXPECT_EQ(ParseBytes("1.5GiB").value(), 3ull << 29);
  EXPECT_EQ(ParseBytes("18446744073709551615").value(), std::numeric_limits<std::uint64_t>::max());
}

TEST(SizeText, IsWrittenInTheLargestUnitThatGivesAWholeNumber) {
  EXPECT_EQ(FormatBytes(0), "0");
  EXPECT_EQ(FormatBytes(1'000'000), "1000000");
  EXPECT_EQ(FormatBytes(10u << 20), "10MiB");
  EXPECT_EQ(FormatBytes(1ull << 40), "1TiB");
  EXPECT_EQ(FormatBytes(1536), "1536");
  EXPECT_EQ(FormatBytes(1025u << 10), "1025KiB");
}

}  // namespace
}  // namespace ei::service
