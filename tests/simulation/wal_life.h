#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "adapters/wal/segment_files.h"
#include "adapters/wal/wal_journal.h"
#include "ingest/event_decoder.h"
#include "ingest/ingest.h"
#include "simulation/wal_ledger.h"
#include "simulation/wal_notes.h"
#include "simulation/wal_repeats.h"
#include "simulation/wal_requests.h"
#include "support/delivery_rig.h"
#include "support/null_log.h"
#include "support/random.h"
#include "support/sim_disk.h"
#include "support/virtual_clock.h"

namespace ei::simulation {

// How often each kind of thing happened, over all schedules of a run.
using Occurred = std::map<std::string, uint64_t>;

// One run of the process, from its start on a disk to its end: the real ingest, journal, log and delivery, in
// one thread. A component gets a turn only when it was woken or its pause is over, so a lost wake-up shows up
// as a stall.
class WalLife {
 public:
  using Told = WalLedger::Told;
  using Role = wal::WalJournal::Role;

  // nullptr: the start failed because of a disk error.
  static std::unique_ptr<WalLife> Start(support::SimDisk& disk, const wal::WalOptions& options,
                                        support::VirtualClock& clock, WalLedger& ledger, WalNotesBook& notes,
                                        EventDecoder& decoder, Occurred& occurred, uint64_t seed,
                                        bool shrunk) {
    std::unique_ptr<WalLife> life(new WalLife(disk, clock, ledger, decoder, occurred, seed));
    wal::WalOptions shared = options;
    shared.shares = &life->shares_;
    if (options.retain_events > 0) {
      life->repeats_ = std::make_unique<WalRepeats>(options, clock, life->random_.Next());
      shared.window = &life->repeats_->Window();
    }
    auto opened = wal::WalJournal::Open(shared, *life->directory_, clock, life->log_, life->random_.Next());
    if (!opened) return nullptr;
    life->journal_ = std::move(*opened);
    life->noted_ = std::make_unique<NotedJournal>(
        *life->journal_, shared.lanes, notes, [&disk] { return disk.Stopped(); }, life->random_.Next());
    occurred["notes: batches known again"] += life->noted_->Known();
    life->Begin(shared, shrunk);
    return life;
  }

  ~WalLife() {
    if (rig_ == nullptr) return;
    const support::MisbehavingSink& broker = rig_->sink;
    ledger_.Arrived(broker.Delivered(), broker.DeadLettered());
    const auto& total = broker.Total();
    const auto told = rig_->telemetry.Read();
    occurred_["broker: delivered"] += total.delivered;
    occurred_["broker: dead-lettered"] += total.dead_lettered;
    occurred_["broker: unreachable"] += total.in_outage;
    occurred_["broker: refused an event"] += total.rejected;
    occurred_["broker: refused a dead letter"] += total.dead_letter_failed;
    occurred_["broker: acknowledged late"] += total.held_back;
    occurred_["broker: acknowledgement lost in a crash"] +=
        total.delivered + total.dead_lettered - told.delivered - told.DeadLettered();
    const auto counts = journal_->Counts();
    occurred_["log: events recovered"] += counts.recovered;
    occurred_["log: events lost to damage"] += counts.lost;
    occurred_["log: segments quarantined"] += counts.set_aside;
    occurred_["log: commits"] += counts.commits;
  }

  // 'n': an anonymous client.
  static ClientIdentity IdentityOf(char client) {
    return client == 'n' ? kNoClient : ei::IdentityOf({&client, 1});
  }
  ClientNumber NumberOf(char client) const {
    return client == 'n' ? ClientNumber{0} : clients_.at(client).Client();
  }

  // Sends one request of a client with these events, each a label and its JSON.
  IngestStatus Request(const std::vector<std::pair<std::string, std::string>>& events, AckLevel level,
                       char client) {
    std::string body;
    std::vector<std::string> labels;
    for (const auto& [label, json] : events) {
      ledger_.Sent(label, json);
      body.append(json).append("\n");
      labels.push_back(label);
    }
    const bool waits = level != AckLevel::kMemory;
    submission_.waiter = waits ? &requests_->New(level, labels) : nullptr;
    const auto decoded = decoder_.DecodeLines(body);
    const ClientNumber number = NumberOf(client);
    const uint64_t held = shares_.Held(number, Shared::kJournalBytes);
    const auto result =
        ingest_->Accept(decoded.events, {}, {.number = number, .identity = IdentityOf(client)},
                        Handling::kLenient, level, submission_);
    const bool accepted = result.status == IngestStatus::kAccepted;
    if (!accepted && waits) requests_->Drop();
    if (!accepted) {
      for (const std::string& label : labels) {
        if (repeats_ == nullptr || !repeats_->Knows(label)) ledger_.Tell(label, Told::kRefused);
      }
      return result.status;
    }
    EXPECT_EQ(submission_.batch.Size(), events.size());
    if (repeats_ != nullptr) repeats_->Check(submission_);
    if (!submission_.dedup.repeats.empty()) {
      ++occurred_["event repeated"];
    } else {
      NoteCharge(number, shares_.Held(number, Shared::kJournalBytes) - held);
    }
    if (level == AckLevel::kMemory) {
      for (const std::string& label : labels) ledger_.Tell(label, Told::kAccepted);
    }
    Answer();
    return result.status;
  }

  // Answers the requests whose events are safe. Requests of a failed journal get no answer.
  void Answer() {
    ledger_.NoteDurable(journal_->DurableEnd());
    const support::MisbehavingSink& broker = rig_->sink;
    occurred_["broker: confirmed a request"] +=
        requests_->Answer([this](const std::string& label) { ledger_.Tell(label, Told::kDurable); },
                          [this, &broker](const std::string& label) {
                            return ledger_.HasArrived(label) || broker.Delivered().contains(label) ||
                                   broker.DeadLettered().contains(label);
                          });
  }

  // Runs one step of a role of the log if it is due; false: it is not.
  bool Step(Role role) {
    RoleState& state = roles_[static_cast<size_t>(role)];
    if (!state.woken && !(state.due && *state.due <= clock_.Now())) return false;
    state = {.woken = false, .due = std::nullopt};
    wal::Work work = wal::Work::kIdle;
    switch (role) {
      case Role::kCommit: work = journal_->Commit(); break;
      case Role::kReadBack: work = journal_->ReadBack(); break;
      case Role::kHousekeep: work = journal_->Housekeep(); break;
    }
    if (work == wal::Work::kDone) state.woken = true;
    if (work == wal::Work::kLater) state.due = clock_.Now() + std::chrono::milliseconds(20);
    if (journal_->Counts().backlog_events > 0) ++occurred_["log: steps with a backlog beyond memory"];
    if (journal_->Counts().deferred_events > 0) ++occurred_["log: steps with deferred events"];
    if (journal_->Counts().unreadable > 0) ++occurred_["log: steps while it can't be read"];
    Answer();
    CheckBounds();
    if (role == Role::kHousekeep) CheckMarkedStay();
    return true;
  }

  // Runs every component that is due; false: all wait for time to pass or for the sink.
  bool RunAnything() {
    bool ran = false;
    for (const Role role : {Role::kCommit, Role::kReadBack, Role::kHousekeep}) ran = Step(role) || ran;
    return rig_->RunOneWorker(random_.Below(4)) || ran;
  }

  // A lane sends some of its events, as far as its notes show.
  void NoteSome() { noted_->NoteSome(); }

  // Tells the journal which partitions of the topic are stalled, though the sink delivers their events.
  void SetStalls(std::vector<StalledTopic> stalls) { journal_->SetStalls(std::move(stalls)); }

  // Stops the sink's faults and runs until the journal is empty.
  void DrainAll() {
    SetStalls({});
    rig_->sink.Misbehave(false);
    rig_->sink.SetOutage(false);
    for (int step = 0; journal_->Stats().events > 0 && !::testing::Test::HasFailure(); ++step) {
      ASSERT_LT(step, 200'000) << "the journal does not become empty";
      if (RunAnything()) continue;
      if (!rig_->sink.Idle()) {
        rig_->sink.Progress();
        continue;
      }
      auto next = rig_->NextTurn();
      for (const RoleState& role : roles_) {
        if (role.due && (!next || *role.due < *next)) next = role.due;
      }
      ASSERT_TRUE(next.has_value()) << "stalled: " << journal_->Stats().events
                                    << " events, and no component will run";
      clock_.AdvanceTo(*next);
    }
  }

  // Runs for a while without new requests.
  void GoOn(int steps) {
    for (; steps > 0 && !::testing::Test::HasFailure(); --steps) {
      if (RunAnything()) continue;
      rig_->sink.Progress();
      clock_.Advance(std::chrono::seconds(2));
    }
  }

  // Graceful stop: no new requests, all accepted events are written to the disk, then some of them are
  // delivered. Returns false if the last checkpoint could not be saved.
  bool Stop(uint64_t drain_steps) {
    ingest_->Close();
    journal_->Close();
    while (Step(Role::kCommit)) {
    }
    for (; drain_steps > 0; --drain_steps) {
      if (!RunAnything()) rig_->sink.Progress();
    }
    return journal_->Finish();
  }

  // Conditions of a graceful end: every request is answered, and all accepted events are on the disk.
  bool AllAnswered() {
    Answer();
    return requests_->NoneOf(AckLevel::kWal) && journal_->Counts().unsynced_events == 0;
  }
  bool AllConfirmed() {
    Answer();
    return requests_->NoneOf(AckLevel::kBroker);
  }

  // To be called when no event waits and each part of the log has had its turn.
  void CheckNoClientHoldsAnything() const {
    for (const auto& [name, client] : clients_) {
      ASSERT_EQ(shares_.Held(client.Client(), Shared::kJournalBytes), 0U) << name;
      ASSERT_EQ(shares_.Held(client.Client(), Shared::kUnsyncedBytes), 0U) << name;
    }
    ASSERT_EQ(shares_.Held(0, Shared::kUnsyncedBytes), 0U);
  }

  void CheckAccounts() const {
    const auto counts = journal_->Counts();
    const auto told = rig_->telemetry.Read();
    ASSERT_EQ(journal_->Events(), journal_->Stats().events);
    ASSERT_EQ(rig_->journal.Settled(), told.delivered + told.DeadLettered());
    ASSERT_LE(told.delivered, rig_->sink.Total().delivered);
    ASSERT_LE(told.DeadLettered(), rig_->sink.Total().dead_lettered);
    ASSERT_EQ(counts.recovered + told.accepted,
              told.delivered + told.DeadLettered() + counts.lost + journal_->Stats().events);
  }

  // Whether the event has left the window, so that a retry would be another event.
  bool Forgot(const std::string& label) const {
    return repeats_ != nullptr && repeats_->Knows(label) && !repeats_->MayKnow(label);
  }

  // An event that the client may send again; empty: there is none, or there is no window.
  std::string AnyToRepeat(char client) {
    return repeats_ == nullptr ? std::string() : repeats_->AnyToRepeat(client, random_);
  }

  void CheckNothingDurableIsGone() const {
    ASSERT_GE(journal_->DurableEnd() + journal_->Counts().unsynced_events, ledger_.DurableEnd());
  }

  // Checks that every acknowledged event that has not arrived is in the log, and therefore in the window.
  void CheckPromisedIsKnown() const {
    if (repeats_ == nullptr || options_.retain_time < std::chrono::hours(1)) return;
    for (const std::string& label : ledger_.Missing()) ASSERT_TRUE(repeats_->Knows(label)) << label;
  }

  wal::WalJournal& Journal() { return *journal_; }
  support::DeliveryRig& Rig() { return *rig_; }
  bool Failed() const { return journal_->Failed(); }

 private:
  struct RoleState {
    bool woken = true;
    std::optional<base::SteadyTime> due;
  };
  // The bytes that a request added to the log, in its own segment.
  struct Charge {
    ClientNumber client;
    uint64_t begin;
    uint64_t end;
    uint64_t bytes;
  };

  WalLife(support::SimDisk& disk, support::VirtualClock& clock, WalLedger& ledger, EventDecoder& decoder,
          Occurred& occurred, uint64_t seed)
      : random_(seed),
        disk_(disk),
        clock_(clock),
        ledger_(ledger),
        decoder_(decoder),
        occurred_(occurred),
        directory_(disk.Mount()),
        submission_(random_.Next()) {
    for (const char client : {'a', 'b', 'c'})
      clients_.emplace(client, shares_.Enter({&client, 1}, clock.Now()));
  }

  static constexpr uint64_t kOpenFilesMax = 15;
  static constexpr uint64_t kLargestSegmentBytes = 16 << 10;

  void Begin(const wal::WalOptions& options, bool shrunk) {
    options_ = options;
    journal_->OnWork([this](Role role) { roles_[static_cast<size_t>(role)].woken = true; });
    if (repeats_ != nullptr) repeats_->Restore(*journal_, decoder_, disk_.Counts().unreadable == 0);
    rig_ = std::make_unique<support::DeliveryRig>(options.lanes, *noted_, random_.Next(), &clock_);
    requests_ = std::make_unique<WalRequests>(rig_->journal);
    rig_->sink.OnArrival([this](std::string_view value) { ledger_.CheckUnaltered(value); });
    bucket_ = std::make_unique<TokenBucket>(0, 1);
    // A crash may restore removed files.
    disk_bytes_max_ = std::max(options.bytes_max, journal_->Stats().bytes);
    // If these leave no room for the newest commit, it gets a segment of its size above the limit.
    const auto counts = journal_->Counts();
    if (counts.set_aside > 0 || shrunk) disk_bytes_max_ += kLargestSegmentBytes;
    ingest_ = std::make_unique<Ingest>(Ingest::Options{}, *bucket_, rig_->journal, rig_->drain_rate,
                                       rig_->topic_limits, clock_, rig_->telemetry, options.window);
  }

  // A part of the charge may be for the unused end of the previous segment: count at most the frame's size.
  void NoteCharge(ClientNumber client, uint64_t charged) {
    const uint64_t end = rig_->journal.End();
    const uint64_t events = submission_.batch.Size();
    const uint64_t frame = wal::FrameBytes(submission_.batch.Bytes().size(), events, wal::kOriginBytes);
    charges_.push_back({client, end - events, end, std::min(charged, frame)});
  }

  // A client is charged until its whole segment is settled, so at least for all of its waiting events.
  void CheckCharges() {
    std::erase_if(charges_,
                  [this](const Charge& charge) { return !rig_->journal.Waits(charge.begin, charge.end); });
    std::map<ClientNumber, uint64_t> own;
    for (const Charge& charge : charges_) own[charge.client] += charge.bytes;
    for (const auto& [client, bytes] : own) {
      ASSERT_GE(shares_.Held(client, Shared::kJournalBytes), bytes)
          << "a client is charged with less than its waiting events";
    }
    uint64_t charged = shares_.Held(0, Shared::kJournalBytes);
    for (const auto& [name, client] : clients_)
      charged += shares_.Held(client.Client(), Shared::kJournalBytes);
    ASSERT_LE(charged, journal_->Stats().bytes) << "clients are charged with more than the size of the log";
  }

  // Checks that a file marked as damaged is never reused: it stays, and is quarantined once no event waits in
  // it.
  void CheckMarkedStay() {
    std::set<uint64_t> marks;
    std::set<uint64_t> there;
    std::set<uint64_t> aside;
    for (const std::string& name : disk_.SeenNames()) {
      if (const auto number = wal::MarkNumber(name)) marks.insert(*number);
      if (const auto number = wal::SegmentNumber(name)) there.insert(*number);
      if (const auto number = wal::DamagedNumber(name)) aside.insert(*number);
    }
    for (const uint64_t number : marked_) {
      ASSERT_TRUE(there.contains(number) || aside.contains(number))
          << "a damaged segment is gone: " << number;
    }
    marked_.clear();
    std::ranges::set_intersection(marks, there, std::inserter(marked_, marked_.end()));
  }

  void CheckBounds() {
    ASSERT_LE(disk_.OpenFiles(), kOpenFilesMax);
    ASSERT_LE(journal_->Stats().bytes, disk_bytes_max_) << "more disk than allowed";
    // The window and the data on its way to the disk, each rounded up to blocks, plus a frame that is being
    // read back.
    ASSERT_LE(journal_->Counts().memory_bytes, options_.window_bytes_max + (1 << 20))
        << "more memory than allowed";
    CheckCharges();
  }

  support::Random random_;
  support::SimDisk& disk_;
  support::VirtualClock& clock_;
  WalLedger& ledger_;
  EventDecoder& decoder_;
  Occurred& occurred_;
  support::NullLog log_;
  ClientShares shares_{{}};
  std::map<char, ClientShares::ClientHandle> clients_;
  std::vector<Charge> charges_;  // of requests with waiting events
  std::set<uint64_t> marked_;    // segments that were marked at the last CheckMarkedStay
  wal::WalOptions options_;
  std::unique_ptr<wal::Directory> directory_;
  std::unique_ptr<WalRepeats> repeats_;  // nullptr: no window
  std::unique_ptr<wal::WalJournal> journal_;
  std::unique_ptr<NotedJournal> noted_;
  std::unique_ptr<support::DeliveryRig> rig_;
  std::unique_ptr<WalRequests> requests_;
  std::unique_ptr<TokenBucket> bucket_;
  std::unique_ptr<Ingest> ingest_;
  IngestContext submission_;
  std::array<RoleState, 3> roles_;
  uint64_t disk_bytes_max_ = 0;
};

}  // namespace ei::simulation
