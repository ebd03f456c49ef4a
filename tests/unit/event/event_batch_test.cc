#include "event/event_batch.h"

#include <gtest/gtest.h>

#include <string>

#include "base/murmur2.h"
#include "support/events.h"

namespace ei {
namespace {

constexpr std::string_view kGenerated = "01890000-0000-7000-8000-000000000000";
constexpr std::string_view kReceived = "2026-01-31T12:00:00.123Z";

std::string_view Slice(const EventBatch& batch, size_t i, uint32_t offset, uint32_t size) {
  return std::string_view(batch.Bytes()).substr(batch.Events()[i].offset + offset, size);
}
std::string_view Value(const EventBatch& batch, size_t i) {
  return Slice(batch, i, 0, batch.Events()[i].value_size);
}
std::string_view Trace(const EventBatch& batch, size_t i) {
  const EventSlices& slices = batch.Events()[i];
  return Slice(batch, i, slices.size - slices.context_size, slices.context_size);
}
std::string_view Topic(const EventBatch& batch, size_t i) {
  const EventSlices& slices = batch.Events()[i];
  return Slice(batch, i, slices.size - slices.context_size - slices.topic_size, slices.topic_size);
}
std::string_view Key(const EventBatch& batch, size_t i) {
  return Slice(batch, i, batch.Events()[i].key_offset, batch.Events()[i].key_size);
}

class EventBatchTest : public ::testing::Test {
 protected:
  void Add(DecodedEvent event, const Route& route = support::kById, std::string_view trace = {}) {
    event.route = &route;
    batch_.Add(event, kGenerated, kReceived,
               {.context = {.client = {}, .traceparent = trace}, .key = "of-the-header"});
  }
  EventBatch batch_;
};

DecodedEvent Bare(std::string_view json) {
  DecodedEvent event;
  event.json = json;
  event.type = support::StringMember("t");
  return event;
}

TEST_F(EventBatchTest, MissingIdAndTimestampAreWrittenFirstInThatOrder) {
  Add(Bare(R"({ "type":"t","n":1e999})"));
  EXPECT_EQ(Value(batch_, 0), R"({"id":")" + std::string(kGenerated) + R"(","timestamp":")" +
                                  std::string(kReceived) + R"(", "type":"t","n":1e999})");
  EXPECT_EQ(batch_.RawId(0), kGenerated);
  EXPECT_EQ(Key(batch_, 0), kGenerated);
}

TEST_F(EventBatchTest, MissingIdAloneIsWrittenFirst) {
  DecodedEvent event = Bare(R"({"type":"t","timestamp":"2026-01-31T12:00:00Z"})");
  event.timestamp = support::StringMember("2026-01-31T12:00:00Z");
  Add(event);
  EXPECT_EQ(Value(batch_, 0),
            R"({"id":")" + std::string(kGenerated) + R"(","type":"t","timestamp":"2026-01-31T12:00:00Z"})");
}

TEST_F(EventBatchTest, MissingTimestampAloneIsWrittenFirstAndTheIdIsStillFound) {
  const std::string json = R"({"type":"t","id":"order-7"})";
  DecodedEvent event = support::EventWithId(json, "order-7");
  event.timestamp = Member{};
  Add(event);
  EXPECT_EQ(Value(batch_, 0),
            R"({"timestamp":")" + std::string(kReceived) + R"(","type":"t","id":"order-7"})");
  EXPECT_EQ(batch_.RawId(0), "order-7");
  EXPECT_EQ(Key(batch_, 0), "order-7");
}

TEST_F(EventBatchTest, CompleteEventIsCopiedByteForByte) {
  const std::string json = "{\r\n\t\"id\":\"x\" ,\"timestamp\":\"\",\"n\":1.000,\"s\":\"\\u0041\xc3\xa9\"  }";
  Add(support::EventWithId(json, "x"));
  EXPECT_EQ(Value(batch_, 0), json);
  EXPECT_EQ(batch_.RawId(0), "x");
}

TEST_F(EventBatchTest, KeyOfAnEscapedIdIsTheResolvedOne) {
  const std::string json = R"({"id":"caf\u00e9\n","type":"t"})";
  DecodedEvent event = support::EventWithId(json, R"(caf\u00e9\n)");
  event.id.text = "caf\xc3\xa9\n";
  Add(event);
  EXPECT_EQ(Value(batch_, 0), json);
  EXPECT_EQ(Key(batch_, 0), "caf\xc3\xa9\n");
  EXPECT_EQ(batch_.RawId(0), R"(caf\u00e9\n)");
  EXPECT_EQ(batch_.Events()[0].key_hash, base::Murmur2("caf\xc3\xa9\n"));
}

TEST_F(EventBatchTest, KeySourceNoneGivesNoKeyAndNoHash) {
  const std::string json = R"({"id":"x"})";
  DecodedEvent event = support::EventWithId(json, "x");
  event.key = "unused";
  event.has_key = true;
  Add(event, support::kWithoutKey);
  EXPECT_EQ(batch_.Events()[0].key_offset, EventSlices::kNoKey);
  EXPECT_EQ(batch_.Events()[0].key_size, 0U);
  EXPECT_EQ(batch_.Events()[0].key_hash, 0U);
  EXPECT_EQ(batch_.Events()[0].size, json.size());
}

TEST_F(EventBatchTest, KeyPointerThatLeadsNowhereGivesNoKey) {
  const std::string json = R"({"id":"x"})";
  Add(support::EventWithId(json, "x"), support::kByPointer);
  EXPECT_EQ(batch_.Events()[0].key_offset, EventSlices::kNoKey);
}

TEST_F(EventBatchTest, KeyPointerGivesTheSelectedValue) {
  const std::string json = R"({"id":"x"})";
  DecodedEvent event = support::EventWithId(json, "x");
  event.has_key = true;
  event.key = "user-42";
  Add(event, support::kByPointer);
  event.key = "";
  Add(event, support::kByPointer);
  EXPECT_EQ(Key(batch_, 0), "user-42");
  EXPECT_EQ(batch_.Events()[0].key_hash, base::Murmur2("user-42"));
  EXPECT_NE(batch_.Events()[1].key_offset, EventSlices::kNoKey) << "an empty string is a key";
  EXPECT_EQ(batch_.Events()[1].key_size, 0U);
  EXPECT_EQ(batch_.Events()[1].key_hash, base::Murmur2(""));
}

TEST_F(EventBatchTest, TraceparentFollowsTheEvent) {
  const std::string json = R"({"id":"x"})";
  Add(support::EventWithId(json, "x"), support::kById, "00-abc-def-01");
  Add(support::EventWithId(json, "x"), support::kById);
  EXPECT_EQ(Trace(batch_, 0), "00-abc-def-01");
  EXPECT_EQ(Value(batch_, 0), json);
  EXPECT_EQ(batch_.Events()[1].context_size, 0U);
}

TEST_F(EventBatchTest, TheContextOfTheRequestFollowsTheEvent) {
  const std::string json = R"({"id":"x"})";
  for (const std::string_view client : {"", "orders"}) {
    for (const std::string_view traceparent : {"", "00-abc-def-01"}) {
      batch_.Clear();
      const EventContext context{client, traceparent};
      batch_.Add(support::EventWithId(json, "x"), kGenerated, kReceived, {.context = context});
      EXPECT_EQ(ReadContext(Trace(batch_, 0)), context);
      EXPECT_EQ(Value(batch_, 0), json);
    }
  }
}

TEST_F(EventBatchTest, HeaderGivesTheKeyToAllEventsOfARequest) {
  const Route route{.topic = {}, .key_source = KeySource::kHeader};
  Add(Bare(R"({"type":"t"})"), route);
  EXPECT_EQ(Key(batch_, 0), "of-the-header");
  EXPECT_EQ(batch_.Events()[0].key_hash, base::Murmur2("of-the-header"));
  DecodedEvent event = Bare(R"({"type":"t"})");
  event.route = &route;
  batch_.Add(event, kGenerated, kReceived, {});
  EXPECT_EQ(batch_.Events()[1].key_offset, EventSlices::kNoKey) << "the request had no such header";
}

TEST_F(EventBatchTest, TopicOfTheRouteIsBeforeTheTrace) {
  const std::string json = R"({"id":"x"})";
  const Route route{.topic = "orders"};
  Add(support::EventWithId(json, "x"), route, "00-abc-def-01");
  Add(support::EventWithId(json, "x"));
  EXPECT_EQ(Topic(batch_, 0), "orders");
  EXPECT_EQ(Trace(batch_, 0), "00-abc-def-01");
  EXPECT_EQ(Value(batch_, 0), json);
  EXPECT_EQ(batch_.Events()[1].topic_size, 0U);
}

TEST_F(EventBatchTest, ManyEventsAreContiguous) {
  std::vector<std::string> bodies;
  for (int i = 0; i < 1000; ++i) {
    bodies.push_back(R"({"id":")" + std::to_string(i) + R"(","p":")" +
                     std::string(static_cast<size_t>(i % 7), 'p') + "\"}");
  }
  for (int i = 0; i < 1000; ++i) {
    DecodedEvent event = support::EventWithId(bodies[static_cast<size_t>(i)], std::to_string(i));
    event.has_key = i % 3 == 0;
    event.key = "pointer-key";
    Add(event, i % 3 == 0 ? support::kByPointer : support::kById, i % 2 == 0 ? "trace" : "");
  }
  ASSERT_EQ(batch_.Size(), 1000U);
  uint32_t offset = 0;
  for (size_t i = 0; i < batch_.Size(); ++i) {
    const EventSlices& slices = batch_.Events()[i];
    ASSERT_EQ(slices.offset, offset);
    offset += slices.size;
    ASSERT_EQ(Value(batch_, i), bodies[i]);
    ASSERT_EQ(batch_.RawId(i), std::to_string(i));
    ASSERT_EQ(Key(batch_, i), i % 3 == 0 ? "pointer-key" : std::to_string(i));
    ASSERT_EQ(slices.key_hash, base::Murmur2(Key(batch_, i)));
    ASSERT_EQ(Trace(batch_, i), i % 2 == 0 ? "trace" : "");
  }
  EXPECT_EQ(offset, batch_.Bytes().size());
  uint64_t client_bytes = 0;
  for (const std::string& body : bodies) client_bytes += body.size();
  EXPECT_EQ(batch_.ClientBytes(), client_bytes);
}

TEST_F(EventBatchTest, AddedMembersAreNotClientBytes) {
  const std::string_view json = R"({"type":"t"})";
  Add(Bare(json), support::kById, "00-abc-def-01");
  EXPECT_EQ(batch_.ClientBytes(), json.size());
  batch_.Clear();
  EXPECT_EQ(batch_.ClientBytes(), 0U);
}

TEST_F(EventBatchTest, ABatchWithoutSomeEventsHasTheOthersUnchanged) {
  std::vector<std::string> bodies;
  for (int i = 0; i < 6; ++i) {
    bodies.push_back(R"({"id":"e)" + std::to_string(i) + R"(","p":")" +
                     std::string(static_cast<size_t>(10 * i), 'p') + "\"}");
  }
  for (size_t i = 0; i < bodies.size(); ++i) {
    Add(support::EventWithId(bodies[i], "e" + std::to_string(i)), support::kById, i == 2 ? "trace" : "");
  }
  EventBatch rest;
  rest.AssignWithout(batch_, std::vector<uint32_t>{0, 3, 5});
  ASSERT_EQ(rest.Size(), 3U);
  const size_t kept[] = {1, 2, 4};
  for (size_t i = 0; i < rest.Size(); ++i) {
    EXPECT_EQ(Value(rest, i), bodies[kept[i]]);
    EXPECT_EQ(rest.RawId(i), batch_.RawId(kept[i]));
    EXPECT_EQ(Key(rest, i), Key(batch_, kept[i]));
    EXPECT_EQ(rest.Events()[i].key_hash, batch_.Events()[kept[i]].key_hash);
    EXPECT_EQ(Trace(rest, i), kept[i] == 2 ? "trace" : "");
  }
  EXPECT_EQ(rest.ClientBytes(), batch_.ClientBytes());
  rest.AssignWithout(batch_, std::vector<uint32_t>{0, 1, 2, 3, 4, 5});
  EXPECT_TRUE(rest.Empty() && rest.Bytes().empty());
}

TEST_F(EventBatchTest, UndoAddRestoresTheBatch) {
  Add(Bare(R"({"type":"kept"})"));
  const EventBatch before = batch_;
  const DecodedEvent event = Bare(R"({"type":"undone"})");
  Add(event, support::kById, "trace");
  batch_.UndoAdd(event);
  EXPECT_EQ(batch_.Size(), 1U);
  EXPECT_EQ(batch_.Bytes(), before.Bytes());
  EXPECT_EQ(batch_.ClientBytes(), before.ClientBytes());
}

TEST_F(EventBatchTest, ClearedBatchIsEmptyAndStartsAtZero) {
  Add(Bare(R"({"type":"t"})"));
  batch_.Clear();
  EXPECT_TRUE(batch_.Empty());
  EXPECT_TRUE(batch_.Bytes().empty());
  Add(Bare(R"({"type":"t"})"));
  EXPECT_EQ(batch_.Size(), 1U);
  EXPECT_EQ(batch_.Events()[0].offset, 0U);
}

}  // namespace
}  // namespace ei
