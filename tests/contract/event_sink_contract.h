#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "app/ports/event_sink.h"
#include "base/murmur2.h"
#include "domain/timestamp.h"
#include "support/random.h"

// What every app::EventSink promises (app/ports/event_sink.h), as one suite that each adapter runs:
//
//   INSTANTIATE_TYPED_TEST_SUITE_P(FileSink, EventSinkContract, FileSinkHarness);
//
// The harness is default-constructible, gives the sink a destination of its own, and reads back from there:
//
//   struct Harness {
//     app::EventSink& Sink();
//     void Close();                                               // the sink is gone; reading still works
//     std::vector<std::string> Values(size_t count);              // of events, those of one key in their
//     order std::vector<StoredDeadLetter> DeadLetters(size_t count);    // `count` is how many will be there
//   };
namespace ei::contract {

struct StoredDeadLetter {
  std::string code;
  std::string reason;
  std::string attempts;
  std::string failed_at;
  std::optional<std::string> key;
  std::string value;
};

// One lane's events and reports. An event's bytes live until its report is given and not a moment longer:
// they are overwritten and freed from within it, so that a sink that looks again is found out by what it
// stores, or by ASan.
class ContractLane final : public app::DeliveryListener {
 public:
  ContractLane(app::EventSink& sink, size_t number) : sink_(sink), number_(number) {
    sink.Attach(number, *this);
  }

  struct Outgoing {
    std::string value;
    std::optional<std::string> key;
  };

  void Send(const std::vector<Outgoing>& outgoing, app::Grouping grouping = app::Grouping::kTogether) {
    std::vector<app::OutboundEvent> events;
    for (const Outgoing& one : outgoing) events.push_back(Own(one));
    sink_.Send(number_, events, grouping, FailuresSeen());
  }

  uint64_t FailuresSeen() {
    const std::lock_guard lock(mutex_);
    return faults_.size();
  }

  void SendDeadLetter(const Outgoing& outgoing, const app::DeadLetterNote& note) {
    // The note's views, unlike the event's, are the caller's again after the call.
    std::string code(note.code);
    std::string reason(note.reason);
    app::DeadLetterNote own = note;
    own.code = code;
    own.reason = reason;
    sink_.SendDeadLetter(number_, Own(outgoing), own);
    std::fill(code.begin(), code.end(), '#');
    std::fill(reason.begin(), reason.end(), '#');
  }

  // Waits until there are as many reports as events; false when that takes too long.
  bool AllReported() {
    sink_.Flush();
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(60), [this] { return reports_ >= pieces_.size(); });
  }

  // That each event had one report, that it was delivered.
  void ExpectEachDeliveredOnce() {
    const std::lock_guard lock(mutex_);
    EXPECT_EQ(reports_, pieces_.size());
    for (size_t token = 0; token < pieces_.size(); ++token) {
      EXPECT_EQ(pieces_[token].reports, 1) << "token " << token << " of lane " << number_;
    }
    EXPECT_TRUE(faults_.empty()) << faults_.size() << " faults, the first: " << faults_.front();
    EXPECT_EQ(unknown_tokens_, 0);
  }

  void OnReports(std::span<app::DeliveryReport> reports) override {
    {
      const std::lock_guard lock(mutex_);
      for (const app::DeliveryReport& report : reports) {
        ++reports_;
        if (report.token >= pieces_.size()) {
          ++unknown_tokens_;
          continue;
        }
        Piece& piece = pieces_[report.token];
        ++piece.reports;
        if (report.verdict != app::Verdict::kDelivered) {
          faults_.push_back(std::string(report.code) + ": " + report.reason);
        } else if (!report.code.empty() || !report.reason.empty()) {
          faults_.push_back("delivered, and yet with a code or reason");
        }
        if (piece.bytes != nullptr) std::memset(piece.bytes.get(), '#', piece.size);
        piece.bytes.reset();
      }
    }
    changed_.notify_all();
  }

 private:
  struct Piece {
    std::unique_ptr<char[]> bytes;
    size_t size = 0;
    int reports = 0;
  };

  app::OutboundEvent Own(const Outgoing& outgoing) {
    const std::string key = outgoing.key.value_or("");
    const std::lock_guard lock(mutex_);
    Piece& piece = pieces_.emplace_back();
    piece.size = outgoing.value.size() + key.size();
    piece.bytes = std::make_unique<char[]>(piece.size);
    std::copy(outgoing.value.begin(), outgoing.value.end(), piece.bytes.get());
    std::copy(key.begin(), key.end(), piece.bytes.get() + outgoing.value.size());
    app::OutboundEvent event;
    event.token = pieces_.size() - 1;
    event.value = {piece.bytes.get(), outgoing.value.size()};
    event.has_key = outgoing.key.has_value();
    if (event.has_key) {
      event.key = {piece.bytes.get() + outgoing.value.size(), key.size()};
      event.key_hash = base::Murmur2(key);
    }
    return event;
  }

  app::EventSink& sink_;
  const size_t number_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Piece> pieces_;  // by token
  size_t reports_ = 0;
  int unknown_tokens_ = 0;
  std::vector<std::string> faults_;
};

// {"lane":1,"key":"k3","n":17,...}: names its place, padded to at least `bytes`.
inline std::string Value(size_t lane, const std::string& key, uint64_t n, size_t bytes = 0) {
  std::string value = R"({"lane":)" + std::to_string(lane) + R"(,"key":")" + key + R"(","n":)" +
                      std::to_string(n) + R"(,"pad":")";
  if (value.size() + 2 < bytes) value.append(bytes - value.size() - 2, static_cast<char>('a' + n % 26));
  return value + "\"}";
}

// The stored values of one lane and key, in their order, are these.
inline std::vector<std::string> OfKey(const std::vector<std::string>& values, size_t lane,
                                      const std::string& key) {
  const std::string begin = R"({"lane":)" + std::to_string(lane) + R"(,"key":")" + key + R"(",)";
  std::vector<std::string> found;
  std::copy_if(values.begin(), values.end(), std::back_inserter(found),
               [&](const std::string& value) { return value.starts_with(begin); });
  return found;
}

template <typename Harness>
class EventSinkContract : public testing::Test {
 protected:
  Harness harness_;
};
TYPED_TEST_SUITE_P(EventSinkContract);

TYPED_TEST_P(EventSinkContract, NothingSentNothingReported) {
  ContractLane lane(this->harness_.Sink(), 0);
  lane.Send({});
  this->harness_.Sink().Flush();
  this->harness_.Close();
  lane.ExpectEachDeliveredOnce();
}

TYPED_TEST_P(EventSinkContract, EachEventHasOneReportAndStandsThereUnchanged) {
  ContractLane lane(this->harness_.Sink(), 0);
  std::vector<std::string> sent;
  for (uint64_t n = 0; n < 300; ++n) {
    sent.push_back(Value(0, "k", n, 20 + n * 7 % 900));
    if (n % 30 == 0) {
      ASSERT_TRUE(lane.AllReported());
    }
    lane.Send({{sent.back(), "k"}}, n / 30 % 2 == 0 ? app::Grouping::kAlone : app::Grouping::kTogether);
  }
  ASSERT_TRUE(lane.AllReported());
  EXPECT_EQ(this->harness_.Values(sent.size()), sent);
  this->harness_.Close();
  lane.ExpectEachDeliveredOnce();
}

TYPED_TEST_P(EventSinkContract, EventsWithoutAKeyAreDelivered) {
  ContractLane lane(this->harness_.Sink(), 0);
  std::vector<std::string> sent;
  std::vector<ContractLane::Outgoing> events;
  for (uint64_t n = 0; n < 100; ++n) {
    sent.push_back(Value(0, "", n));
    events.push_back({sent.back(), std::nullopt});
  }
  lane.Send(events);
  ASSERT_TRUE(lane.AllReported());
  auto stored = this->harness_.Values(sent.size());
  std::sort(stored.begin(), stored.end());
  std::sort(sent.begin(), sent.end());
  EXPECT_EQ(stored, sent);
  this->harness_.Close();
  lane.ExpectEachDeliveredOnce();
}

TYPED_TEST_P(EventSinkContract, EventsOfOneKeyKeepTheirOrderOverManySends) {
  constexpr size_t kKeys = 7;
  ContractLane lane(this->harness_.Sink(), 0);
  support::Random random(support::SeedOr(11));
  std::map<std::string, std::vector<std::string>> sent;
  uint64_t n = 0;
  while (n < 5000) {
    std::vector<ContractLane::Outgoing> events(random.Between(1, 60));
    for (auto& event : events) {
      event.key = "k" + std::to_string(random.Below(kKeys));
      event.value = Value(0, *event.key, n++, random.Below(600));
      sent[*event.key].push_back(event.value);
    }
    lane.Send(events);
  }
  ASSERT_TRUE(lane.AllReported());
  const auto stored = this->harness_.Values(n);
  EXPECT_EQ(stored.size(), n);
  for (const auto& [key, values] : sent) EXPECT_EQ(OfKey(stored, 0, key), values) << key;
  this->harness_.Close();
  lane.ExpectEachDeliveredOnce();
}

TYPED_TEST_P(EventSinkContract, OneSendMayBringALargeBatchAndLargeEvents) {
  ContractLane lane(this->harness_.Sink(), 0);
  std::vector<ContractLane::Outgoing> events;
  std::vector<std::string> sent;
  for (uint64_t n = 0; n < 5'000; ++n) {
    sent.push_back(Value(0, "k", n, n % 2500 == 2499 ? 900'000 : 300));
    events.push_back({sent.back(), "k"});
  }
  lane.Send(events);
  ASSERT_TRUE(lane.AllReported());
  const auto stored = this->harness_.Values(sent.size());
  EXPECT_TRUE(stored == sent) << stored.size() << " of " << sent.size() << " stored";
  this->harness_.Close();
  lane.ExpectEachDeliveredOnce();
}

TYPED_TEST_P(EventSinkContract, LanesInThreadsOfTheirOwnDontDisturbOneAnother) {
  constexpr size_t kLanes = 4;
  constexpr uint64_t kEvents = 2000;  // of each lane
  std::vector<std::unique_ptr<ContractLane>> lanes;
  for (size_t number = 0; number < kLanes; ++number) {
    lanes.push_back(std::make_unique<ContractLane>(this->harness_.Sink(), number));
  }
  std::vector<std::vector<std::string>> sent(kLanes);
  std::atomic<int> late = 0;
  std::vector<std::thread> threads;
  for (size_t number = 0; number < kLanes; ++number) {
    threads.emplace_back([&, number] {
      const std::string key = "lane" + std::to_string(number);
      while (sent[number].size() < kEvents) {
        std::vector<ContractLane::Outgoing> events;
        for (uint64_t i = 0; i < 40; ++i) {
          sent[number].push_back(Value(number, key, sent[number].size()));
          events.push_back({sent[number].back(), key});
        }
        lanes[number]->Send(events);
      }
      if (!lanes[number]->AllReported()) ++late;
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_EQ(late, 0);
  const auto stored = this->harness_.Values(kLanes * kEvents);
  EXPECT_EQ(stored.size(), kLanes * kEvents);
  for (size_t number = 0; number < kLanes; ++number) {
    EXPECT_EQ(OfKey(stored, number, "lane" + std::to_string(number)), sent[number]);
  }
  this->harness_.Close();
  for (const auto& lane : lanes) lane->ExpectEachDeliveredOnce();
}

TYPED_TEST_P(EventSinkContract, DeadLetterStandsWithItsNoteAndNotAmongTheEvents) {
  ContractLane lane(this->harness_.Sink(), 0);
  const auto failed_at = base::WallTime(std::chrono::sys_days(std::chrono::year(2026) / 1 / 31) +
                                        std::chrono::hours(12) + std::chrono::milliseconds(345));
  std::vector<std::string> values;
  for (uint64_t n = 0; n < 10; ++n) {
    values.push_back(Value(0, "k", n, 100));
    const auto attempts = static_cast<uint32_t>(n + 1);
    lane.SendDeadLetter({values.back(), n % 2 == 0 ? std::optional<std::string>("k\"\u00e9") : std::nullopt},
                        {"message_too_large", "it \"is\" too large", attempts, failed_at});
  }
  lane.Send({{"{\"event\":true}", "k"}});
  ASSERT_TRUE(lane.AllReported());
  EXPECT_EQ(this->harness_.Values(1), (std::vector<std::string>{"{\"event\":true}"}));
  auto letters = this->harness_.DeadLetters(values.size());
  std::sort(letters.begin(), letters.end(), [](const auto& a, const auto& b) { return a.value < b.value; });
  ASSERT_EQ(letters.size(), values.size());
  for (size_t n = 0; n < letters.size(); ++n) {
    EXPECT_EQ(letters[n].value, values[n]);
    EXPECT_EQ(letters[n].code, "message_too_large");
    EXPECT_EQ(letters[n].reason, "it \"is\" too large");
    EXPECT_EQ(letters[n].attempts, std::to_string(n + 1));
    EXPECT_EQ(letters[n].failed_at, domain::View(domain::FormatTimestamp(failed_at)));
    EXPECT_EQ(letters[n].key, n % 2 == 0 ? std::optional<std::string>("k\"\u00e9") : std::nullopt);
  }
  this->harness_.Close();
  lane.ExpectEachDeliveredOnce();
}

REGISTER_TYPED_TEST_SUITE_P(EventSinkContract, NothingSentNothingReported,
                            EachEventHasOneReportAndStandsThereUnchanged, EventsWithoutAKeyAreDelivered,
                            EventsOfOneKeyKeepTheirOrderOverManySends,
                            OneSendMayBringALargeBatchAndLargeEvents,
                            LanesInThreadsOfTheirOwnDontDisturbOneAnother,
                            DeadLetterStandsWithItsNoteAndNotAmongTheEvents);

}  // namespace ei::contract
