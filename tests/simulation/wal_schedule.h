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

// Some lives of the service on one disk, each ended in its own way; then a last one in which nothing is in
// the way, and the books are compared. Everything follows from the seed.
class WalSchedule {
 public:
  // What has to occur in a run of many schedules, besides what the disk and the broker count.
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
    faults_ = static_cast<Faults>(random_.Below(kFaultKinds));
    if (random_.OneIn(2)) {
      options_.retain_events = 1'000'000;
      options_.retain_time = std::chrono::hours(24);
      if (random_.OneIn(2)) options_.retain_time = std::chrono::seconds(random_.Between(1, 6));
    }
  }

  // A short first life in which nothing fails, until the power goes after so many operations of the disk;
  // false: it ended before.
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

  // A short life or two, killed; a start that is killed after some operations, which the kernel still shows;
  // another one that the power ends.
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

  // A life, killed, after which its newest commit is damaged, so that what was noted of it is of events that
  // the log has lost; or the log is removed, but not its notes, and they come back to one without a
  // checkpoint. Others get the same positions.
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
      ASSERT_TRUE(excused_.contains(label)) << "lost, and accepted after the damage: " << label;
    }
  }

  void Run() {
    for (uint64_t lives = random_.Between(1, 4); lives > 0 && !::testing::Test::HasFailure(); --lives)
      LiveOnce();
    Settle();
  }

 private:
  // One kind a schedule, so that each gets its turn and long quiet runs happen too.
  enum class Faults : uint8_t { kNone, kStop, kWrites, kSyncs, kNames, kReads, kFull, kDamage, kUnreadable };
  static constexpr uint64_t kFaultKinds = 9;
  static constexpr int kShortLife = 60;
  static constexpr uint64_t kStartOperations = 50;  // of the disk, about as many as one takes
  static constexpr int kStartsCutShort = 3;         // one after the other

  // The process is killed between two steps or, as well, between two operations of the disk.
  void LiveShortly() {
    if (random_.OneIn(2)) disk_.StopAfter(random_.Between(1, 3 * kStartOperations));
    if (auto life = Start()) {
      for (int step = 0; step < kShortLife && !disk_.Stopped(); ++step) Step(*life);
    }
    repeats_allowed_ = true;
    ledger_.ForgetMemoryPromises();
    disk_.KillProcess();
  }

  // What has not arrived is lost, perhaps, and nobody counts it.
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

  // Noted as settled, and beyond what the newest checkpoint says.
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

  // Other settings than those of the life before.
  void ChangeSizes() {
    const uint64_t before = options_.segment_bytes;
    options_.segment_bytes = 4096 << random_.Below(3);
    options_.bytes_max = options_.segment_bytes * random_.Between(2, 8);
    if (random_.OneIn(3)) {
      const size_t lanes = random_.Between(1, 3);
      if (std::exchange(options_.lanes, lanes) != lanes) ++occurred_["number of lanes changed"];
    }
    shrunk_ = true;  // something of the log may be larger than what fits now
    if (options_.segment_bytes < before) ++occurred_["settings shrunk"];
  }

  // Bad sectors, and a disk that recovers; they outlive the process.
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
    repeats_allowed_ = true;  // of what the next life doesn't see, and a client sends again
    ++occurred_["sectors made unreadable"];
  }

  // Of the log, by name.
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

  // No error of the disk costs an event.
  void CheckNothingLost(WalLife& life) const { ASSERT_EQ(life.Journal().Counts().lost, 0U); }

  // What was set aside stays, on the medium too, until somebody moves it away.
  void CheckAsideStays() {
    std::set<std::string> there;
    for (const std::string& name : disk_.DurableNames()) {
      if (wal::DamagedNumber(name)) there.insert(name);
    }
    ASSERT_TRUE(std::ranges::includes(there, aside_)) << "a damaged file is gone";
    aside_ = std::move(there);
  }

  void Step(WalLife& life) {
    switch (random_.Below(15)) {
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
      default: life.Step(WalLife::Role::kCommit); return;
    }
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
        // By its label it comes too late for the order within its key.
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
      default: FAIL() << "an answer that nothing here calls for";
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
    if (!saved || !life->Rig().sink.Idle()) repeats_allowed_ = true;
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

  // A start that comes no further than some operations; then, perhaps, another one.
  void EndDuringStart() {
    ++starts_cut_short_;
    CutStartShort(random_.Between(1, kStartOperations));
    EndAbruptly();
  }

  // False: it came further than that.
  bool CutStartShort(uint64_t operations) {
    disk_.FailNoMore();
    disk_.StopAfter(operations);
    auto life = Start();
    for (int step = 0; life != nullptr && step < 6 && !disk_.Stopped(); ++step) life->RunAnything();
    ++occurred_["ended during its start"];
    return disk_.Stopped();
  }

  // After a graceful stop, when the checkpoint says how much there was.
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

  // The sectors stay bad. A service waits, however long; then the operator gives up what can't be read.
  void RepairByOperator() {
    if (auto life = Start()) {
      life->GoOn(40);
      CheckNothingLost(*life);
      life->CheckAccounts();
    }
    disk_.KillProcess();
    // The newest commits of a log whose end can't be read look as if they had never been written.
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

  // Its events move to the log's end. Not of the newest: what that had, nobody can tell.
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
    if (!segments.empty() && !segments.back().readable) lost_count_known_ = false;  // as it says
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

  // Nothing is in the way any more: all that was promised arrives.
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
    ASSERT_NE(life, nullptr) << "a sound disk, and no start";
    if (repaired_) life->Rig().sink.AllowOvertaking();
    if (damages_ == 0 && !repaired_) life->CheckPromisedIsKnown();
    // With CheckAccounts below: what is lost is counted exactly, neither more nor less.
    if (damages_ > 0 && !checkpoint_damaged_) {
      ASSERT_EQ(life->Journal().Counts().recovered, left_at_stop_);
    }
    life->DrainAll();
    if (::testing::Test::HasFailure()) return;
    life->CheckAccounts();
    life->GoOn(6);
    CheckAsideStays();
    if (!aside_.empty()) MoveAsideAway(*life);
    life->GoOn(20);
    life->CheckNobodyHoldsAnything();
    if (options_.retain_events == 0) {
      ASSERT_LE(Segments().size(), 3U)
          << "all is settled: one that was being filled, and two that are prepared";
    }
    Request(*life);
    life->DrainAll();
    if (::testing::Test::HasFailure()) return;
    ASSERT_TRUE(life->AllAnswered() && life->AllConfirmed()) << "a request that nobody answers";
    lost_ += life->Journal().Counts().lost;
    life->Stop(0);
    life.reset();
    ledger_.CheckNothingInvented(repeats_allowed_ || damages_ > 0);
    const auto missing = ledger_.Missing();
    if (damages_ == 0 && !repaired_) {
      ASSERT_TRUE(missing.empty()) << missing.size() << " lost, the first " << missing.front();
    }
    // Without the checkpoint nothing knows of a newest file that was there.
    if (lost_count_known_ && (!checkpoint_damaged_ || damages_ == 1)) {
      ASSERT_GE(lost_, missing.size()) << "lost and not counted";
    }
    ASSERT_TRUE(lost_ == 0 || damages_ > 0 || repaired_) << "counted as lost, and nothing was damaged";
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
  bool shrunk_ = false;            // sizes have changed
  bool repaired_ = false;          // by the operator
  std::set<std::string> excused_;  // events that damage may have taken
  std::set<std::string> aside_;    // damaged files that were on the medium
  bool graceful_ = false;          // the last end was, and left a checkpoint
};

}  // namespace ei::simulation
