#include "bench/event_template.h"

#include <gtest/gtest.h>

#include <string>

namespace ei::bench {
namespace {

constexpr std::string_view kPrefix = "0a1b2c3d";

std::string Numbered(const EventTemplate& events, std::uint64_t first_counter) {
  std::string copy(events.Text());
  events.Number(copy, first_counter);
  return copy;
}

TEST(EventTemplate, EventHasTheAskedSizeAndKeepsItForEveryCounter) {
  const EventTemplate event = EventTemplate::Event(kPrefix, 284);
  EXPECT_EQ(event.Text().size(), 284U);
  const std::string text = Numbered(event, 999'999'999'999);
  EXPECT_EQ(text.size(), 284U);
  EXPECT_TRUE(text.starts_with(R"({"id":"0a1b2c3d-999999999999","type":")")) << text;
  EXPECT_TRUE(text.ends_with(R"("}})")) << text;
}

TEST(EventTemplate, EventIsNeverCutShort) {
  EXPECT_EQ(EventTemplate::Event(kPrefix, 1).Text(), EventTemplate::Event(kPrefix, 100).Text());
}

TEST(EventTemplate, SingleRequestIsOneJsonObject) {
  const EventTemplate request = EventTemplate::Request(kPrefix, 284, 1, "127.0.0.1:80", "/events");
  EXPECT_EQ(request.Events(), 1U);
  const std::string event = Numbered(EventTemplate::Event(kPrefix, 284), 42);
  EXPECT_EQ(Numbered(request, 42),
            "POST /events HTTP/1.1\r\nHost: 127.0.0.1:80\r\nContent-Type: application/json\r\n"
            "Content-Length: 284\r\n\r\n" +
                event);
}

TEST(EventTemplate, AHeaderIsAddedToTheRequest) {
  const EventTemplate request =
      EventTemplate::Request(kPrefix, 284, 1, "127.0.0.1:80", "/events", false, "X-API-Key: k");
  EXPECT_TRUE(request.Text().starts_with(
      "POST /events HTTP/1.1\r\nHost: 127.0.0.1:80\r\nX-API-Key: k\r\nContent-Type: application/json\r\n"));
}

TEST(EventTemplate, UserIsSetInEveryEventAndNothingElseChanges) {
  const EventTemplate request = EventTemplate::Request(kPrefix, 284, 3, "127.0.0.1:80", "/events");
  std::string text(request.Text());
  request.SetUser(text, 907);
  std::size_t users = 0;
  for (std::size_t at = 0; (at = text.find(R"("user_id":"u-00907",)", at)) != std::string::npos; ++at) {
    text.replace(at, 20, R"("user_id":"u-48210",)");
    ++users;
  }
  EXPECT_EQ(users, 3U);
  EXPECT_EQ(text, request.Text());
}

TEST(EventTemplate, NamelessEventHasItsIdUnderAnotherNameAndGetsItBack) {
  const EventTemplate request = EventTemplate::Request(kPrefix, 284, 2, "127.0.0.1:80", "/events");
  std::string text(request.Text());
  request.SetNamed(text, false);
  EXPECT_EQ(text.size(), request.Text().size());
  EXPECT_EQ(text.find(R"("id":)"), std::string::npos);
  const std::size_t first = text.find(R"({"nr":"0a1b2c3d-)");
  ASSERT_NE(first, std::string::npos);
  EXPECT_NE(text.find(R"({"nr":"0a1b2c3d-)", first + 1), std::string::npos);
  request.SetNamed(text, true);
  EXPECT_EQ(text, request.Text());
}

TEST(EventTemplate, SpoiltBatchHasOneMoreLineAndRequestsAllOrNothing) {
  const EventTemplate sound = EventTemplate::Request(kPrefix, 284, 2, "127.0.0.1:80", "/events");
  const EventTemplate spoilt = EventTemplate::Request(kPrefix, 284, 2, "127.0.0.1:80", "/events", true);
  EXPECT_EQ(spoilt.Events(), 2U);
  const std::string text = Numbered(spoilt, 5);
  EXPECT_NE(text.find("\r\nPrefer: handling=strict\r\n"), std::string::npos);
  EXPECT_NE(text.find("\r\nContent-Length: 573\r\n\r\n"), std::string::npos);
  const std::string whole = Numbered(sound, 5);
  EXPECT_TRUE(text.ends_with(whole.substr(whole.find("{\"id\"")) + "{}\n"));
}

TEST(EventTemplate, BatchNumbersItsLinesAcrossEveryCarry) {
  for (const std::uint64_t first : {std::uint64_t{0}, std::uint64_t{999}, std::uint64_t{1'998},
                                    std::uint64_t{999'999}, std::uint64_t{99'999'999'500}}) {
    const EventTemplate request = EventTemplate::Request(kPrefix, 200, 2'500, "127.0.0.1:80", "/events");
    const std::string text = Numbered(request, first);
    const EventTemplate event = EventTemplate::Event(kPrefix, 200);
    std::string lines;
    for (std::uint64_t i = 0; i < 2'500; ++i) {
      std::string id(kCounterDigits, '0');
      WriteCounter(first + i, id.data());
      EXPECT_EQ(id, (std::string(kCounterDigits, '0') + std::to_string(first + i))
                        .substr(std::to_string(first + i).size()));
      std::string line(event.Text());
      line.replace(line.find('-') + 1, kCounterDigits, id);
      lines += line + "\n";
    }
    const std::size_t head = text.find("\r\n\r\n") + 4;
    EXPECT_TRUE(text.substr(head) == lines) << "first counter " << first;
    EXPECT_NE(text.find("Content-Length: " + std::to_string(lines.size()) + "\r\n"), std::string::npos);
    EXPECT_NE(text.find("Content-Type: application/x-ndjson\r\n"), std::string::npos);
  }
}

}  // namespace
}  // namespace ei::bench
