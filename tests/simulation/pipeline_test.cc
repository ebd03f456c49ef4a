// Runs the whole pipeline in one thread with a seeded schedule and virtual time: bodies are decoded,
// ingested, journalled and delivered to a misbehaving sink. EI_SCHEDULES sets the number of schedules;
// EI_SEED repeats one by its seed.

#include <gtest/gtest.h>

#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "adapters/json/event_decoder.h"
#include "ingest/ingest.h"
#include "journal/memory_journal.h"
#include "support/delivery_rig.h"
#include "support/events.h"
#include "support/random.h"

namespace ei::simulation {
namespace {

// From this number of schedules on, every kind of event must have occurred; fewer may miss rare ones.
constexpr uint64_t kEnoughForAll = 6'000;

// One schedule, from the first request to the delivery of the last event.
class Schedule {
 public:
  Schedule(uint64_t seed, EventDecoder& decoder, std::map<std::string, uint64_t>& occurred)
      : random_(seed),
        occurred_(occurred),
        decoder_(decoder),
        events_max_(random_.Between(10, 80)),
        rate_(random_.OneIn(2) ? 0 : 2'000),
        shares_(SharesOf(events_max_, rate_)),
        journal_({.events_max = events_max_, .bytes_max = kJournalBytes, .lanes = 2, .shares = &shares_}),
        rig_(2, journal_, random_.Next()),
        bucket_(rate_, kBurst),
        ingest_({.limits = {.event_bytes_max = 2'000}}, bucket_, rig_.journal, rig_.drain_rate,
                rig_.topic_limits, rig_.clock, rig_.telemetry, nullptr, nullptr, &shares_),
        submission_(random_.Next()) {
    for (uint64_t i = random_.Below(3); i > 0; --i) {
      clients_.push_back(shares_.Enter(std::to_string(i), rig_.clock.Now()));
      shares_.NoteSender(clients_.back().Client(), rig_.clock.Now());
    }
  }

  void Run() {
    for (uint64_t steps = random_.Between(50, 300); steps > 0 && !::testing::Test::HasFailure(); --steps) {
      switch (random_.Below(10)) {
        case 0:
        case 1: Request(); break;
        case 2:
        case 3:
        case 4: rig_.sink.Progress(); break;
        case 5: rig_.clock.Advance(std::chrono::microseconds(random_.Below(20'000))); break;
        case 6: rig_.sink.SetOutage(random_.OneIn(5)); break;
        default: rig_.RunOneWorker(random_.Below(2)); break;
      }
      if (steps % 16 == 0) CheckAccounts();
    }
    if (random_.OneIn(3)) Shut();
    rig_.DrainAll();
    CheckAccounts();
    rig_.CheckFates(accepted_);
    ASSERT_EQ(rig_.journal.Stats().events, 0U);
    ASSERT_EQ(rig_.journal.Stats().bytes, 0U);
    const auto told = rig_.telemetry.Read();
    ASSERT_EQ(told.accepted, told.delivered + told.DeadLettered());
    ASSERT_EQ(shares_.LargestPart(Shared::kJournalEvents), 0);
    ASSERT_EQ(shares_.LargestPart(Shared::kJournalBytes), 0);
    ASSERT_EQ(shares_.Held(0, Shared::kJournalBytes), 0U);
    NoteFaults();
  }

 private:
  static constexpr double kBurst = 30;
  static constexpr uint64_t kJournalBytes = 1 << 20;

  static ClientShares::Options SharesOf(uint64_t events_max, double rate) {
    ClientShares::Options options;
    options.capacities[static_cast<size_t>(Shared::kJournalEvents)] = events_max;
    options.capacities[static_cast<size_t>(Shared::kJournalBytes)] = kJournalBytes;
    options.rate = rate;
    options.burst = kBurst;
    return options;
  }

  ClientNumber AnyClient() {
    const uint64_t i = random_.Below(clients_.size() + 1);
    return i == clients_.size() ? ClientNumber{0} : clients_[i].Client();
  }

  void Request() {
    if (random_.OneIn(10)) {
      const auto admitted =
          ingest_.Admit(AckLevel::kMemory, {.number = AnyClient()}, random_.Below(1'000), rig_.clock.Now());
      if (admitted.status != IngestStatus::kAccepted) ++occurred_["refused unread"];
      return;
    }
    std::vector<std::string> labels;
    const uint64_t form = random_.Below(3);
    const uint64_t count = form == 0           ? 1
                           : random_.OneIn(15) ? random_.Between(20, 100)
                                               : random_.Between(1, 8);
    std::string body = form == 1 ? "[" : "";
    for (uint64_t i = 0; i < count; ++i) {
      if (i > 0) body += form == 1 ? "," : "\n";
      body += Event(labels);
    }
    if (form == 1) body += "]";
    if (random_.OneIn(20)) {
      body.resize(random_.Below(body.size()));
      ++occurred_["truncated body"];
    }
    Submit(form == 2 ? decoder_.DecodeLines(body) : decoder_.DecodeDocument(body));
  }

  void Submit(const DecodedRequest& request) {
    if (request.fault != DocumentFault::kNone) {
      ++occurred_["malformed document"];
      return;
    }
    const auto handling = random_.OneIn(3) ? Handling::kStrict : Handling::kLenient;
    const uint64_t before = rig_.journal.Stats().events;
    const RequestMetadata metadata{
        .context = {.client = {}, .traceparent = random_.OneIn(2) ? "00-trace-01" : ""}};
    const auto result = ingest_.Accept(request.events, metadata, {.number = AnyClient()}, handling,
                                       AckLevel::kMemory, submission_);
    const uint64_t added = rig_.journal.Stats().events - before;
    if (!submission_.rejections.empty()) ++occurred_["invalid event"];
    switch (result.status) {
      case IngestStatus::kAccepted:
        ++occurred_["accepted"];
        ASSERT_EQ(added, submission_.batch.Size());
        ASSERT_TRUE(handling == Handling::kLenient || submission_.rejections.empty());
        for (size_t i = 0; i < submission_.batch.Size(); ++i)
          accepted_.emplace_back(submission_.batch.RawId(i));
        return;
      case IngestStatus::kAllRejected: ++occurred_["all rejected"]; break;
      case IngestStatus::kRateLimited: ++occurred_["rate limited"]; break;
      case IngestStatus::kJournalFull: ++occurred_["journal full"]; break;
      case IngestStatus::kOverShare:
        ASSERT_GT(clients_.size(), 1U) << "rejected for its share although no other client is active";
        ++occurred_["over share"];
        break;
      case IngestStatus::kBatchTooLarge: ++occurred_["batch too large"]; break;
      case IngestStatus::kShuttingDown: ++occurred_["shutting down"]; break;
      case IngestStatus::kStorageFailed: FAIL() << "the memory journal never fails";
      case IngestStatus::kKeyTooLarge: FAIL() << "no request has a key in its header";
      case IngestStatus::kAckUnavailable: FAIL() << "Accept does not check the level";
    }
    ASSERT_EQ(added, 0U) << "a rejected request left events in the journal";
  }

  std::string Event(std::vector<std::string>& labels) {
    labels.push_back("#" + std::string(1, "ggggggggii"[random_.Below(10)]) + std::to_string(++number_) + "#");
    std::string json = R"({"id":")" + labels.back() + "\"";
    if (!random_.OneIn(12)) json += R"(,"type":"t")";
    if (random_.OneIn(40)) json += R"(,"id":"again")";
    if (random_.OneIn(40)) json += R"(,"timestamp":"soon")";
    if (random_.OneIn(40)) json += R"(,"p":")" + std::string(2'000, 'x') + "\"";
    if (!random_.OneIn(5)) json += R"(,"key":")" + std::to_string(random_.Below(6)) + "\"";
    return json + "}";
  }

  // Graceful stop: no new requests, all events are delivered.
  void Shut() {
    ingest_.Close();
    for (int i = 0; i < 3; ++i) Request();
    rig_.journal.Close();
  }

  void CheckAccounts() {
    rig_.CheckAccounts();
    const auto told = rig_.telemetry.Read();
    ASSERT_EQ(told.received, told.accepted + told.Rejected());
    ASSERT_EQ(told.accepted, told.delivered + told.DeadLettered() + rig_.journal.Stats().events);
    ASSERT_EQ(told.accepted, accepted_.size());
    const JournalStats journal = rig_.journal.Stats();
    ASSERT_LE(journal.events, journal.events_max);
    // A client's use is counted in the unit that limits the journal.
    ASSERT_EQ(shares_.Left(Shared::kJournalEvents), journal.events_max - journal.events);
    ASSERT_LE(journal.bytes, journal.bytes_max);
    ASSERT_EQ(shares_.Left(Shared::kJournalBytes), journal.bytes_max - journal.bytes);
    ASSERT_GE(journal.bytes, journal.events * kEventOverheadBytes);
  }

  void NoteFaults() {
    const auto& counts = rig_.sink.Total();
    occurred_["delivered"] += counts.delivered;
    occurred_["dead-lettered"] += counts.dead_lettered;
    occurred_["step of an outage"] += counts.in_outage;
    occurred_["rejected by the sink"] += counts.rejected;
    occurred_["dead letter failed"] += counts.dead_letter_failed;
    occurred_["reported within Add"] += counts.reported_within_add;
    occurred_["report held back"] += counts.held_back;
  }

  support::Random random_;
  std::map<std::string, uint64_t>& occurred_;
  EventDecoder& decoder_;
  const uint64_t events_max_;
  const double rate_;
  ClientShares shares_;
  std::vector<ClientShares::ClientHandle> clients_;
  MemoryJournal journal_;
  support::DeliveryRig rig_;
  TokenBucket bucket_;
  Ingest ingest_;
  IngestContext submission_;
  uint64_t number_ = 0;
  std::vector<std::string> accepted_;
};

TEST(Pipeline, AccountsForEveryEventWhateverTheSinkDoes) {
  const uint64_t seed = support::SeedOr(51);
  const uint64_t schedules = support::SchedulesOr(kEnoughForAll);
  const auto decoder = json::MakeEventDecoder({});
  decoder->UseRoutes(support::KeyedBy({"key"}));
  std::map<std::string, uint64_t> occurred;
  for (const char* kind :
       {"refused unread", "truncated body", "malformed document", "invalid event", "accepted", "all rejected",
        "rate limited", "journal full", "over share", "batch too large", "shutting down"}) {
    occurred[kind] = 0;
  }
  for (uint64_t i = 0; i < schedules && !HasFailure(); ++i) {
    SCOPED_TRACE(testing::Message() << "run this schedule again with EI_SEED=" << seed + i);
    Schedule(seed + i, *decoder, occurred).Run();
  }
  for (const auto& [kind, count] : occurred) {
    std::cout << "[ occurred ] " << count << " x " << kind << '\n';
    if (schedules >= kEnoughForAll) {
      EXPECT_GT(count, 0U) << kind << " never occurred";
    }
  }
}

}  // namespace
}  // namespace ei::simulation
