#include "adapters/kafka/wire/decoder.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ei::kafka::wire {
namespace {

using namespace std::string_view_literals;

uint32_t VarintIn(std::string_view bytes) {
  Decoder in(bytes, true);
  const uint32_t number = in.UnsignedVarint();
  EXPECT_TRUE(in.Finished());
  return number;
}

TEST(Decoder, ReadsWhatTheProtocolDescribes) {
  Decoder in("\x01\x00\x02\x12\x34\xff\xff\xff\xfe\x00\x00\x00\x00\x00\x00\x00\x05"sv, false);
  EXPECT_TRUE(in.Bool());
  EXPECT_FALSE(in.Bool());
  EXPECT_TRUE(in.Bool()) << "any other number than 0";
  EXPECT_EQ(in.Int<int16_t>(), 0x1234);
  EXPECT_EQ(in.Int<int32_t>(), -2);
  EXPECT_FALSE(in.Finished());
  EXPECT_EQ(in.Rest().size(), 8U);
  EXPECT_EQ(in.Int<int64_t>(), 5);
  EXPECT_TRUE(in.Finished());
  EXPECT_FALSE(in.Failed());
}

TEST(Decoder, AnIdIsReadInItsOrder) {
  Decoder in("\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x02"sv, true);
  EXPECT_EQ(in.Id(), (TopicId{1, 2}));
  EXPECT_TRUE(in.Finished());
}

TEST(Decoder, AfterAValueThatIsIncompleteNothingIsRead) {
  Decoder in("\x01\x02\x03"sv, false);
  EXPECT_EQ(in.Int<int32_t>(), 0);
  EXPECT_TRUE(in.Failed());
  EXPECT_TRUE(in.Rest().empty());
  EXPECT_FALSE(in.Finished()) << "though nothing is left";
  EXPECT_EQ(in.Int<int8_t>(), 0);
  EXPECT_EQ(in.String(), "");
  EXPECT_EQ(in.Count(), 0U);
}

TEST(Decoder, AVarintHasUpTo32Bits) {
  EXPECT_EQ(VarintIn("\x00"sv), 0U);
  EXPECT_EQ(VarintIn("\x7f"sv), 0x7fU);
  EXPECT_EQ(VarintIn("\x80\x01"sv), 0x80U);
  EXPECT_EQ(VarintIn("\xac\x02"sv), 300U);
  EXPECT_EQ(VarintIn("\xff\xff\xff\xff\x0f"sv), 0xffffffffU);
  for (const std::string_view bytes : {"\xff\xff\xff\xff\x10"sv, "\xff\xff\xff\xff\x8f\x01"sv}) {
    Decoder in(bytes, true);
    EXPECT_EQ(in.UnsignedVarint(), 0U);
    EXPECT_TRUE(in.Failed());
  }
  Decoder cut("\x80"sv, true);
  EXPECT_EQ(cut.UnsignedVarint(), 0U);
  EXPECT_TRUE(cut.Failed());
}

TEST(Decoder, AnEmptyStringIsNotNull) {
  Decoder fixed("\x00\x00\xff\xff\x00\x02hi"sv, false);
  EXPECT_EQ(fixed.NullableString(), "");
  EXPECT_EQ(fixed.NullableString(), std::nullopt);
  EXPECT_EQ(fixed.String(), "hi");
  EXPECT_TRUE(fixed.Finished());
  Decoder compact("\x01\x00\x03hi\x00"sv, true);
  EXPECT_EQ(compact.NullableString(), "");
  EXPECT_EQ(compact.NullableString(), std::nullopt);
  EXPECT_EQ(compact.String(), "hi");
  EXPECT_EQ(compact.String(), "") << "null, which some brokers send";
  EXPECT_TRUE(compact.Finished());
}

TEST(Decoder, AStringIsNotLongerThanTheMessage) {
  Decoder longer("\x00\x03hi"sv, false);
  EXPECT_EQ(longer.NullableString(), "");
  EXPECT_TRUE(longer.Failed());
  Decoder negative("\xff\xfehi"sv, false);
  EXPECT_EQ(negative.NullableString(), std::nullopt);
  EXPECT_TRUE(negative.Failed());
}

TEST(Decoder, BytesHaveALongerSizeThanStrings) {
  Decoder fixed("\x00\x00\x00\x02hi\xff\xff\xff\xff\x00\x00\x00\x00"sv, false);
  EXPECT_EQ(fixed.Bytes(), "hi");
  EXPECT_EQ(fixed.NullableBytes(), std::nullopt);
  EXPECT_EQ(fixed.NullableBytes(), "");
  EXPECT_TRUE(fixed.Finished());
  Decoder compact("\x03hi\x00"sv, true);
  EXPECT_EQ(compact.Bytes(), "hi");
  EXPECT_EQ(compact.Bytes(), "");
  EXPECT_TRUE(compact.Finished());
}

TEST(Decoder, AnArrayHasNoMoreElementsThanTheMessageHasBytes) {
  Decoder fits("\x00\x00\x00\x02hi"sv, false);
  EXPECT_EQ(fits.Count(), 2U);
  EXPECT_FALSE(fits.Failed());
  Decoder empty("\x00\x00\x00\x00\xff\xff\xff\xff"sv, false);
  EXPECT_EQ(empty.Count(), 0U);
  EXPECT_EQ(empty.Count(), 0U) << "null";
  EXPECT_TRUE(empty.Finished());
  Decoder compact("\x03hi"sv, true);
  EXPECT_EQ(compact.Count(), 2U);
  Decoder longer("\x00\x00\x00\x03hi"sv, false);
  EXPECT_EQ(longer.Count(), 0U);
  EXPECT_TRUE(longer.Failed());
}

TEST(Decoder, AnArrayHasABoundInAnyMessage) {
  const auto with = [](uint32_t count) {
    std::string bytes;
    Encoder(bytes, false).Int(count);
    return bytes + std::string(Decoder::kElementsMax + 1, 'x');
  };
  const std::string most = with(Decoder::kElementsMax);
  EXPECT_EQ(Decoder(most, false).Count(), Decoder::kElementsMax);
  const std::string more = with(Decoder::kElementsMax + 1);
  Decoder in(more, false);
  EXPECT_EQ(in.Count(), 0U);
  EXPECT_TRUE(in.Failed());
}

TEST(Decoder, TagsAreReadOneByOne) {
  std::vector<std::pair<uint32_t, std::string>> tags;
  const auto note = [&](uint32_t tag, std::string_view bytes) { tags.emplace_back(tag, bytes); };
  Decoder in("\x02\x00\x02hi\x07\x00z"sv, true);
  in.Tags(note);
  EXPECT_EQ(tags, (std::vector<std::pair<uint32_t, std::string>>{{0, "hi"}, {7, ""}}));
  EXPECT_EQ(in.Rest(), "z");

  tags.clear();
  Decoder cut("\x02\x00\x02hi\x07\x05z"sv, true);
  cut.Tags(note);
  EXPECT_EQ(tags.size(), 1U);
  EXPECT_TRUE(cut.Failed());

  Decoder fixed("\x02\x00"sv, false);
  fixed.Tags(note);
  EXPECT_EQ(fixed.Rest().size(), 2U) << "only flexible messages have tags";
  Decoder passed("\x01\x05\x01xy"sv, true);
  passed.Tags();
  EXPECT_EQ(passed.Rest(), "y");
}

}  // namespace
}  // namespace ei::kafka::wire
