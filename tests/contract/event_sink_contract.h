#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/murmur2.h"
#include "delivery/event_sink.h"
#include "event/timestamp.h"
#include "journal/event_runs.h"
#include "support/random.h"

// The guarantees of every EventSink (delivery/event_sink.h), as one suite that each adapter instantiates:
//
//   INSTANTIATE_TYPED_TEST_SUITE_P(FileSink, EventSinkContract, FileSinkHarness);
//
// The harness is default-constructible. It creates a sink of kLanes lanes with its own destination, and reads
// the stored data back:
//
//   struct Harness {
//     EventSink& Sink();
//     void Close();  // destroys the sink; reading still works
//     // `count`: the expected number. Events of one key are in order.
//     std::vector<std::string> Values(size_t count);
//     std::vector<StoredDeadLetter> DeadLetters(size_t count);
//   };
namespace ei::contract {

inline constexpr size_t kLanes = 4;

struct StoredDeadLetter {
  std::string code;
  std::string reason;
  std::string attempts;
  std::string failed_at;
  std::optional<std::string> key;
  std::string value;
};

// One lane's events and reports. An event's bytes are valid only during the call that hands it over: they are
// overwritten and freed afterwards, so a sink that reads them later stores wrong bytes or is reported by
// ASan. Used only by the lane's thread.
class ContractLane final : public DeliveryListener {
 public:
  ContractLane(EventSink& sink, size_t number) : sink_(sink.Lane(number)), number_(number) {
    sink_.Attach(*this, nullptr);
  }

  struct Outgoing {
    std::string value;
    std::optional<std::string> key;
  };

  void Add(const std::vector<Outgoing>& outgoing) {
    for (const Outgoing& one : outgoing) {
      const Borrowed bytes(one);
      JournalEvent event;
      static_cast<EventView&>(event) = bytes.View();
      event.position = first_position_ + 3 * events_.size();
      event.client = static_cast<ClientNumber>(events_.size() / 10 % 3);
      event.held_bytes = static_cast<uint32_t>(one.value.size() + 7);
      event.accepted_at = base::SteadyTime(std::chrono::seconds(events_.size() / 20));
      places_[event.position] = events_.size();
      events_.push_back({RunOf(event), 0});
      held_added_ += event.held_bytes;
      sink_.Add(event);
    }
  }

  void AddDeadLetter(const Outgoing& outgoing, const DeadLetterNote& note) {
    const Borrowed bytes(outgoing);
    std::string code(note.code);
    std::string reason(note.reason);
    DeadLetterNote own = note;
    own.code = code;
    own.reason = reason;
    dead_letters_.push_back(0);
    sink_.AddDeadLetter(dead_letters_.size() - 1, bytes.View(), own);
    std::fill(code.begin(), code.end(), '#');
    std::fill(reason.begin(), reason.end(), '#');
  }

  // Runs the lane once, without waiting.
  void RunOnce() { sink_.Run(base::SteadyTime::min()); }

  // Runs until there is a report for every event and dead letter; false: that takes too long.
  bool AllReported() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (reports_ < events_.size() + dead_letters_.size()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      sink_.Run(std::chrono::steady_clock::now() + std::chrono::milliseconds(5));
    }
    EXPECT_EQ(sink_.InFlight(), 0U);
    return true;
  }

  // Checks that each event was reported once, as delivered.
  void ExpectEachDeliveredOnce() const {
    EXPECT_EQ(reports_, events_.size() + dead_letters_.size());
    for (size_t i = 0; i < events_.size(); ++i) {
      EXPECT_EQ(events_[i].reports, 1) << "event " << i << " of lane " << number_;
    }
    for (size_t i = 0; i < dead_letters_.size(); ++i) EXPECT_EQ(dead_letters_[i], 1) << "dead letter " << i;
    EXPECT_EQ(held_delivered_, held_added_)
        << "bytes may be divided differently within a request, but none are lost";
    EXPECT_TRUE(faults_.empty()) << faults_.size() << " faults, the first: " << faults_.front();
  }

  void OnDelivered(const SettledEvents& delivered) override {
    uint64_t events = 0;
    for (const EventRun& run : delivered.runs) {
      held_delivered_ += run.held_bytes;
      events += run.events;
    }
    reports_ += delivered.positions.size();
    if (events != delivered.positions.size()) {
      faults_.emplace_back("runs of more or fewer events");
      return;
    }
    RunReader runs(delivered.runs);
    std::optional<size_t> last;
    for (const uint64_t position : delivered.positions) {
      const EventRun run = runs.Next();
      const auto place = places_.find(position);
      if (place == places_.end()) {
        faults_.emplace_back("a position that was never added");
        continue;
      }
      if (last && place->second <= *last) faults_.emplace_back("not in the order in which they were added");
      last = place->second;
      Event& event = events_[place->second];
      ++event.reports;
      if (run.client != event.run.client || run.accepted_at != event.run.accepted_at) {
        faults_.emplace_back("the run of another request");
      }
    }
  }
  void OnRejected(const RejectedEvent& rejected) override {
    ++reports_;
    faults_.push_back("rejected: " + std::string(rejected.code));
  }
  void OnDeadLetter(const DeadLetterReport& report) override {
    ++reports_;
    if (report.token >= dead_letters_.size()) {
      faults_.emplace_back("an unknown dead letter");
      return;
    }
    ++dead_letters_[report.token];
    if (report.result != DeadLetterResult::kWritten || !report.code.empty() || !report.reason.empty()) {
      faults_.push_back("a dead letter: " + std::string(report.code));
    }
  }

 private:
  // Bytes that are overwritten and freed with this object.
  class Borrowed {
   public:
    explicit Borrowed(const Outgoing& one)
        : bytes_(one.value + one.key.value_or("")), value_size_(one.value.size()), has_key_(one.key) {}
    ~Borrowed() { std::fill(bytes_.begin(), bytes_.end(), '#'); }
    Borrowed(const Borrowed&) = delete;
    Borrowed& operator=(const Borrowed&) = delete;
    EventView View() const {
      EventView view;
      view.value = std::string_view(bytes_).substr(0, value_size_);
      view.has_key = has_key_;
      if (has_key_) {
        view.key = std::string_view(bytes_).substr(value_size_);
        view.key_hash = base::Murmur2(view.key);
      }
      return view;
    }

   private:
    std::string bytes_;
    const size_t value_size_;
    const bool has_key_;
  };
  struct Event {
    EventRun run;
    int reports = 0;
  };

  SinkLane& sink_;
  const size_t number_;
  const uint64_t first_position_ = 1'000'000 * (number_ + 1);
  std::vector<Event> events_;
  std::map<uint64_t, size_t> places_;  // by position
  std::vector<int> dead_letters_;      // reports, by token
  size_t reports_ = 0;
  uint64_t held_delivered_ = 0;
  uint64_t held_added_ = 0;
  std::vector<std::string> faults_;
};

// {"lane":1,"key":"k3","n":17,...}: identifies the event, padded to at least `bytes`.
inline std::string Value(size_t lane, const std::string& key, uint64_t n, size_t bytes = 0) {
  std::string value = R"({"lane":)" + std::to_string(lane) + R"(,"key":")" + key + R"(","n":)" +
                      std::to_string(n) + R"(,"pad":")";
  if (value.size() + 2 < bytes) value.append(bytes - value.size() - 2, static_cast<char>('a' + n % 26));
  return value + "\"}";
}

// Checks the stored values of one lane and key, in order.
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
  lane.Add({});
  lane.RunOnce();
  ASSERT_TRUE(lane.AllReported());
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
    lane.Add({{sent.back(), "k"}});
    if (n % 7 == 0) lane.RunOnce();
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
  lane.Add(events);
  ASSERT_TRUE(lane.AllReported());
  auto stored = this->harness_.Values(sent.size());
  std::sort(stored.begin(), stored.end());
  std::sort(sent.begin(), sent.end());
  EXPECT_EQ(stored, sent);
  this->harness_.Close();
  lane.ExpectEachDeliveredOnce();
}

TYPED_TEST_P(EventSinkContract, EventsOfOneKeyKeepTheirOrder) {
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
    lane.Add(events);
    if (random.OneIn(3)) lane.RunOnce();
  }
  ASSERT_TRUE(lane.AllReported());
  const auto stored = this->harness_.Values(n);
  EXPECT_EQ(stored.size(), n);
  for (const auto& [key, values] : sent) EXPECT_EQ(OfKey(stored, 0, key), values) << key;
  this->harness_.Close();
  lane.ExpectEachDeliveredOnce();
}

TYPED_TEST_P(EventSinkContract, ManyAndLargeEventsMayComeAtOnce) {
  ContractLane lane(this->harness_.Sink(), 0);
  std::vector<ContractLane::Outgoing> events;
  std::vector<std::string> sent;
  for (uint64_t n = 0; n < 5'000; ++n) {
    sent.push_back(Value(0, "k", n, n % 2500 == 2499 ? 900'000 : 300));
    events.push_back({sent.back(), "k"});
  }
  lane.Add(events);
  ASSERT_TRUE(lane.AllReported());
  const auto stored = this->harness_.Values(sent.size());
  EXPECT_TRUE(stored == sent) << stored.size() << " of " << sent.size() << " stored";
  this->harness_.Close();
  lane.ExpectEachDeliveredOnce();
}

TYPED_TEST_P(EventSinkContract, LanesInThreadsOfTheirOwnDontDisturbOneAnother) {
  constexpr uint64_t kEvents = 2000;  // per lane
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
        lanes[number]->Add(events);
        lanes[number]->RunOnce();
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

TYPED_TEST_P(EventSinkContract, WakeEndsARunThatWouldGoOnForEver) {
  ContractLane lane(this->harness_.Sink(), 0);
  SinkLane& sink = this->harness_.Sink().Lane(0);
  sink.Wake();
  sink.Run(base::SteadyTime::max());
  std::thread waker([&] {
    for (int i = 0; i < 100; ++i) sink.Wake();
  });
  sink.Run(base::SteadyTime::max());
  waker.join();
  lane.RunOnce();
  std::thread other([&] { sink.Wake(); });
  sink.Run(base::SteadyTime::max());
  other.join();
}

TYPED_TEST_P(EventSinkContract, DeadLetterStandsWithItsNoteAndNotAmongTheEvents) {
  ContractLane lane(this->harness_.Sink(), 0);
  const auto failed_at = base::WallTime(std::chrono::sys_days(std::chrono::year(2026) / 1 / 31) +
                                        std::chrono::hours(12) + std::chrono::milliseconds(345));
  std::vector<std::string> values;
  for (uint64_t n = 0; n < 10; ++n) {
    values.push_back(Value(0, "k", n, 100));
    const auto attempts = static_cast<uint32_t>(n + 1);
    lane.AddDeadLetter({values.back(), n % 2 == 0 ? std::optional<std::string>("k\"\u00e9") : std::nullopt},
                       {"message_too_large", "it \"is\" too large", attempts, failed_at});
  }
  lane.Add({{"{\"event\":true}", "k"}});
  ASSERT_TRUE(lane.AllReported());
  EXPECT_EQ(this->harness_.Values(1), (std::vector<std::string>{"{\"event\":true}"}));
  auto dead_letters = this->harness_.DeadLetters(values.size());
  std::sort(dead_letters.begin(), dead_letters.end(),
            [](const auto& a, const auto& b) { return a.value < b.value; });
  ASSERT_EQ(dead_letters.size(), values.size());
  for (size_t n = 0; n < dead_letters.size(); ++n) {
    EXPECT_EQ(dead_letters[n].value, values[n]);
    EXPECT_EQ(dead_letters[n].code, "message_too_large");
    EXPECT_EQ(dead_letters[n].reason, "it \"is\" too large");
    EXPECT_EQ(dead_letters[n].attempts, std::to_string(n + 1));
    EXPECT_EQ(dead_letters[n].failed_at, ei::View(FormatTimestamp(failed_at)));
    EXPECT_EQ(dead_letters[n].key, n % 2 == 0 ? std::optional<std::string>("k\"\u00e9") : std::nullopt);
  }
  this->harness_.Close();
  lane.ExpectEachDeliveredOnce();
}

REGISTER_TYPED_TEST_SUITE_P(EventSinkContract, NothingSentNothingReported,
                            EachEventHasOneReportAndStandsThereUnchanged, EventsWithoutAKeyAreDelivered,
                            EventsOfOneKeyKeepTheirOrder, ManyAndLargeEventsMayComeAtOnce,
                            LanesInThreadsOfTheirOwnDontDisturbOneAnother, WakeEndsARunThatWouldGoOnForEver,
                            DeadLetterStandsWithItsNoteAndNotAmongTheEvents);

}  // namespace ei::contract
