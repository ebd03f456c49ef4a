// A log whose files were damaged while no process used it: flipped bits, truncation at every length, files
// removed, emptied or replaced. Every event that can still be read is delivered unchanged, nothing is
// invented, and the lost events are counted exactly.

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "adapters/wal/posix_disk.h"
#include "adapters/wal/segment_files.h"
#include "adapters/wal/segment_scanner.h"
#include "support/memory_folder.h"
#include "support/random.h"
#include "support/temp_folder.h"
#include "support/wal_rig.h"

namespace ei::wal {
namespace {

using Files = support::MemoryFolder::Files;
using Numbers = std::set<uint64_t>;

constexpr uint64_t kSegmentBytes = 4 << 10;

// Bits tested per byte; a sanitized build tests only one, to save time.
constexpr int kBits = support::Repeats(8);

const WalOptions kOptions{.bytes_max = 32 * kSegmentBytes, .segment_bytes = kSegmentBytes};

uint64_t NumberOf(std::string_view value) { return std::stoull(std::string(value)); }

// A range of bytes in a segment and the events that are lost with it.
struct Range {
  uint64_t begin;
  uint64_t end;
  Numbers events;
};

// A log whose process has ended: some events are settled, one segment in the middle and one at the front are
// removed, and one is prepared for reuse and still contains old data. An event's number is its position.
class ExampleLog {
 public:
  // A clean stop writes a checkpoint that covers all durable events; otherwise the last commits are not
  // covered.
  explicit ExampleLog(bool stopped_cleanly) {
    support::WalRig rig(kOptions);
    support::MemoryFolder folder({});
    rig.Open(folder);
    uint64_t next = 0;
    const auto append = [&](uint64_t count, size_t size) {
      ASSERT_EQ(rig.Append(support::Numbered(next, count, size), next % 3 == 0 ? "" : "key").end,
                next + count);
      for (const std::string& value : support::Numbered(next, count, size)) values_[NumberOf(value)] = value;
      next += count;
      rig.Work();
    };
    while (next < 52) append(next % 4 + 1, next % 5 * 60 + 16);
    rig.Take();
    const auto settled = [](uint64_t number) { return number < 14 || (number % 3 == 0 && number < 50); };
    const auto gone = [](uint64_t number) { return number >= 23 && number < 35; };
    rig.SettleIf([&](std::string_view value) { return settled(NumberOf(value)) || gone(NumberOf(value)); });
    rig.Work();
    while (next < 64) append(next % 3 + 1, 90);
    if (stopped_cleanly) rig.Journal().Finish();
    for (uint64_t number = 0; number < next; ++number) {
      if (!settled(number) && !gone(number)) unsettled_.insert(number);
    }
    rig.Close();
    for (const std::string& name : folder.Names()) {
      auto file = *folder.Open(name);
      std::string bytes(*file->Size(), '\0');
      EXPECT_EQ(*file->Read(0, bytes), bytes.size());
      files_[name] = std::make_shared<const std::string>(std::move(bytes));
    }
    for (const auto& [name, bytes] : files_) {
      if (SegmentNumber(name)) Survey(name);
    }
  }

  const Files& AllFiles() const { return files_; }
  const std::map<uint64_t, std::string>& Values() const { return values_; }
  const Numbers& Unsettled() const { return unsettled_; }

  std::vector<std::string> Segments() const {  // in use
    std::vector<std::string> names;
    for (const auto& [name, frames] : frames_) names.push_back(name);
    return names;
  }
  // The unsettled events that are lost if this byte is damaged.
  Numbers LostBy(const std::string& name, uint64_t byte) const {
    for (const Range& part : parts_.at(name)) {
      if (part.begin <= byte && byte < part.end) return part.events;
    }
    return {};
  }
  Numbers LostByCut(const std::string& name, uint64_t bytes) const {
    Numbers lost;
    for (const Range& frame : frames_.at(name)) {
      if (bytes < kSectorBytes || bytes < frame.end) lost.insert(frame.events.begin(), frame.events.end());
    }
    return lost;
  }
  Numbers NewestFrame() const { return frames_.rbegin()->second.back().events; }

  Files With(const std::string& name, std::string bytes) const {
    Files files = files_;
    files[name] = std::make_shared<const std::string>(std::move(bytes));
    return files;
  }
  Files Without(const std::string& name) const {
    Files files = files_;
    files.erase(name);
    return files;
  }

 private:
  void Survey(const std::string& name) {
    support::MemoryFolder folder(files_);
    const auto file = *folder.Open(name);
    const auto header = DecodeSegmentHeader(*files_.at(name));
    if (!header || header->number != *SegmentNumber(name)) return;
    SegmentScanner scanner(*file, *header);
    auto& parts = parts_[name];
    while (*scanner.Next(~uint64_t{0})) {
      uint64_t at = scanner.FrameOffset();
      Numbers events;
      std::vector<Range> bodies;
      uint64_t body_at = at + kFrameHeaderBytes;
      for (size_t i = 0; i < scanner.Index().size(); ++i) {
        const uint64_t number = scanner.Frame().first_position + i;
        Numbers own;
        if (unsettled_.contains(number)) own.insert(number);
        events.insert(own.begin(), own.end());
        bodies.push_back({body_at, body_at + scanner.Index()[i].size, own});
        body_at += scanner.Index()[i].size;
      }
      const uint64_t end = body_at + FrameEndBytes(scanner.Frame());
      parts.push_back({at, at + kFrameHeaderBytes, events});
      parts.insert(parts.end(), bodies.begin(), bodies.end());
      parts.push_back({body_at, end, events});
      frames_[name].push_back({at, end, events});
    }
  }

  std::map<uint64_t, std::string> values_;  // all acknowledged events
  Numbers unsettled_;
  Files files_;
  std::map<std::string, std::vector<Range>> parts_;
  std::map<std::string, std::vector<Range>> frames_;
};

class WalDamage : public testing::Test {
 protected:
  // The result of a recovery after which everything was read back.
  struct Read {
    Numbers unsettled;  // numbers of the unsettled events that were delivered
    uint64_t repeats = 0;
    uint64_t lost = 0;
    bool set_aside = false;
  };
  Read ReadBack(const ExampleLog& log, Directory& folder) {
    Read read;
    support::WalRig rig(kOptions);
    const auto opened = rig.TryOpen(folder);
    EXPECT_TRUE(opened) << opened.error().message;
    if (!opened) return read;
    Numbers came;
    for (const std::string& value : rig.Drain()) {
      const auto known = std::ranges::find_if(log.Values(), [&](const auto& v) { return v.second == value; });
      EXPECT_NE(known, log.Values().end()) << "invented: " << value.substr(0, 100);
      if (known == log.Values().end()) continue;
      EXPECT_TRUE(came.insert(known->first).second) << "twice: " << known->first;
      if (log.Unsettled().contains(known->first)) {
        read.unsettled.insert(known->first);
      } else {
        ++read.repeats;
      }
    }
    const WalCounts counts = rig.Journal().Counts();
    read.lost = counts.lost;
    read.set_aside = counts.set_aside > 0;
    EXPECT_EQ(rig.Journal().Stats().events, 0U);
    EXPECT_LE(counts.memory_bytes, 1U << 20);
    EXPECT_EQ(rig.Append({"999"}), AppendResult::kAppended);
    EXPECT_EQ(rig.Drain(), std::vector<std::string>{"999"}) << "the journal does not accept new events";
    return read;
  }

  Read ReadBack(const ExampleLog& log, const Files& files) {
    support::MemoryFolder folder(files);
    const Read read = ReadBack(log, folder);
    EXPECT_LE(folder.LargestRead(), 64U << 10) << "a damaged length was used for a read";
    return read;
  }

  // Checks that exactly these events are lost and all others were delivered.
  void ExpectLost(const ExampleLog& log, const Read& read, const Numbers& lost) {
    Numbers missing;
    std::ranges::set_difference(log.Unsettled(), read.unsettled, std::inserter(missing, missing.end()));
    EXPECT_EQ(missing, lost);
    EXPECT_EQ(read.lost, lost.size());
    EXPECT_EQ(read.set_aside, !lost.empty());
    EXPECT_EQ(read.repeats, 0U);
  }

  // Flips every bit of the nth segment in use.
  void FlipEveryBitOf(size_t nth) {
    const ExampleLog log(true);
    const std::string name = log.Segments().at(nth);
    for (uint64_t byte = 0; byte < kSegmentBytes && !HasFailure(); ++byte) {
      SCOPED_TRACE(name + " byte " + std::to_string(byte));
      const Numbers lost = log.LostBy(name, byte);
      for (int bit = 0; bit < kBits; ++bit) {
        std::string bytes = *log.AllFiles().at(name);
        bytes[byte] = static_cast<char>(bytes[byte] ^ (1 << (byte + bit) % 8));
        ExpectLost(log, ReadBack(log, log.With(name, std::move(bytes))), lost);
      }
    }
  }
};

TEST_F(WalDamage, ExampleHasWhatItTakes) {
  for (const bool stopped_cleanly : {true, false}) {
    const ExampleLog log(stopped_cleanly);
    const auto segments = log.Segments();
    ASSERT_EQ(segments.size(), 4U);
    EXPECT_GT(*SegmentNumber(segments[0]), 0U) << "no segment is missing at the front";
    EXPECT_EQ(*SegmentNumber(segments[1]), *SegmentNumber(segments[0]) + 2)
        << "no segment is missing in the middle";
    EXPECT_GT(log.Unsettled().size(), 20U);
    for (const std::string& name : segments) EXPECT_FALSE(log.LostByCut(name, 0).empty());
    ExpectLost(log, ReadBack(log, log.AllFiles()), {});
  }
}

TEST_F(WalDamage, EveryBitOfTheFirstSegment) { FlipEveryBitOf(0); }
TEST_F(WalDamage, EveryBitOfTheSecondSegment) { FlipEveryBitOf(1); }
TEST_F(WalDamage, EveryBitOfTheThirdSegment) { FlipEveryBitOf(2); }
TEST_F(WalDamage, EveryBitOfTheNewestSegment) { FlipEveryBitOf(3); }

// After a crash a damaged newest commit can't be distinguished from one that was torn before it was
// acknowledged; all other damage is counted.
TEST_F(WalDamage, AfterACrashOnlyTheNewestCommitCanBeMissedUncounted) {
  const ExampleLog log(false);
  const Numbers newest = log.NewestFrame();
  for (const std::string& name : log.Segments()) {
    for (uint64_t byte = 0; byte < kSegmentBytes && !HasFailure(); ++byte) {
      SCOPED_TRACE(name + " byte " + std::to_string(byte));
      std::string bytes = *log.AllFiles().at(name);
      bytes[byte] = static_cast<char>(bytes[byte] ^ (1 << byte % 8));
      const Numbers lost = log.LostBy(name, byte);
      const Read read = ReadBack(log, log.With(name, std::move(bytes)));
      const bool hits_newest = std::ranges::includes(newest, lost) && !lost.empty();
      if (!hits_newest) {
        ExpectLost(log, read, lost);
        continue;
      }
      Numbers missing;
      std::ranges::set_difference(log.Unsettled(), read.unsettled, std::inserter(missing, missing.end()));
      EXPECT_EQ(missing, newest);
      EXPECT_EQ(read.lost, 0U);
    }
  }
}

TEST_F(WalDamage, EveryLengthOfEverySegment) {
  const ExampleLog log(true);
  for (const std::string& name : log.Segments()) {
    for (uint64_t length = 0; length < kSegmentBytes && !HasFailure(); ++length) {
      SCOPED_TRACE(name + " cut to " + std::to_string(length));
      const Read read = ReadBack(log, log.With(name, log.AllFiles().at(name)->substr(0, length)));
      const Numbers lost = log.LostByCut(name, length);
      Numbers missing;
      std::ranges::set_difference(log.Unsettled(), read.unsettled, std::inserter(missing, missing.end()));
      EXPECT_EQ(missing, lost);
      EXPECT_EQ(read.lost, lost.size());
    }
  }
}

TEST_F(WalDamage, WholeSegmentsGoneOrEmptied) {
  const ExampleLog log(true);
  for (const std::string& name : log.Segments()) {
    const Numbers lost = log.LostByCut(name, 0);
    for (const Files& files : {log.Without(name), log.With(name, std::string(kSegmentBytes, '\0'))}) {
      SCOPED_TRACE(name);
      const Read read = ReadBack(log, files);
      EXPECT_EQ(read.lost, lost.size());
      EXPECT_EQ(read.unsettled.size() + lost.size(), log.Unsettled().size());
      EXPECT_EQ(read.repeats, 0U);
    }
  }
}

TEST_F(WalDamage, AllSegmentsGone) {
  const ExampleLog log(true);
  const Files files = {{kCheckpointName, log.AllFiles().at(kCheckpointName)}};
  EXPECT_EQ(ReadBack(log, files).lost, log.Unsettled().size());
}

// The content of a prepared segment is never used.
TEST_F(WalDamage, PreparedSegmentDoesNotMatter) {
  const ExampleLog log(true);
  for (const auto& [name, bytes] : log.AllFiles()) {
    if (!SegmentNumber(name) || std::ranges::count(log.Segments(), name) > 0) continue;
    for (uint64_t byte = 0; byte < bytes->size(); ++byte) {
      std::string damaged = *bytes;
      damaged[byte] = static_cast<char>(damaged[byte] ^ (1 << byte % 8));
      const Read read = ReadBack(log, log.With(name, std::move(damaged)));
      EXPECT_EQ(read.unsettled, log.Unsettled()) << byte;
      EXPECT_EQ(read.lost, 0U) << byte;
    }
  }
}

TEST_F(WalDamage, EveryBitOfTheCheckpointCostsRepeatsOnly) {
  for (const bool stopped_cleanly : {true, false}) {
    const ExampleLog log(stopped_cleanly);
    const std::string& sound = *log.AllFiles().at(kCheckpointName);
    for (uint64_t byte = 0; byte < sound.size(); ++byte) {
      // Also a few bytes after the last byte of a slot that is used.
      if (sound[byte] == '\0' && byte % kCheckpointSlotBytes > 400) continue;
      for (int bit = 0; bit < kBits; ++bit) {
        SCOPED_TRACE("byte " + std::to_string(byte));
        std::string bytes = sound;
        bytes[byte] = static_cast<char>(bytes[byte] ^ (1 << (byte + bit) % 8));
        const Read read = ReadBack(log, log.With(kCheckpointName, std::move(bytes)));
        ASSERT_EQ(read.unsettled, log.Unsettled());
        ASSERT_EQ(read.lost, 0U);
      }
    }
  }
}

TEST_F(WalDamage, CheckpointDestroyedInAnyWayCostsRepeatsOnly) {
  support::Random random(support::SeedOr(1));
  for (const bool stopped_cleanly : {true, false}) {
    const ExampleLog log(stopped_cleanly);
    const std::string& sound = *log.AllFiles().at(kCheckpointName);
    std::vector<Files> destroyed = {log.Without(kCheckpointName), log.With(kCheckpointName, ""),
                                    log.With(kCheckpointName, std::string(sound.size(), '\0')),
                                    log.With(kCheckpointName, std::string(sound.size(), '\xff'))};
    for (uint64_t slot = 0; slot < 2; ++slot) {
      std::string bytes = sound;
      bytes.replace(slot * kCheckpointSlotBytes, kCheckpointSlotBytes, kCheckpointSlotBytes, '\0');
      destroyed.push_back(log.With(kCheckpointName, bytes));
      // Slots at each other's offset are invalid.
      destroyed.push_back(
          log.With(kCheckpointName, sound.substr(kCheckpointSlotBytes) + sound.substr(0, slot * 100)));
    }
    for (uint64_t length = 0; length < 300; ++length) {
      destroyed.push_back(log.With(kCheckpointName, sound.substr(0, length)));
      destroyed.push_back(log.With(kCheckpointName, sound.substr(0, kCheckpointSlotBytes + length)));
    }
    for (int round = 0; round < 200; ++round) {
      std::string bytes = sound;
      for (char& c : bytes) c = static_cast<char>(random.Next());
      bytes.replace(0, 8, "EI-CHKP1");
      destroyed.push_back(log.With(kCheckpointName, bytes));
    }
    for (size_t i = 0; i < destroyed.size(); ++i) {
      const Read read = ReadBack(log, destroyed[i]);
      EXPECT_EQ(read.unsettled, log.Unsettled()) << i;
      EXPECT_EQ(read.lost, 0U) << i;
    }
  }
}

// Several kinds of damage at once.
class WalDamageAtRandom : public WalDamage {
 protected:
  Files Damage(Files files, const std::vector<std::string>& names) {
    for (uint64_t hits = random_.Between(1, 12); hits > 0; --hits) {
      const std::string& name = names[random_.Below(names.size())];
      if (!files.contains(name)) continue;
      if (random_.OneIn(30)) {
        files.erase(name);
        continue;
      }
      std::string bytes = *files.at(name);
      const size_t at = bytes.empty() ? 0 : random_.Below(bytes.size());
      const size_t length = std::min(bytes.size() - at, random_.Below(2'000));
      switch (random_.Below(7)) {
        case 0: bytes.resize(at); break;
        case 1: bytes.insert(at, length, 'x'); break;
        case 2: bytes.erase(at, length); break;
        case 3: bytes.replace(at, length, length, '\0'); break;
        default:
          if (!bytes.empty()) bytes[at] = static_cast<char>(random_.Next());
      }
      files[name] = std::make_shared<const std::string>(std::move(bytes));
    }
    return files;
  }

  support::Random random_{support::SeedOr(2)};
};

TEST_F(WalDamageAtRandom, OfSegmentsIsCountedExactly) {
  const ExampleLog log(true);
  const auto segments = log.Segments();
  for (int round = 0; round < 3'000 && !HasFailure(); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    const Read read = ReadBack(log, Damage(log.AllFiles(), segments));
    EXPECT_EQ(read.unsettled.size() + read.lost, log.Unsettled().size());
    EXPECT_EQ(read.repeats, 0U);
  }
}

// With a damaged checkpoint the count of lost events may be wrong, but all delivered events are correct.
TEST_F(WalDamageAtRandom, OfTheCheckpointTooInventsNothing) {
  for (const bool stopped_cleanly : {true, false}) {
    const ExampleLog log(stopped_cleanly);
    std::vector<std::string> names;
    for (const auto& [name, bytes] : log.AllFiles()) names.push_back(name);
    for (int round = 0; round < 1'500 && !HasFailure(); ++round) {
      SCOPED_TRACE("round " + std::to_string(round));
      Files files = Damage(log.AllFiles(), names);
      if (files.contains(kCheckpointName)) {
        std::string bytes = *files.at(kCheckpointName);
        const uint64_t at = random_.Below(2) * kCheckpointSlotBytes + random_.Below(100);
        if (at < bytes.size()) bytes[at] = static_cast<char>(random_.Next());
        files[kCheckpointName] = std::make_shared<const std::string>(std::move(bytes));
      }
      ReadBack(log, files);
    }
  }
}

// The same on a real file system.
class WalDamageOnDisk : public WalDamage {
 protected:
  // Each call returns a new folder with these files.
  std::filesystem::path Place(const Files& files) {
    const auto folder = place_.Path() / std::to_string(next_++);
    std::filesystem::create_directory(folder);
    for (const auto& [name, bytes] : files) support::WriteFile(folder / name, *bytes);
    return folder;
  }
  Read ReadPlaced(const ExampleLog& log, const std::filesystem::path& folder) {
    const auto directory = PosixDirectory::OpenForWriting(folder.string());
    EXPECT_TRUE(directory);
    return ReadBack(log, **directory);
  }
  std::string Refusal(const std::filesystem::path& folder) {
    const auto directory = PosixDirectory::OpenForWriting(folder.string());
    EXPECT_TRUE(directory);
    support::WalRig rig(kOptions);
    const auto opened = rig.TryOpen(**directory);
    return opened ? "" : opened.error().message;
  }

  support::TempFolder place_;
  int next_ = 0;
};

TEST_F(WalDamageOnDisk, LengthsAndBits) {
  const ExampleLog log(true);
  for (const std::string& name : log.Segments()) {
    for (uint64_t at = 0; at < kSegmentBytes && !HasFailure(); at += 251) {
      SCOPED_TRACE(name + " at " + std::to_string(at));
      const auto folder = Place(log.AllFiles());
      ASSERT_EQ(::truncate((folder / name).c_str(), static_cast<off_t>(at)), 0);
      EXPECT_EQ(ReadPlaced(log, folder).lost, log.LostByCut(name, at).size());
      std::string bytes = *log.AllFiles().at(name);
      bytes[at] = static_cast<char>(bytes[at] ^ 4);
      ExpectLost(log, ReadPlaced(log, Place(log.With(name, bytes))), log.LostBy(name, at));
    }
  }
}

// The name of a log file is in use by something that is not a regular file. It is left alone, and the error
// of the start names it.
TEST_F(WalDamageOnDisk, WhatIsNoFileStopsTheStartAndLosesNothing) {
  const ExampleLog log(true);
  for (const auto& [name, bytes] : log.AllFiles()) {
    for (int kind = 0; kind < 3; ++kind) {
      SCOPED_TRACE(name + " kind " + std::to_string(kind));
      const auto folder = Place(log.Without(name));
      const auto path = folder / name;
      const auto target = place_.Path() / "target";
      support::WriteFile(target, *bytes);
      if (kind == 0) std::filesystem::create_directory(path);
      if (kind == 1) {
        ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
      }
      if (kind == 2) std::filesystem::create_symlink(target, path);
      const std::string refusal = Refusal(folder);
      EXPECT_TRUE(refusal.starts_with("wal.dir (WAL_DIR): ")) << refusal;
      EXPECT_NE(refusal.find(name), std::string::npos) << refusal;
      EXPECT_EQ(support::ReadFile(target), *bytes);
      std::filesystem::remove(path);
      support::WriteFile(path, *bytes);
      ExpectLost(log, ReadPlaced(log, folder), {});
    }
  }
}

}  // namespace
}  // namespace ei::wal
