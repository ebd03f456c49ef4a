// Dead letters by themselves, with a lane that only records.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "delivery/dead_letters.h"
#include "support/fake_dead_letter_file.h"
#include "support/null_log.h"
#include "support/virtual_clock.h"

namespace ei {
namespace {

using std::chrono::milliseconds;

class RecordingLane final : public SinkLane {
 public:
  struct Sent {
    uint64_t token;
    std::string value;
    std::optional<std::string> key;
    std::string topic;
    std::string client;
    std::string traceparent;
    uint32_t key_hash;
  };

  void Attach(DeliveryListener&, SentLog*) override {}
  void Add(const JournalEvent&) override {}
  void AddDeadLetter(uint64_t token, const EventView& event, const DeadLetterNote&) override {
    sent.push_back({token, std::string(event.value),
                    event.has_key ? std::optional(std::string(event.key)) : std::nullopt,
                    std::string(event.topic), std::string(event.context.client),
                    std::string(event.context.traceparent), event.key_hash});
  }
  void Run(base::SteadyTime) override {}
  void Wake() override {}
  uint64_t InFlight() const override { return 0; }

  std::vector<Sent> sent;
};

class DeadLetterSchedule : public ::testing::Test {
 protected:
  static constexpr auto kDelay = milliseconds(100);

  void Add(uint64_t position, const EventView& event) {
    dead_letters_.Add({.event = event,
                       .position = position,
                       .run = {},
                       .code = "too_large",
                       .reason = {},
                       .topic = "events"});
    dead_letters_.SendDue();
  }
  void Report(uint64_t token, DeadLetterResult result) {
    dead_letters_.OnReport({token, result, "a_code", {}});
    dead_letters_.SendDue();
  }

  support::VirtualClock clock_;
  support::NullLog log_;
  RecordingLane lane_;
  std::vector<uint64_t> done_;
  DeadLetters dead_letters_{{lane_, nullptr, clock_, log_},
                            RetryPolicy(kDelay, kDelay, 0),
                            1,
                            [this](const DeadLetter& dead_letter) { done_.push_back(dead_letter.position); }};
};

TEST_F(DeadLetterSchedule, TheWholeEventIsKept) {
  std::string bytes = "valuekeytopicclienttrace";
  const std::string_view view = bytes;
  EventView event;
  event.value = view.substr(0, 5);
  event.key = view.substr(5, 3);
  event.has_key = true;
  event.topic = view.substr(8, 5);
  event.context = {view.substr(13, 6), view.substr(19)};
  event.key_hash = 77;
  dead_letters_.Add({.event = event, .position = 5, .run = {}, .code = "c", .reason = {}, .topic = "events"});
  bytes.assign(bytes.size(), '#');
  dead_letters_.SendDue();
  ASSERT_EQ(lane_.sent.size(), 1U);
  const RecordingLane::Sent& sent = lane_.sent[0];
  EXPECT_EQ(sent.token, 5U);
  EXPECT_EQ(sent.value, "value");
  EXPECT_EQ(sent.key, "key");
  EXPECT_EQ(sent.topic, "topic");
  EXPECT_EQ(sent.client, "client");
  EXPECT_EQ(sent.traceparent, "trace");
  EXPECT_EQ(sent.key_hash, 77U);
}

TEST_F(DeadLetterSchedule, NoKeyIsNotAnEmptyKey) {
  EventView event;
  event.value = "v";
  Add(1, event);
  event.has_key = true;
  Add(2, event);
  ASSERT_EQ(lane_.sent.size(), 2U);
  EXPECT_EQ(lane_.sent[0].key, std::nullopt);
  EXPECT_EQ(lane_.sent[1].key, "");
}

TEST_F(DeadLetterSchedule, AFailedAttemptIsRepeatedAfterADelay) {
  Add(1, {});
  for (size_t attempt = 1; attempt <= 3; ++attempt) {
    ASSERT_EQ(lane_.sent.size(), attempt);
    Report(1, DeadLetterResult::kUnavailable);
    EXPECT_EQ(lane_.sent.size(), attempt) << "not at once";
    const auto due = dead_letters_.NextDue();
    ASSERT_TRUE(due);
    EXPECT_GT(*due, clock_.Now());
    EXPECT_LE(*due, clock_.Now() + kDelay);
    clock_.AdvanceTo(*due);
    dead_letters_.SendDue();
  }
}

TEST_F(DeadLetterSchedule, AfterItIsWrittenItIsForgotten) {
  Add(1, {});
  Report(1, DeadLetterResult::kWritten);
  EXPECT_EQ(done_, std::vector<uint64_t>{1});
  Report(1, DeadLetterResult::kWritten);
  EXPECT_EQ(done_, std::vector<uint64_t>{1}) << "the token is unknown now";
  EXPECT_FALSE(dead_letters_.NextDue());
  Add(1, {});
  EXPECT_EQ(lane_.sent.size(), 2U) << "the position could be used again";
}

}  // namespace
}  // namespace ei
