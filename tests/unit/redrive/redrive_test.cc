#include "redrive/redrive.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <vector>

#include "adapters/json/event_decoder.h"
#include "delivery/dead_letter_headers.h"
#include "support/random.h"
#include "support/virtual_clock.h"

namespace ei {
namespace {

using RecordStatus = CommitOutcome::RecordStatus;

constexpr const char* kDlq = "events-dlq";

// Dead letters by part. The value of each is its id.
using Parts = std::vector<std::vector<DeadLetterRecord>>;

class FakeSource final : public DeadLetterSource {
 public:
  FakeSource(const Parts& parts, const DeadLetterOffsets& from, support::Random& random)
      : parts_(parts), random_(random) {
    for (size_t part = 0; part < parts.size(); ++part) {
      const auto saved = from.find(part);
      places_[part] = saved == from.end() ? 0 : saved->second;
    }
  }

  base::Result<std::optional<DeadLetterRecord>> Next(base::Duration) override {
    if (AtEnd() || random_.OneIn(5)) return std::nullopt;
    for (;;) {
      const size_t part = random_.Below(parts_.size());
      uint64_t& next = places_[part];
      if (next < parts_[part].size()) return parts_[part][next++];
    }
  }
  bool AtEnd() const override {
    return std::ranges::all_of(places_,
                               [&](const auto& place) { return place.second >= parts_[place.first].size(); });
  }
  DeadLetterOffsets Places() const override { return places_; }
  Distance Read() const override { return {}; }

 private:
  const Parts& parts_;
  support::Random& random_;
  DeadLetterOffsets places_;
};

// Topics that hold ids, some of which they reject. A commit is atomic if `transactions`.
class FakeTarget final : public RedriveTarget {
 public:
  explicit FakeTarget(bool transactions) : transactions_(transactions) {}

  base::Result<CommitOutcome> Commit(std::span<const Redelivery> dead_letters,
                                     const DeadLetterOffsets& places) override {
    ++commits;
    batch_max = std::max(batch_max, dead_letters.size());
    if (stop_after > 0 && --stop_after == 0) return CommitOutcome{.stopped = true};
    CommitOutcome outcome;
    bool any_rejected = false;
    for (const Redelivery& each : dead_letters) {
      const bool rejects = rejected.contains({each.topic, each.dead_letter->value});
      any_rejected = any_rejected || rejects;
      CommitOutcome::RecordOutcome record;
      if (rejects && (!transactions_ || dead_letters.size() == 1))
        record = {RecordStatus::kRefused, "too_large", "why"};
      if (!rejects && !transactions_) record.fate = RecordStatus::kWritten;
      outcome.outcomes.push_back(record);
    }
    if (any_rejected) {
      for (size_t i = 0; i < dead_letters.size(); ++i) {
        if (outcome.outcomes[i].fate == RecordStatus::kWritten) Write(dead_letters[i]);
      }
      return outcome;
    }
    for (const Redelivery& each : dead_letters) Write(each);
    for (const auto& [part, next] : places) {
      EXPECT_GE(next, saved[part]) << "the progress decreased";
      saved[part] = next;
    }
    outcome.committed = true;
    return outcome;
  }

  std::set<std::pair<std::string, std::string>> rejected;  // topic and value
  std::map<std::string, std::vector<std::string>> topics;
  std::map<std::string, std::map<std::string, std::string>>
      headers;  // by value, of the last that was written
  DeadLetterOffsets saved;
  int stop_after = 0;  // commits; 0: never
  int commits = 0;
  size_t batch_max = 0;

 private:
  void Write(const Redelivery& each) {
    topics[each.topic].push_back(each.dead_letter->value);
    headers[each.dead_letter->value] = {each.headers.begin(), each.headers.end()};
  }

  const bool transactions_;
};

class RedriveTest : public testing::Test {
 protected:
  static DeadLetterRecord DeadLetter(size_t part, size_t offset, const std::string& id) {
    DeadLetterRecord dead_letter;
    dead_letter.part = part;
    dead_letter.offset = offset;
    dead_letter.value = id;
    dead_letter.headers = {{"trace_id", "abc"},
                           {std::string(kDlqCode), "old"},
                           {std::string(kDlqReason), "old reason"},
                           {std::string(kDlqAttempts), "4"},
                           {std::string(kDlqTopic), "orders"}};
    return dead_letter;
  }
  void Add(size_t part, const std::string& id) {
    if (parts_.size() <= part) parts_.resize(part + 1);
    parts_[part].push_back(DeadLetter(part, parts_[part].size(), id));
  }

  Redrive::End Run(FakeTarget& target, Redrive::Options options = {}) {
    options.rules = {"events", kDlq, 3, {"orders"}};
    FakeSource source(parts_, target.saved, random_);
    Redrive redrive(std::move(options),
                    {source, target, *decoder_, clock_, [this](base::Duration time) { clock_.Advance(time); },
                     [this] { return stop_; }, [](const Redrive::Counts&) {}});
    const auto end = redrive.Run();
    EXPECT_TRUE(end.has_value());
    counts_ = redrive.Count();
    return end.value_or(Redrive::End::kStopped);
  }

  support::Random random_{support::SeedOr(11)};
  support::VirtualClock clock_;
  std::unique_ptr<EventDecoder> decoder_ = json::MakeEventDecoder({});
  Parts parts_;
  Redrive::Counts counts_;
  bool stop_ = false;
};

TEST_F(RedriveTest, SendsEachBackWithoutDlqHeadersAndWithACount) {
  Add(0, "a");
  FakeTarget target(true);
  EXPECT_EQ(Run(target), Redrive::End::kDone);
  EXPECT_EQ(target.topics["orders"], std::vector<std::string>{"a"});
  const std::map<std::string, std::string> headers{{"trace_id", "abc"}, {"dlq_redrives", "1"}};
  EXPECT_EQ(target.headers["a"], headers);
  EXPECT_EQ(counts_.sent, 1U);
}

TEST_F(RedriveTest, OneThatIsRejectedAgainBecomesADeadLetterWithNewHeaders) {
  for (const bool transactions : {true, false}) {
    parts_.clear();
    for (const char* id : {"a", "b", "c", "d", "e"}) Add(0, id);
    parts_[0][2].headers.emplace_back(kDlqRedrives, "1");
    FakeTarget target(transactions);
    target.rejected = {{"orders", "c"}};
    EXPECT_EQ(Run(target), Redrive::End::kDone);
    auto sent = target.topics["orders"];
    std::ranges::sort(sent);
    EXPECT_EQ(sent, (std::vector<std::string>{"a", "b", "d", "e"}));
    EXPECT_EQ(target.topics[kDlq], std::vector<std::string>{"c"});
    auto headers = target.headers["c"];
    EXPECT_TRUE(headers.erase(std::string(kDlqFailedAt)));
    const std::map<std::string, std::string> expected{{"trace_id", "abc"},     {"dlq_code", "too_large"},
                                                      {"dlq_reason", "why"},   {"dlq_attempts", "1"},
                                                      {"dlq_topic", "orders"}, {"dlq_redrives", "2"}};
    EXPECT_EQ(headers, expected);
    EXPECT_EQ(counts_.died_again.at("too_large"), 1U);
  }
}

TEST_F(RedriveTest, OneThatTheDlqRejectsTooIsLeftAndReported) {
  Add(0, "a");
  Add(0, "b");
  FakeTarget target(true);
  target.rejected = {{"orders", "b"}, {kDlq, "b"}};
  EXPECT_EQ(Run(target), Redrive::End::kDone);
  EXPECT_EQ(counts_.left.at("too_large"), 1U);
  EXPECT_EQ(counts_.left_at, std::vector<std::string>{"0:1"});
  EXPECT_EQ(target.saved.at(0), 2U);
}

TEST_F(RedriveTest, WhatAnotherRedriveHasSentIsPassedOver) {
  for (const char* id : {"a", "b", "c"}) Add(0, id);
  FakeTarget target(true);
  Redrive::Options options;
  options.earlier = {{{}, 3, {{0, 2}}}, {{.codes = {"other"}}, 3, {{0, 3}}}};
  EXPECT_EQ(Run(target, options), Redrive::End::kDone);
  EXPECT_EQ(target.topics["orders"], std::vector<std::string>{"c"});
  EXPECT_EQ(counts_.sent_earlier, 2U);
}

TEST_F(RedriveTest, OneThatAnotherRedriveSkippedForItsCountIsSent) {
  Add(0, "a");
  parts_[0][0].headers.emplace_back(kDlqRedrives, "2");
  FakeTarget target(true);
  Redrive::Options options;
  options.earlier = {{{}, 2, {{0, 1}}}};
  Run(target, options);
  EXPECT_EQ(counts_.sent, 1U);
}

TEST_F(RedriveTest, EarlierSegmentsAreProcessedCompletely) {
  for (size_t part = 0; part < 3; ++part) {
    Add(part, "a" + std::to_string(part));
    Add(part, "b" + std::to_string(part));
  }
  FakeTarget target(true);
  Redrive::Options options;
  options.earlier = {{{}, 3, {{1, 1}}, /*parts_in_order=*/true}};
  Run(target, options);
  auto sent = target.topics["orders"];
  std::ranges::sort(sent);
  EXPECT_EQ(sent, (std::vector<std::string>{"a2", "b1", "b2"}));
}

TEST_F(RedriveTest, TheRateHolds) {
  for (int i = 0; i < 1000; ++i) Add(0, std::to_string(i));
  FakeTarget target(true);
  Redrive::Options options;
  options.rate = 100;
  const base::SteadyTime began = clock_.Now();
  Run(target, options);
  const double seconds = std::chrono::duration<double>(clock_.Now() - began).count();
  EXPECT_NEAR(seconds, 10, 0.5);
  EXPECT_LE(target.batch_max, 20U);
}

TEST_F(RedriveTest, AStopBeforeABatchSendsNothingOfIt) {
  for (int i = 0; i < 10; ++i) Add(0, std::to_string(i));
  FakeTarget target(true);
  stop_ = true;
  EXPECT_EQ(Run(target), Redrive::End::kStopped);
  EXPECT_TRUE(target.topics.empty());
  EXPECT_TRUE(target.saved.empty());
}

TEST_F(RedriveTest, ProgressIsSavedWhereNothingMatches) {
  for (int i = 0; i < 10; ++i) Add(0, std::to_string(i));
  FakeTarget target(true);
  Redrive::Options options;
  options.filter.codes = {"none"};
  EXPECT_EQ(Run(target, options), Redrive::End::kDone);
  EXPECT_EQ(target.saved.at(0), 10U);
  EXPECT_EQ(target.commits, 1);
  EXPECT_EQ(Run(target, options), Redrive::End::kDone);
  EXPECT_EQ(target.commits, 1);
}

// No matter how often it is stopped and which dead letters are rejected: each one ends in exactly one place,
// and with transactions it is written once.
TEST_F(RedriveTest, StoppedAndResumedAnyNumberOfTimesEachDeadLetterIsSentOnce) {
  for (int round = 0; round < 300; ++round) {
    parts_.clear();
    parts_.resize(1 + random_.Below(4));
    size_t dead_letters = 0;
    const bool transactions = round % 2 == 0;
    FakeTarget target(transactions);
    for (size_t part = 0; part < parts_.size(); ++part) {
      const size_t count = random_.Below(round % 10 == 0 ? 900 : 40);
      for (size_t i = 0; i < count; ++i, ++dead_letters) {
        const std::string id = std::to_string(part) + '-' + std::to_string(i);
        Add(part, id);
        if (random_.OneIn(12)) target.rejected.insert({"orders", id});
        if (random_.OneIn(40)) target.rejected.insert({kDlq, id});
      }
    }
    std::set<std::string> left;  // places, since a batch that was stopped is processed again
    for (int run = 0;; ++run) {
      ASSERT_LT(run, 1000);
      target.stop_after = static_cast<int>(random_.Below(run + 2));
      const auto end = Run(target);
      left.insert(counts_.left_at.begin(), counts_.left_at.end());
      if (end == Redrive::End::kDone) break;
    }
    std::set<std::string> distinct;
    size_t written = 0;
    for (const auto& [topic, ids] : target.topics) {
      written += ids.size();
      for (const std::string& id : ids) {
        distinct.insert(id);
        EXPECT_EQ(topic == kDlq, target.rejected.contains({"orders", id}));
      }
    }
    EXPECT_TRUE(!transactions || distinct.size() == written) << distinct.size() << " of " << written;
    EXPECT_EQ(distinct.size() + left.size(), dead_letters);
  }
}

}  // namespace
}  // namespace ei
