#include "adapters/wal/wal_format.h"

#include <gtest/gtest.h>

#include <limits>

#include "support/random.h"

namespace ei::wal {
namespace {

const SegmentHeader kSegment{
    .number = 42, .first_position = 1'000'000, .salt = 0xfedcba9876543210, .segment_bytes = 32 << 20};

// A frame's header and end as in a segment.
struct EncodedFrame {
  explicit EncodedFrame(const std::vector<IndexEntry>& entries, const std::vector<Origin>& origins = {},
                        const std::string& topic = {}) {
    for (const IndexEntry& entry : entries) {
      AppendIndexEntry(index, entry);
      fields.body_bytes += entry.size;
    }
    fields.segment = 42;
    fields.salt = 7;
    fields.first_position = 1'000'000;
    fields.accepted_at = -5;
    fields.events = static_cast<uint32_t>(entries.size());
    for (const Origin& origin : origins) AppendOrigin(index, origin);
    fields.origins = static_cast<uint32_t>(origins.size());
    index.append(topic);
    fields.topic_size = static_cast<uint16_t>(topic.size());
    AppendFrameHeader(header, fields, index);
  }

  bool Sound() const {
    uint32_t crc = 0;
    const auto decoded = DecodeFrameHeader(header, &crc);
    FrameEnd end;
    return decoded && DecodeFrameEnd(index, crc, *decoded, end);
  }

  FrameHeader fields;
  std::string header;
  std::string index;  // with everything behind it
};

IndexEntry Entry(uint32_t size) { return {.crc = 1, .size = size, .value_size = size}; }

void Flip(std::string& bytes, size_t bit) {
  bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ 1 << bit % 8);
}

TEST(SegmentHeaderFormat, ComesBackFromEitherCopy) {
  const std::string both = EncodeSegmentHeader(kSegment);
  ASSERT_EQ(both.size(), kSegmentHeaderBytes);
  for (const size_t spoiled : {size_t{0}, kSectorBytes}) {
    std::string bytes = both;
    bytes.replace(spoiled, kSectorBytes, kSectorBytes, '\0');
    const auto header = DecodeSegmentHeader(bytes);
    ASSERT_TRUE(header);
    EXPECT_EQ(header->number, kSegment.number);
    EXPECT_EQ(header->first_position, kSegment.first_position);
    EXPECT_EQ(header->salt, kSegment.salt);
    EXPECT_EQ(header->segment_bytes, kSegment.segment_bytes);
  }
}

TEST(SegmentHeaderFormat, EveryBitOfACopyCounts) {
  const std::string copy = EncodeSegmentHeader(kSegment).substr(0, kSectorBytes);
  ASSERT_TRUE(DecodeSegmentHeader(copy));
  size_t used_bits = 8 * copy.find_last_not_of('\0') + 8;
  for (size_t bit = 0; bit < used_bits; ++bit) {
    std::string bytes = copy;
    Flip(bytes, bit);
    EXPECT_FALSE(DecodeSegmentHeader(bytes)) << bit;
  }
}

TEST(SegmentHeaderFormat, ShortOrForeignBytesAreNone) {
  const std::string both = EncodeSegmentHeader(kSegment);
  for (size_t size = 0; size < kSectorBytes; ++size) EXPECT_FALSE(DecodeSegmentHeader(both.substr(0, size)));
  EXPECT_TRUE(DecodeSegmentHeader(both.substr(0, kSectorBytes)));
  EXPECT_FALSE(DecodeSegmentHeader(std::string(kSegmentHeaderBytes, '\0')));
  support::Random random(support::SeedOr(1));
  for (int round = 0; round < 1'000; ++round) {
    std::string noise(kSegmentHeaderBytes, '\0');
    for (char& c : noise) c = static_cast<char>(random.Next());
    noise.replace(0, 8, both.substr(0, 8));
    EXPECT_FALSE(DecodeSegmentHeader(noise));
  }
}

TEST(FrameBytes, AreWholeSectorsThatHoldAll) {
  EXPECT_EQ(FrameBytes(0, 1), kSectorBytes);
  for (uint64_t events = 1; events < 40; ++events) {
    for (uint64_t body_bytes = 0; body_bytes < 2'000; ++body_bytes) {
      const uint64_t bytes = FrameBytes(body_bytes, events);
      const uint64_t needed = kFrameHeaderBytes + body_bytes + events * kIndexEntryBytes;
      ASSERT_EQ(bytes % kSectorBytes, 0U);
      ASSERT_GE(bytes, needed);
      ASSERT_LT(bytes, needed + kSectorBytes);
    }
  }
}

TEST(FrameFormat, ComesBack) {
  std::vector<IndexEntry> entries;
  for (uint32_t i = 0; i < 5; ++i) {
    entries.push_back({.crc = i,
                       .size = 100 + i,
                       .value_size = 50 + i,
                       .key_offset = 60,
                       .key_size = 7 + i,
                       .context_size = static_cast<uint8_t>(i),
                       .added_size = static_cast<uint8_t>(40 + i),
                       .topic_size = static_cast<uint16_t>(2 * i),
                       .key_hash = 0xffff0000 + i,
                       .id_offset = 3,
                       .id_size = 36});
  }
  entries[2].key_offset = IndexEntry::kNoKey;
  entries[2].key_size = 0;
  const std::vector<Origin> origins = {{3, 0xfeed'0000'0000'0001}, {2, 0}};
  const EncodedFrame frame(entries, origins, "orders");
  ASSERT_EQ(frame.header.size(), kFrameHeaderBytes);
  ASSERT_EQ(frame.index.size(), 5 * kIndexEntryBytes + 2 * kOriginBytes + 6);

  uint32_t crc = 0;
  const auto header = DecodeFrameHeader(frame.header, &crc);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->segment, frame.fields.segment);
  EXPECT_EQ(header->salt, frame.fields.salt);
  EXPECT_EQ(header->first_position, frame.fields.first_position);
  EXPECT_EQ(header->accepted_at, -5);
  EXPECT_EQ(header->body_bytes, frame.fields.body_bytes);
  EXPECT_EQ(header->events, 5U);
  EXPECT_EQ(FrameEndBytes(*header), frame.index.size());
  FrameEnd end{std::vector<IndexEntry>(1'000), {{7, 7}}, "before"};  // what was in it goes
  ASSERT_TRUE(DecodeFrameEnd(frame.index, crc, *header, end));
  EXPECT_EQ(end.origins, origins);
  EXPECT_EQ(end.topic, "orders");
  const std::vector<IndexEntry>& index = end.index;
  ASSERT_EQ(index.size(), 5U);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(index[i].crc, entries[i].crc);
    EXPECT_EQ(index[i].size, entries[i].size);
    EXPECT_EQ(index[i].value_size, entries[i].value_size);
    EXPECT_EQ(index[i].key_offset, entries[i].key_offset);
    EXPECT_EQ(index[i].key_size, entries[i].key_size);
    EXPECT_EQ(index[i].context_size, entries[i].context_size);
    EXPECT_EQ(index[i].added_size, entries[i].added_size);
    EXPECT_EQ(index[i].topic_size, entries[i].topic_size);
    EXPECT_EQ(index[i].key_hash, entries[i].key_hash);
    EXPECT_EQ(index[i].id_offset, entries[i].id_offset);
    EXPECT_EQ(index[i].id_size, entries[i].id_size);
  }
}

TEST(FrameFormat, EveryBitOfHeaderAndIndexCounts) {
  EncodedFrame frame({Entry(10), Entry(0), Entry(300)}, {{1, 4}, {2, 5}}, "t");
  ASSERT_TRUE(frame.Sound());
  for (std::string* part : {&frame.header, &frame.index}) {
    for (size_t bit = 0; bit < part->size() * 8; ++bit) {
      Flip(*part, bit);
      EXPECT_FALSE(frame.Sound()) << bit;
      Flip(*part, bit);
    }
  }
  EXPECT_TRUE(frame.Sound());
}

TEST(FrameFormat, PaddingReachesTheNextSector) {
  for (size_t body = 0; body < 1'200; body += 7) {
    const EncodedFrame frame({Entry(static_cast<uint32_t>(body))});
    std::string out(3 * kSectorBytes, 'x');
    out.append(frame.header).append(std::string(body, 'b'));
    AppendFrameEnd(out, frame.index);
    EXPECT_EQ(out.size(), 3 * kSectorBytes + FrameBytes(body, 1));
  }
}

TEST(FrameFormat, ShortHeaderIsNone) {
  const EncodedFrame frame({Entry(1)});
  uint32_t crc = 0;
  for (size_t size = 0; size < kFrameHeaderBytes; ++size) {
    EXPECT_FALSE(DecodeFrameHeader(frame.header.substr(0, size), &crc));
  }
}

// The checksums are right in all of these: a writer produced these values.
TEST(FrameFormat, ImpossibleNumbersAreRejected) {
  uint32_t crc = 0;
  std::string out;
  FrameHeader header;
  for (const uint32_t events : {0U, kFrameEventsMax + 1, std::numeric_limits<uint32_t>::max()}) {
    header.events = events;
    out.clear();
    AppendFrameHeader(out, header, {});
    EXPECT_FALSE(DecodeFrameHeader(out, &crc)) << events;
  }
  constexpr uint32_t kMax = std::numeric_limits<uint32_t>::max();
  IndexEntry sound = {.size = 100,
                      .value_size = 50,
                      .key_offset = 50,
                      .key_size = 50,
                      .context_size = 30,
                      .topic_size = 20,
                      .id_offset = 20,
                      .id_size = 30};
  EXPECT_TRUE(EncodedFrame({sound}).Sound()) << "at the very edge";
  const auto rejected = [&]<typename Number>(Number IndexEntry::* field, uint32_t value) {
    IndexEntry entry = sound;
    entry.*field = static_cast<Number>(value);
    return !EncodedFrame({entry}).Sound();
  };
  EXPECT_TRUE(rejected(&IndexEntry::size, 99));
  EXPECT_TRUE(rejected(&IndexEntry::value_size, 51));
  EXPECT_TRUE(rejected(&IndexEntry::value_size, kMax));
  EXPECT_TRUE(rejected(&IndexEntry::value_size, 49)) << "the id lies beyond it";
  EXPECT_TRUE(rejected(&IndexEntry::key_offset, 51));
  EXPECT_TRUE(rejected(&IndexEntry::key_offset, kMax - 1));
  EXPECT_TRUE(rejected(&IndexEntry::key_size, 51));
  EXPECT_TRUE(rejected(&IndexEntry::key_size, kMax)) << "must not wrap around";
  EXPECT_TRUE(rejected(&IndexEntry::context_size, 31));
  EXPECT_TRUE(rejected(&IndexEntry::topic_size, 21));
  EXPECT_TRUE(rejected(&IndexEntry::topic_size, 0xffff));
  EXPECT_TRUE(rejected(&IndexEntry::id_offset, 21));
  EXPECT_TRUE(rejected(&IndexEntry::id_offset, kMax));
  EXPECT_TRUE(rejected(&IndexEntry::id_size, kMax));
  EXPECT_TRUE(rejected(&IndexEntry::added_size, 50)) << "the first byte is the client's";
  EXPECT_TRUE(EncodedFrame({Entry(1), Entry(2)}, {{1, 1}, {1, 2}}, std::string(249, 't')).Sound());
  EXPECT_FALSE(EncodedFrame({Entry(1), Entry(2)}, {{1, 1}}, "t").Sound()) << "whose is the second one?";
  EXPECT_FALSE(EncodedFrame({Entry(1)}, {{1, 1}, {1, 2}}, "t").Sound());
  EXPECT_FALSE(EncodedFrame({Entry(1)}, {{1, 1}}, std::string(250, 't')).Sound());
  EXPECT_FALSE(EncodedFrame({Entry(1)}, {{1, 1}}, "no topic").Sound());
  EXPECT_FALSE(EncodedFrame({Entry(1)}, {{1, 1}}, std::string("t\0", 2)).Sound());
}

TEST(FrameFormat, OriginsAreReturnedEventByEvent) {
  const std::vector<Origin> origins = {{0, 4}, {2, 5}, {0, 6}, {1, 7}};
  OriginCursor cursor(origins);
  for (const uint64_t client : {5, 5, 7}) EXPECT_EQ(cursor.Next(), client);
  EXPECT_EQ(cursor.Next(), std::nullopt);
  std::vector<Origin> joined;
  for (const Origin& origin : {Origin{1, 5}, Origin{2, 5}, Origin{1, 6}, Origin{1, 5}})
    AddOrigin(joined, origin);
  EXPECT_EQ(joined, (std::vector<Origin>{{3, 5}, {1, 6}, {1, 5}}));
}

TEST(FrameFormat, IndexThatDoesNotMatchItsHeaderIsRejected) {
  const EncodedFrame frame({Entry(10), Entry(20)});
  uint32_t crc = 0;
  const auto header = DecodeFrameHeader(frame.header, &crc);
  ASSERT_TRUE(header);
  FrameEnd index;
  EXPECT_FALSE(DecodeFrameEnd(frame.index.substr(0, kIndexEntryBytes), crc, *header, index)) << "too short";
  FrameHeader other = *header;
  other.body_bytes = 31;
  EXPECT_FALSE(DecodeFrameEnd(frame.index, crc, other, index)) << "sizes must add up";
  other.body_bytes = 29;
  EXPECT_FALSE(DecodeFrameEnd(frame.index, crc, other, index));
  EXPECT_TRUE(DecodeFrameEnd(frame.index, crc, *header, index));
}

}  // namespace
}  // namespace ei::wal
