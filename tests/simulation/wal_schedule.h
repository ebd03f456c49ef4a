#pragma once

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "adapters/wal/log_repair.h"
#include "adapters/wal/segment_files.h"
#include "simulation/wal_life.h"

namespace ei::simulation {

// Several runs of the service on one disk, each ended in a different way; then a last one without faults,
// after which all events are accounted for. Everything is derived from the seed.
class WalSchedule {
 public:
  // Kinds of events that must occur in a run of many schedules, in addition to those that the disk and the
  // broker count.
  static constexpr std::array kKinds = {"event accepted",
                                        "batch accepted",
                                        "event repeated",
                                        "event sent again after its time",
                                        "machine started anew",
                                        "refused: journal full",
                                        "refused: batch too large",
                                        "refused: storage failed",
                                        "start failed on the disk",
                                        "storage failed, process ended",
                                        "graceful stop",
                                        "power lost after a graceful stop",
                                        "power lost",
                                        "process killed",
                                        "bit flipped",
                                        "range zeroed",
                                        "file truncated",
                                        "file removed",
                                        "ended during its start",
                                        "sectors made unreadable",
                                        "unreadable sectors healed",
                                        "repaired by the operator",
                                        "damaged files moved away",
                                        "settings shrunk",
                                        "several files damaged",
                                        "number of lanes changed",
                                        "notes: batches known again",
                                        "notes: events settled by them alone",
                                        "notes: a lane had several files"};

  WalSchedule(uint64_t seed, EventDecoder& decoder, Occurred& occurred)
      : random_(seed),
        decoder_(decoder),
        occurred_(occurred),
        disk_(random_.Next(),
              {.tearing = static_cast<support::Tearing>(random_.Below(4)),
               .name_loss = random_.OneIn(2) ? support::NameLoss::kAny : support::NameLoss::kLast}) {
    options_.segment_bytes = 4096 << random_.Below(3);
    options_.bytes_max = options_.segment_bytes * random_.Between(2, 8);
    options_.window_events_max = random_.Between(1, 40);
    options_.window_bytes_max = 1 << 20;
    options_.lanes = random_.Between(1, 3);
    options_.sent_file_bytes = random_.Between(20, 400);
    if (random_.OneIn(3)) options_.checkpoint_runs_max = random_.Between(4, 40);
    faults_ = static_cast<Faults>(random_.Below(kFaultKinds));
    if (random_.OneIn(2)) {
      options_.retain_events = 1'000'000;
      options_.retain_time = std::chrono::hours(24);
      if (random_.OneIn(2)) options_.retain_time = std::chrono::seconds(random_.Between(1, 6));
    }
  }

  // A short first run without faults, until power is lost after `operations` operations of the disk. Returns
  // false if the run ended before.
  bool RunUntil(uint64_t operations) {
    faults_ = Faults::kNone;
    disk_.StopAfter(operations);
    bool stopped = true;
    if (auto life = Start()) {
      for (int step = 0; step < kShortLife && !disk_.Stopped(); ++step) Step(*life);
      stopped = disk_.Stopped();
    }
    EndAbruptly();
    Settle();
    return stopped;
  }

  // One or two short runs that are killed; a start that is killed after some operations (the page cache
  // survives); a start that ends with a power loss.
  void RunWithStartsCutShort() {
    faults_ = Faults::kNone;
    LiveShortly();
    if (random_.OneIn(2)) LiveShortly();
    const bool first_cut = CutStartShort(random_.Between(1, kStartOperations));
    disk_.KillProcess();
    const bool second_cut = CutStartShort(random_.Between(1, kStartOperations));
    if (first_cut && second_cut) ++occurred_["two starts cut short"];
    LosePower();
    if (random_.OneIn(2)) RepairOldest();
    Settle();
  }

  // A run that is killed; then its newest commit is damaged, so the notes of it are about events that the log
  // has lost. Or the log is removed without its notes, and the notes return to a log without a checkpoint. In
  // both cases new events get the same positions.
  void RunWithNotesOfOthers() {
    faults_ = Faults::kNone;
    LiveShortly();
    if (random_.OneIn(2)) {
      DamageNewest();
    } else {
      BeginAnewWithOldNotes();
    }
    if (random_.OneIn(2)) {
      CutStartShort(random_.Between(1, kStartOperations));
      disk_.KillProcess();
    }
    for (uint64_t lives = random_.Between(0, 2); lives > 0; --lives) LiveShortly();
    Settle();
    for (const std::string& label : ledger_.Missing()) {
      ASSERT_TRUE(excused_.contains(label)) << "accepted after the damage, but lost: " << label;
    }
  }

  void Run() {
    for (uint64_t lives = random_.Between(1, 4); lives > 0 && !::testing::Test::HasFailure(); --lives)
      LiveOnce();
    Settle();
  }

 private:
  // One kind of fault per schedule, so that each kind occurs and there are also long runs without faults.
  enum class Faults : uint8_t { kNone, kStop, kWrites, kSyncs, kNames, kReads, kFull, kDamage, kUnreadable };
  static constexpr uint64_t kFaultKinds = 9;
  static constexpr int kShortLife = 60;
  static constexpr uint64_t kStartOperations = 50;  // of the disk; about as many as one start makes
  static constexpr int kStartsCutShort = 3;         // one after the other

  // The process is killed between two steps or between two operations of the disk.
  void LiveShortly() {
    if (random_.OneIn(2)) disk_.StopAfter(random_.Between(1, 3 * kStartOperations));
    if (auto life = Start()) {
      for (int step = 0; step < kShortLife && !disk_.Stopped(); ++step) Step(*life);
    }
    repeats_allowed_ = true;
    ledger_.ForgetMemoryPromises();
    disk_.KillProcess();
  }

  // Events that have not arrived may be lost now, and the count of lost events is not checked.
  void ExcuseWhatIsMissing() {
    for (const std::string& label : ledger_.Missing()) excused_.insert(label);
    notes_.ForgetPositions();
    repaired_ = true;
    lost_count_known_ = false;
  }

  void DamageNewest() {
    ExcuseWhatIsMissing();
    std::string newest;
    size_t frame = 0;
    for (const std::string& name : Segments()) {
      const size_t at = disk_.Seen(name).rfind("FRAM");
      if (!IsUsed(name) || at == std::string::npos) continue;
      newest = name;
      frame = at;
    }
    if (newest.empty()) return;
    disk_.FlipBit(newest, frame + wal::kFrameHeaderBytes, 1);
    ++occurred_["notes: the newest commit was damaged"];
  }

  void BeginAnewWithOldNotes() {
    ExcuseWhatIsMissing();
    std::map<std::string, std::string> notes;
    for (const std::string& name : disk_.SeenNames()) {
      if (wal::SentNumber(name)) notes.emplace(name, disk_.Seen(name));
      disk_.RemoveFile(name);
    }
    aside_.clear();
    LiveShortly();
    for (const std::string& name : disk_.SeenNames()) {
      if (wal::SentNumber(name) || name == wal::kCheckpointName) disk_.RemoveFile(name);
    }
    for (const auto& [name, bytes] : notes) disk_.PutFile(name, bytes);
    notes_.ForgetPositions();
    if (!notes.empty()) ++occurred_["notes: of an earlier log"];
  }

  std::unique_ptr<WalLife> Start() {
    const bool faultless = faults_ == Faults::kNone || faults_ == Faults::kStop || faults_ == Faults::kDamage;
    if (!faultless) notes_.ForgetNotes();
    notes_.UseLanes(options_.lanes);
    const uint64_t by_notes = SettledByNotesAlone();
    auto life = WalLife::Start(disk_, options_, clock_, ledger_, notes_, decoder_, occurred_, random_.Next(),
                               shrunk_ || damages_ > 0 || repaired_);
    if (life != nullptr) {
      occurred_["notes: events settled by them alone"] += by_notes;
      EXPECT_TRUE(NotesFiles() <= options_.lanes || !faultless) << "a start leaves one for each lane";
    }
    if (life != nullptr && damages_ == 0 && !repaired_) life->CheckNothingDurableIsGone();
    return life;
  }

  size_t NotesFiles() const {
    const auto names = disk_.SeenNames();
    return static_cast<size_t>(std::ranges::count_if(
        names, [](const std::string& name) { return wal::SentNumber(name).has_value(); }));
  }

  // Events that are noted as settled and not covered by the newest checkpoint.
  uint64_t SettledByNotesAlone() {
    const auto names = disk_.SeenNames();
    if (NotesFiles() > options_.lanes) ++occurred_["notes: a lane had several files"];
    if (!std::ranges::count(names, wal::kCheckpointName)) return 0;
    const std::string& bytes = disk_.Seen(wal::kCheckpointName);
    wal::SettledMap settled;
    uint64_t newest = 0;
    for (const uint64_t offset : {uint64_t{0}, wal::kCheckpointSlotBytes}) {
      uint64_t generation = 0;
      const auto slot = wal::DecodeCheckpoint(
          std::string_view(bytes).substr(std::min<size_t>(offset, bytes.size())), &generation);
      if (!slot || generation < newest) continue;
      newest = generation;
      settled = slot->settled;
    }
    return static_cast<uint64_t>(std::ranges::count_if(
        notes_.FlushedAsSettled(), [&settled](uint64_t position) { return !settled.Contains(position); }));
  }

  // Uses other settings than the previous run.
  void ChangeSizes() {
    const uint64_t before = options_.segment_bytes;
    options_.segment_bytes = 4096 << random_.Below(3);
    options_.bytes_max = options_.segment_bytes * random_.Between(2, 8);
    if (random_.OneIn(3)) {
      const size_t lanes = random_.Between(1, 3);
      if (std::exchange(options_.lanes, lanes) != lanes) ++occurred_["number of lanes changed"];
    }
    shrunk_ = true;  // parts of the log may be larger than the new limits
    if (options_.segment_bytes < before) ++occurred_["settings shrunk"];
  }

  // Bad sectors, and a disk that recovers; both outlive the process.
  void Unreadable() {
    if (random_.OneIn(25)) {
      disk_.Heal();
      ++occurred_["unreadable sectors healed"];
    }
    if (!random_.OneIn(12)) return;
    const auto names = Segments();
    if (names.empty()) return;
    const std::string& name = names[random_.Below(names.size())];
    const uint64_t from = random_.OneIn(8) ? 0 : wal::kSegmentHeaderBytes;
    disk_.MakeUnreadable(name, from + random_.Below(options_.segment_bytes), random_.Between(1, 4'000));
    repeats_allowed_ = true;  // of events that the next run can't read and a client sends again
    ++occurred_["sectors made unreadable"];
  }

  // The log's segments by name.
  std::vector<std::string> Segments() const {
    auto names = disk_.SeenNames();
    std::erase_if(names, [](const std::string& name) { return !wal::SegmentNumber(name); });
    return names;
  }

  void LiveOnce() {
    if (random_.OneIn(3)) ChangeSizes();
    SetFaults();
    auto life = Start();
    if (life == nullptr) {
      ++occurred_["start failed on the disk"];
      return EndAbruptly();
    }
    for (uint64_t steps = random_.Between(20, 160); steps > 0; --steps) {
      if (::testing::Test::HasFailure()) return;
      Step(*life);
      if (disk_.Stopped() || life->Failed()) break;
      if (faults_ == Faults::kUnreadable) Unreadable();
    }
    if (life->Failed()) {
      ++occurred_["storage failed, process ended"];
      Request(*life);
    }
    if (!disk_.Stopped() && !life->Failed() && random_.OneIn(3)) return StopGracefully(std::move(life));
    if (!disk_.Stopped()) life->CheckAccounts();
    CheckNothingLost(*life);
    life.reset();
    EndAbruptly();
  }

  // A disk error never loses an event.
  void CheckNothingLost(WalLife& life) const { ASSERT_EQ(life.Journal().Counts().lost, 0U); }

  // Checks that quarantined files stay, on the medium too, until they are moved away.
  void CheckAsideStays() {
    std::set<std::string> there;
    for (const std::string& name : disk_.DurableNames()) {
      if (wal::DamagedNumber(name)) there.insert(name);
    }
    ASSERT_TRUE(std::ranges::includes(there, aside_)) << "a damaged file is gone";
    aside_ = std::move(there);
  }

  void Step(WalLife& life) {
    switch (random_.Below(16)) {
      case 0:
      case 1:
      case 2: return Request(life);
      case 3:
      case 4: life.Rig().sink.Progress(); return;
      case 5: return LetTimePass();
      case 6: life.Rig().sink.SetOutage(random_.OneIn(4)); return;
      case 7: life.Rig().RunOneWorker(random_.Below(3)); return;
      case 8: life.Step(WalLife::Role::kHousekeep); return;
      case 9: life.Step(WalLife::Role::kReadBack); return;
      case 10:
      case 11:
      case 12: return life.NoteSome();
      case 13: return Stall(life);
      default: life.Step(WalLife::Role::kCommit); return;
    }
  }

  // Checkpoints may be too small for all settled events.
  bool RunsMayBeLeftOut() const { return options_.checkpoint_runs_max < wal::kCheckpointRunsMax; }

  // Some partitions stall or accept events again; the topic may have got more of them.
  void Stall(WalLife& life) {
    const uint32_t partitions = random_.OneIn(8) ? 5 : 3;
    StalledTopic topic{.topic = options_.topic, .partitions = partitions, .stalled = {}};
    for (uint32_t partition = 0; partition < partitions; ++partition) {
      if (random_.OneIn(3)) topic.stalled.push_back(static_cast<int32_t>(partition));
    }
    life.SetStalls(topic.stalled.empty() ? std::vector<StalledTopic>() : std::vector{std::move(topic)});
  }

  void LetTimePass() {
    const bool long_time = options_.retain_time < std::chrono::hours(1) && random_.OneIn(6);
    clock_.Advance(std::chrono::microseconds(random_.Below(long_time ? 3'000'000 : 40'000)));
  }

  void Request(WalLife& life) {
    std::vector<std::pair<std::string, std::string>> events;
    const char client = "nabc"[random_.Below(4)];
    const uint64_t count = random_.OneIn(3) ? random_.Between(2, 12) : 1;
    for (uint64_t i = 0; i < count; ++i) {
      std::string again = random_.OneIn(3) ? life.AnyToRepeat(client) : std::string();
      if (!again.empty() && life.Forgot(again)) {
        // Its label is older than others of the key, so the order within the key would be wrong.
        if (ledger_.JsonOf(again).contains("\"key\"")) {
          again.clear();
        } else {
          ledger_.SentAfterItsTime(again);
          ++occurred_["event sent again after its time"];
        }
      }
      events.push_back(again.empty() ? NewEvent(client) : std::pair(again, ledger_.JsonOf(again)));
    }
    const auto level = random_.OneIn(6)   ? AckLevel::kMemory
                       : random_.OneIn(6) ? AckLevel::kBroker
                                          : AckLevel::kWal;
    switch (life.Request(events, level, client)) {
      case IngestStatus::kAccepted: ++occurred_[count > 1 ? "batch accepted" : "event accepted"]; break;
      case IngestStatus::kJournalFull: ++occurred_["refused: journal full"]; break;
      case IngestStatus::kBatchTooLarge: ++occurred_["refused: batch too large"]; break;
      case IngestStatus::kStorageFailed: ++occurred_["refused: storage failed"]; break;
      default: FAIL() << "unexpected status";
    }
  }

  std::pair<std::string, std::string> NewEvent(char client) {
    std::string label =
        "#" + std::string(1, "ggggggggii"[random_.Below(10)]) + std::to_string(++number_) + client + "#";
    std::string json = R"({"id":")" + label + R"(","type":"t")";
    if (!random_.OneIn(4)) json += R"(,"timestamp":"2026-01-31T12:00:00Z")";
    if (!random_.OneIn(5)) json += R"(,"key":")" + std::to_string(random_.Below(5)) + "\"";
    const uint64_t padding = random_.OneIn(12) ? random_.Below(options_.segment_bytes) : random_.Below(120);
    json += R"(,"p":")" + std::string(padding, static_cast<char>('a' + random_.Below(26))) + "\"}";
    return {label, json};
  }

  void SetFaults() {
    using support::DiskCall;
    using support::DiskFault;
    disk_.FailNoMore();
    const uint64_t rare = random_.Between(5, 60);
    if (faults_ == Faults::kStop || random_.OneIn(3)) disk_.StopAfter(random_.Between(1, 120));
    switch (faults_) {
      case Faults::kWrites:
        disk_.FailOneIn(DiskCall::kWrite, 3, DiskFault::kShort);
        disk_.FailOneIn(DiskCall::kWrite, 20 * rare, DiskFault::kEio);
        disk_.FailOneIn(DiskCall::kWrite, rare, DiskFault::kNoSpace);
        break;
      case Faults::kSyncs:
        disk_.FailOneIn(DiskCall::kSync, rare, random_.OneIn(2) ? DiskFault::kLost : DiskFault::kEio);
        break;
      case Faults::kNames:
        disk_.FailOneIn(DiskCall::kSyncNames, rare / 4 + 1,
                        random_.OneIn(2) ? DiskFault::kLost : DiskFault::kEio);
        for (const auto call :
             {DiskCall::kCreate, DiskCall::kRename, DiskCall::kRemove, DiskCall::kOpen, DiskCall::kList}) {
          disk_.FailOneIn(call, rare / 4 + 2, DiskFault::kEio);
        }
        disk_.FailOneIn(DiskCall::kCreate, rare / 4 + 2, DiskFault::kNoSpace);
        break;
      case Faults::kReads:
        disk_.FailOneIn(DiskCall::kRead, rare / 4 + 2, DiskFault::kEio);
        disk_.FailOneIn(DiskCall::kSize, rare, DiskFault::kEio);
        break;
      case Faults::kFull:
        disk_.SetCapacity(random_.OneIn(3)
                              ? kPlenty
                              : random_.Between(0, options_.bytes_max + 2 * wal::kCheckpointSlotBytes));
        break;
      default: break;
    }
  }

  void StopGracefully(std::unique_ptr<WalLife> life) {
    const bool saved = life->Stop(random_.Below(60));
    if (!saved || !life->Rig().sink.Idle() || RunsMayBeLeftOut()) repeats_allowed_ = true;
    if (disk_.Stopped() || life->Failed() || !life->AllAnswered()) {
      life.reset();
      return EndAbruptly();
    }
    life->CheckAccounts();
    ++occurred_["graceful stop"];
    const uint64_t left = life->Journal().Stats().events;
    life.reset();
    const bool power_goes = random_.OneIn(2);
    if (power_goes) {
      LosePower();
      ++occurred_["power lost after a graceful stop"];
    } else {
      disk_.KillProcess();
    }
    graceful_ = saved;
    left_at_stop_ = left;
  }

  void EndAbruptly() {
    graceful_ = false;
    repeats_allowed_ = true;
    ledger_.ForgetMemoryPromises();
    const uint64_t how = random_.Below(3);
    if (how == 0) {
      disk_.KillProcess();
      ++occurred_["process killed"];
    } else {
      if (how == 1) disk_.KillProcess();
      LosePower();
      ++occurred_["power lost"];
    }
    if (starts_cut_short_ < kStartsCutShort && random_.OneIn(starts_cut_short_ == 0 ? 4 : 2)) {
      EndDuringStart();
    }
    starts_cut_short_ = 0;
  }

  void LosePower() {
    disk_.Crash();
    notes_.ForgetNotes();
    clock_.Reboot(std::chrono::milliseconds(random_.Below(5'000)));
    ++occurred_["machine started anew"];
  }

  // A start that ends after some operations of the disk; then, perhaps, another one.
  void EndDuringStart() {
    ++starts_cut_short_;
    CutStartShort(random_.Between(1, kStartOperations));
    EndAbruptly();
  }

  // Returns false if the start made fewer operations than that.
  bool CutStartShort(uint64_t operations) {
    disk_.FailNoMore();
    disk_.StopAfter(operations);
    auto life = Start();
    for (int step = 0; life != nullptr && step < 6 && !disk_.Stopped(); ++step) life->RunAnything();
    ++occurred_["ended during its start"];
    return disk_.Stopped();
  }

  // To be called after a graceful stop, when the checkpoint gives the number of events.
  void Damage() {
    const auto names = disk_.SeenNames();
    if (names.empty()) return;
    const std::string& name = names[random_.Below(names.size())];
    const uint64_t bytes = disk_.Seen(name).size();
    if (bytes == 0) return;
    checkpoint_damaged_ = checkpoint_damaged_ || name == wal::kCheckpointName;
    ++damages_;
    notes_.ForgetPositions();
    switch (random_.Below(4)) {
      case 0:
        disk_.FlipBit(name, random_.Below(bytes), static_cast<int>(random_.Below(8)));
        ++occurred_["bit flipped"];
        break;
      case 1:
        disk_.ZeroRange(name, random_.Below(bytes), random_.Between(1, 2'000));
        ++occurred_["range zeroed"];
        break;
      case 2:
        disk_.Truncate(name, random_.Below(bytes));
        ++occurred_["file truncated"];
        break;
      default:
        disk_.RemoveFile(name);
        ++occurred_["file removed"];
        break;
    }
  }

  // The sectors stay bad. The service waits, without a limit; then the operator gives up the unreadable
  // events.
  void RepairByOperator() {
    if (auto life = Start()) {
      life->GoOn(40);
      CheckNothingLost(*life);
      life->CheckAccounts();
    }
    disk_.KillProcess();
    // If the end of the log is unreadable, the newest commits look as if they had never been written.
    const auto names = Segments();
    for (auto name = names.rbegin(); name != names.rend(); ++name) {
      disk_.Heal(*name);
      if (IsUsed(*name)) break;
    }
    Repair();
  }

  bool IsUsed(const std::string& name) const {
    const auto header = wal::DecodeSegmentHeader(disk_.Seen(name).substr(0, wal::kSegmentHeaderBytes));
    return header && header->number == wal::SegmentNumber(name);
  }

  // Repairs the oldest segment: its events move to the log's end. Not the newest one, whose content is not
  // known from elsewhere.
  void RepairOldest() {
    const auto names = Segments();
    if (names.size() < 2 || !IsUsed(names[0]) || !IsUsed(names[1])) return;
    disk_.MakeUnreadable(names[0], wal::kSegmentHeaderBytes + random_.Below(2'000), 1);
    Repair();
  }

  void Repair() {
    repeats_allowed_ = true;
    graceful_ = false;
    notes_.ForgetPositions();
    const auto folder = disk_.Mount();
    const auto plan = wal::PlanRepair(*folder);
    ASSERT_TRUE(plan) << plan.error().message;
    const auto outcome = wal::Repair(*folder, *plan, random_.Next());
    ASSERT_TRUE(outcome) << outcome.error().message;
    lost_ += plan->lost_events;
    const auto& segments = plan->survey.segments;
    // The number of events in an unreadable newest segment is unknown.
    if (!segments.empty() && !segments.back().readable) lost_count_known_ = false;
    repaired_ = true;
    disk_.KillProcess();
    if (!plan->damaged.empty()) ++occurred_["repaired by the operator"];
    CheckAsideStays();
  }

  void MoveAsideAway(WalLife& life) {
    for (const std::string& name : disk_.SeenNames()) {
      if (wal::DamagedNumber(name)) disk_.RemoveFile(name);
    }
    aside_.clear();
    ++occurred_["damaged files moved away"];
    life.GoOn(6);
  }

  // Without faults: all acknowledged events arrive.
  void Settle() {
    disk_.FailNoMore();
    disk_.SetCapacity(kPlenty);
    if (::testing::Test::HasFailure()) return;
    if (faults_ == Faults::kDamage && graceful_) {
      const uint64_t files = random_.OneIn(2) ? 1 : random_.Between(2, 6);
      for (uint64_t i = 0; i < files; ++i) Damage();
      if (damages_ > 1) ++occurred_["several files damaged"];
    }
    if (faults_ == Faults::kUnreadable && random_.OneIn(2)) RepairByOperator();
    disk_.Heal();
    if (::testing::Test::HasFailure()) return;
    auto life = Start();
    ASSERT_NE(life, nullptr) << "the start failed on a disk without faults";
    if (repaired_) life->Rig().sink.AllowOvertaking();
    if (damages_ == 0 && !repaired_) life->CheckPromisedIsKnown();
    // Together with CheckAccounts below: the count of lost events is exact.
    if (damages_ > 0 && !checkpoint_damaged_) {
      ASSERT_GE(life->Journal().Counts().recovered, left_at_stop_);
      ASSERT_TRUE(RunsMayBeLeftOut() || life->Journal().Counts().recovered == left_at_stop_);
    }
    life->DrainAll();
    if (::testing::Test::HasFailure()) return;
    life->CheckAccounts();
    life->GoOn(6);
    CheckAsideStays();
    if (!aside_.empty()) MoveAsideAway(*life);
    life->GoOn(20);
    life->CheckNoClientHoldsAnything();
    if (options_.retain_events == 0) {
      ASSERT_LE(Segments().size(), 3U)
          << "all events are settled: expected one current segment and two prepared ones";
    }
    Request(*life);
    life->DrainAll();
    if (::testing::Test::HasFailure()) return;
    ASSERT_TRUE(life->AllAnswered() && life->AllConfirmed()) << "a request got no answer";
    lost_ += life->Journal().Counts().lost;
    life->Stop(0);
    life.reset();
    ledger_.CheckNothingInvented(repeats_allowed_ || damages_ > 0);
    const auto missing = ledger_.Missing();
    if (damages_ == 0 && !repaired_) {
      ASSERT_TRUE(missing.empty()) << missing.size() << " lost, the first " << missing.front();
    }
    // Without the checkpoint the log can't know of a removed newest file.
    if (lost_count_known_ && (!checkpoint_damaged_ || damages_ == 1)) {
      ASSERT_GE(lost_, missing.size()) << "lost and not counted";
    }
    ASSERT_TRUE(lost_ == 0 || damages_ > 0 || repaired_)
        << "events were counted as lost, but nothing was damaged";
    Note();
  }

  void Note() {
    occurred_["delivered twice after a crash"] += ledger_.Repeats();
    for (const auto& [name, count] : disk_.Counts().Rows()) {
      if (!name.starts_with("calls of")) occurred_["disk: " + name] += count;
    }
  }

  static constexpr uint64_t kPlenty = uint64_t{1} << 40;

  support::Random random_;
  EventDecoder& decoder_;
  Occurred& occurred_;
  support::VirtualClock clock_;
  support::SimDisk disk_;
  wal::WalOptions options_;
  Faults faults_;
  WalLedger ledger_;
  WalNotesBook notes_;
  uint64_t number_ = 0;
  uint64_t lost_ = 0;
  bool lost_count_known_ = true;
  uint64_t damages_ = 0;
  bool checkpoint_damaged_ = false;
  bool repeats_allowed_ = false;
  uint64_t left_at_stop_ = 0;
  int starts_cut_short_ = 0;
  bool shrunk_ = false;            // sizes were changed
  bool repaired_ = false;          // by the operator
  std::set<std::string> excused_;  // events that the damage may have lost
  std::set<std::string> aside_;    // quarantined files on the medium
  bool graceful_ = false;          // the last run stopped gracefully and wrote a checkpoint
};

}  // namespace ei::simulation
