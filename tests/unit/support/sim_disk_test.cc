// The rules of the simulated disk: what was synced survives, and of all else each outcome occurs over many
// seeds. That it does as a disk should when nothing goes wrong is in tests/contract.

#include "support/sim_disk.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <map>
#include <set>

namespace ei::support {
namespace {

constexpr uint64_t kSeeds = 400;
constexpr size_t kSector = SimContent::kSectorBytes;

// The errno of an operation that failed, or 0.
template <typename T>
int ErrorOf(const wal::DiskResult<T>& result) {
  return result ? 0 : result.error();
}

std::unique_ptr<wal::File> Create(SimDisk& disk, const std::string& name) {
  return disk.Mount()->Create(name).value();
}

void Write(wal::File& file, uint64_t offset, const std::string& bytes) {
  ASSERT_EQ(file.Write(offset, bytes).value(), bytes.size());
}

void SyncNames(SimDisk& disk) { ASSERT_TRUE(disk.Mount()->Sync()); }

// A disk with a file "1" of these bytes, all of it synced.
std::unique_ptr<SimDisk> DiskWith(uint64_t seed, const std::string& bytes,
                                  const SimDiskOptions& options = {}) {
  auto disk = std::make_unique<SimDisk>(seed, options);
  disk->PutFile("1", bytes);
  return disk;
}

// How often each result comes out over the seeds.
template <typename Run>
std::map<std::string, int> Outcomes(Run run) {
  std::map<std::string, int> outcomes;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) ++outcomes[run(seed)];
  return outcomes;
}

std::set<std::string> Keys(const std::map<std::string, int>& outcomes) {
  std::set<std::string> keys;
  for (const auto& [key, count] : outcomes) keys.insert(key);
  return keys;
}

std::string Joined(const std::vector<std::string>& names) {
  std::string joined;
  for (const std::string& name : names) joined += (joined.empty() ? "" : " ") + name;
  return joined;
}

using Texts = std::set<std::string>;

TEST(SimDisk, WhatWasSyncedSurvivesACrashWithAnyTearing) {
  for (const Tearing tearing : {Tearing::kNone, Tearing::kMixed, Tearing::kGarbage}) {
    for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
      SimDisk disk(seed, {.tearing = tearing, .name_loss = NameLoss::kAny});
      const auto file = Create(disk, "1");
      SyncNames(disk);
      const std::string synced(1'300, 's');
      Write(*file, 0, synced);
      ASSERT_TRUE(file->Sync());
      Write(*file, synced.size(), std::string(900, 'u'));
      disk.Crash();
      ASSERT_EQ(disk.Seen("1").substr(0, synced.size()), synced) << seed;
      ASSERT_EQ(disk.Seen("1"), disk.Durable("1"));
    }
  }
}

TEST(SimDisk, UnsyncedSectorsSurviveEachForItself) {
  const auto outcomes = Outcomes([](uint64_t seed) {
    const auto disk = DiskWith(seed, std::string(3 * kSector, '-'));
    Write(*disk->Mount()->Open("1").value(), 0, std::string(3 * kSector, '+'));
    disk->Crash();
    const std::string& bytes = disk->Durable("1");
    for (size_t at = 0; at < bytes.size(); ++at) EXPECT_EQ(bytes[at], bytes[at / kSector * kSector]);
    return std::string{bytes[0], bytes[kSector], bytes[2 * kSector]};
  });
  EXPECT_EQ(Keys(outcomes), Texts({"---", "--+", "-+-", "-++", "+--", "+-+", "++-", "+++"}));
  EXPECT_GT(outcomes.at("---"), static_cast<int>(kSeeds / 10));
  EXPECT_GT(outcomes.at("+++"), static_cast<int>(kSeeds / 10));
}

TEST(SimDisk, SectorWrittenTwiceHoldsOneOfItsVersions) {
  const auto outcomes = Outcomes([](uint64_t seed) {
    const auto disk = DiskWith(seed, "....");
    const auto file = disk->Mount()->Open("1").value();
    Write(*file, 0, "a");
    Write(*file, 2, "b");
    Write(*file, 0, "c");
    disk->Crash();
    return disk->Durable("1");
  });
  EXPECT_EQ(Keys(outcomes), Texts({"....", "a...", "a.b.", "c.b."}));
}

TEST(SimDisk, SizeAfterACrashLiesBetweenTheDurableAndTheSeenOneAndHolesAreZeros) {
  std::set<size_t> sizes;
  bool holes = false;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const auto disk = DiskWith(seed, "synced");
    const auto file = disk->Mount()->Open("1").value();
    Write(*file, 6, std::string(1'000, 'u'));
    Write(*file, 1'006, std::string(1'000, 'u'));
    disk->Crash();
    const std::string& bytes = disk->Durable("1");
    ASSERT_EQ(bytes.substr(0, 6), "synced");
    for (const char byte : bytes.substr(6)) ASSERT_TRUE(byte == 'u' || byte == '\0');
    const size_t hole = bytes.find('\0');
    holes = holes || (hole != std::string::npos && bytes.find('u', hole) != std::string::npos);
    sizes.insert(bytes.size());
  }
  EXPECT_EQ(*sizes.begin(), 6U);
  EXPECT_EQ(*sizes.rbegin(), 2'006U);
  EXPECT_GT(sizes.size(), 50U);
  EXPECT_TRUE(holes);
}

TEST(SimDisk, TornSectorMixesOldAndNewBytes) {
  Texts shapes;
  for (uint64_t seed = 1; seed <= 2 * kSeeds; ++seed) {
    const auto disk = DiskWith(seed, std::string(kSector, 'o'), {.tearing = Tearing::kMixed});
    Write(*disk->Mount()->Open("1").value(), 0, std::string(kSector, 'n'));
    disk->Crash();
    std::string shape = disk->Durable("1");
    shape.erase(std::unique(shape.begin(), shape.end()), shape.end());
    shapes.insert(shape);
  }
  EXPECT_EQ(shapes, Texts({"o", "n", "on", "no"}));
}

// How far noise reaches when 100 bytes of a sector are written and torn.
Texts PlacesOfNoise(Tearing tearing) {
  Texts places;
  for (uint64_t seed = 1; seed <= 2 * kSeeds; ++seed) {
    const auto disk = DiskWith(seed, std::string(2 * kSector, 'o'), {.tearing = tearing});
    Write(*disk->Mount()->Open("1").value(), 100, std::string(100, 'n'));
    disk->Crash();
    const std::string& bytes = disk->Durable("1");
    for (size_t at = 0; at < bytes.size(); ++at) {
      if (bytes[at] == 'o' || bytes[at] == 'n') continue;
      places.insert(at < kSector ? (at < 100 || at >= 200 ? "beside" : "within") : "elsewhere");
    }
  }
  return places;
}

TEST(SimDisk, NoiseStaysWhereItsTearingAllowsIt) {
  EXPECT_EQ(PlacesOfNoise(Tearing::kNone), Texts());
  EXPECT_EQ(PlacesOfNoise(Tearing::kMixed), Texts());
  EXPECT_EQ(PlacesOfNoise(Tearing::kGarbage), Texts({"within"}));
  EXPECT_EQ(PlacesOfNoise(Tearing::kWholeSector), Texts({"beside", "within"}));
}

TEST(SimDisk, NameOfASyncedFileIsLostWithoutTheSyncOfItsFolder) {
  const auto outcomes = Outcomes([](uint64_t seed) {
    SimDisk disk(seed);
    const auto file = Create(disk, "1");
    Write(*file, 0, "bytes");
    EXPECT_TRUE(file->Sync());
    disk.Crash();
    return disk.SeenNames().empty() ? "gone" : disk.Durable("1");
  });
  EXPECT_EQ(Keys(outcomes), Texts({"gone", "bytes"}));
}

TEST(SimDisk, BytesOfASyncedNameAreLostWithoutTheSyncOfTheFile) {
  const auto outcomes = Outcomes([](uint64_t seed) {
    SimDisk disk(seed);
    Write(*Create(disk, "1"), 0, "bytes");
    SyncNames(disk);
    disk.Crash();
    return disk.Durable("1");
  });
  EXPECT_EQ(Keys(outcomes).count(""), 1U);
  EXPECT_EQ(Keys(outcomes).count("bytes"), 1U);
}

std::map<std::string, int> NamesAfterThreeMakings(NameLoss loss) {
  return Outcomes([&](uint64_t seed) {
    SimDisk disk(seed, {.name_loss = loss});
    for (const char* name : {"a", "b", "c"}) Create(disk, name);
    disk.Crash();
    return Joined(disk.DurableNames());
  });
}

TEST(SimDisk, NamesAreLostFromTheLastOnOrInAnyOrder) {
  EXPECT_EQ(Keys(NamesAfterThreeMakings(NameLoss::kLast)), Texts({"", "a", "a b", "a b c"}));
  EXPECT_EQ(Keys(NamesAfterThreeMakings(NameLoss::kAny)),
            Texts({"", "a", "b", "c", "a b", "a c", "b c", "a b c"}));
}

TEST(SimDisk, RenamingIsWholeAndNeverSurvivesTheLossOfTheMaking) {
  const auto outcomes = Outcomes([](uint64_t seed) {
    const auto disk = DiskWith(seed, "old", {.name_loss = NameLoss::kAny});
    const auto folder = disk->Mount();
    const auto file = folder->Create("new").value();
    Write(*file, 0, "new");
    EXPECT_TRUE(file->Sync());
    EXPECT_TRUE(folder->Rename("new", "1"));
    disk->Crash();
    return Joined(disk->DurableNames()) + ": " + disk->Durable("1");
  });
  EXPECT_EQ(Keys(outcomes), Texts({"1: old", "1 new: old", "1: new"}));
}

TEST(SimDisk, RemovedFileComesBackWithItsDurableBytes) {
  const auto outcomes = Outcomes([](uint64_t seed) {
    const auto disk = DiskWith(seed, "old");
    EXPECT_TRUE(disk->Mount()->Remove("1"));
    disk->Crash();
    return disk->SeenNames().empty() ? "gone" : disk->Durable("1");
  });
  EXPECT_EQ(Keys(outcomes), Texts({"gone", "old"}));
}

TEST(SimDisk, SyncOfTheFolderKeepsEveryChangeOfNames) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SimDisk disk(seed, {.name_loss = NameLoss::kAny});
    const auto folder = disk.Mount();
    for (const char* name : {"a", "b", "c"}) EXPECT_TRUE(folder->Create(name));
    EXPECT_TRUE(folder->Rename("a", "d"));
    EXPECT_TRUE(folder->Remove("b"));
    EXPECT_TRUE(folder->Sync());
    disk.Crash();
    ASSERT_EQ(Joined(disk.SeenNames()), "c d");
  }
}

TEST(SimDisk, KilledProcessLeavesAllThatItWroteAsUnsyncedAsItWas) {
  const auto outcomes = Outcomes([](uint64_t seed) {
    const auto disk = DiskWith(seed, "old");
    Write(*disk->Mount()->Open("1").value(), 0, "new");
    disk->KillProcess();
    EXPECT_EQ(disk->Seen("1"), "new");
    EXPECT_EQ(disk->Durable("1"), "old");
    disk->Crash();
    return disk->Seen("1");
  });
  EXPECT_EQ(Keys(outcomes), Texts({"old", "new"}));
}

TEST(SimDisk, DeadProcessGetsNothingDone) {
  for (const auto& die : std::vector<std::function<void(SimDisk&)>>{
           [](SimDisk& disk) { disk.Crash(); }, [](SimDisk& disk) { disk.KillProcess(); },
           [](SimDisk& disk) { disk.StopAfter(0); }}) {
    const auto disk = DiskWith(1, "bytes");
    const auto folder = disk->Mount();
    const auto file = folder->Open("1").value();
    die(*disk);
    std::string bytes(5, '#');
    EXPECT_EQ(ErrorOf(file->Write(0, bytes)), EIO);
    EXPECT_EQ(ErrorOf(file->Read(0, bytes)), EIO);
    EXPECT_EQ(ErrorOf(file->Sync()), EIO);
    EXPECT_EQ(ErrorOf(file->Size()), EIO);
    EXPECT_EQ(ErrorOf(folder->Create("2")), EIO);
    EXPECT_EQ(ErrorOf(folder->Open("1")), EIO);
    EXPECT_EQ(ErrorOf(folder->Rename("1", "2")), EIO);
    EXPECT_EQ(ErrorOf(folder->Remove("1")), EIO);
    EXPECT_EQ(ErrorOf(folder->Sync()), EIO);
    EXPECT_EQ(ErrorOf(folder->List()), EIO);
    EXPECT_EQ(disk->Seen("1"), "bytes");
    EXPECT_EQ(Joined(disk->SeenNames()), "1");
  }
}

TEST(SimDisk, StopLetsTheCountedOperationsThrough) {
  const auto disk = DiskWith(1, "....");
  const auto file = disk->Mount()->Open("1").value();
  disk->StopAfter(2);
  EXPECT_EQ(file->Write(0, std::string("a")).value(), 1U);
  EXPECT_FALSE(disk->Stopped());
  EXPECT_TRUE(file->Sync());
  EXPECT_TRUE(disk->Stopped());
  EXPECT_EQ(ErrorOf(file->Write(1, std::string("b"))), EIO);
  disk->Crash();
  EXPECT_FALSE(disk->Stopped());
  EXPECT_EQ(disk->Seen("1"), "a...");
  EXPECT_TRUE(disk->Mount()->Open("1"));
  EXPECT_EQ(disk->Counts().stops, 1U);
}

TEST(SimDisk, LostSyncForgetsWhatItShouldHaveKept) {
  const auto outcomes = Outcomes([](uint64_t seed) {
    const auto disk = DiskWith(seed, std::string(2 * kSector, '-'));
    const auto file = disk->Mount()->Open("1").value();
    Write(*file, 0, std::string(2 * kSector, '+'));
    disk->FailNth(DiskCall::kSync, 1, DiskFault::kLost);
    EXPECT_EQ(ErrorOf(file->Sync()), EIO);
    EXPECT_TRUE(file->Sync());
    EXPECT_EQ(disk->Seen("1"), std::string(2 * kSector, '+'));
    const std::string durable = disk->Durable("1");
    disk->KillProcess();
    disk->EvictCleanPages();
    EXPECT_EQ(disk->Seen("1"), durable);
    disk->Crash();
    EXPECT_EQ(disk->Seen("1"), durable);
    return std::string{durable[0], durable[kSector]};
  });
  EXPECT_EQ(Keys(outcomes), Texts({"--", "-+", "+-", "++"}));
}

TEST(SimDisk, EvictionLeavesUnsyncedPages) {
  const auto disk = DiskWith(1, "old bytes");
  Write(*disk->Mount()->Open("1").value(), 0, "new");
  disk->EvictCleanPages();
  EXPECT_EQ(disk->Seen("1"), "new bytes");
  EXPECT_EQ(disk->Durable("1"), "old bytes");
}

TEST(SimDisk, SyncAfterALostOneKeepsTheSectorsWrittenAnew) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const auto disk = DiskWith(seed, std::string(2 * kSector, '-'));
    const auto file = disk->Mount()->Open("1").value();
    Write(*file, 0, std::string(2 * kSector, '+'));
    disk->FailNth(DiskCall::kSync, 1, DiskFault::kLost);
    EXPECT_EQ(ErrorOf(file->Sync()), EIO);
    Write(*file, 7, "n");
    EXPECT_TRUE(file->Sync());
    ASSERT_EQ(disk->Durable("1").substr(0, kSector), "+++++++n" + std::string(kSector - 8, '+'));
  }
}

TEST(SimDisk, LostSyncOfTheFolderForgetsNames) {
  const auto outcomes = Outcomes([](uint64_t seed) {
    SimDisk disk(seed);
    Create(disk, "1");
    disk.FailNth(DiskCall::kSyncNames, 1, DiskFault::kLost);
    EXPECT_EQ(ErrorOf(disk.Mount()->Sync()), EIO);
    EXPECT_TRUE(disk.Mount()->Sync());
    EXPECT_EQ(Joined(disk.SeenNames()), "1");
    disk.Crash();
    return Joined(disk.SeenNames());
  });
  EXPECT_EQ(Keys(outcomes), Texts({"", "1"}));
}

TEST(SimDisk, SyncThatFailsOtherwiseMayBeRepeated) {
  const auto disk = DiskWith(1, "old");
  const auto file = disk->Mount()->Open("1").value();
  Write(*file, 0, "new");
  disk->FailNth(DiskCall::kSync, 1, DiskFault::kEio);
  disk->FailNth(DiskCall::kSync, 2, DiskFault::kNoSpace);
  EXPECT_EQ(ErrorOf(file->Sync()), EIO);
  EXPECT_EQ(ErrorOf(file->Sync()), ENOSPC);
  EXPECT_EQ(disk->Durable("1"), "old");
  EXPECT_TRUE(file->Sync());
  EXPECT_EQ(disk->Durable("1"), "new");
}

TEST(SimDisk, WriteThatMeetsEioHasTakenAnyPart) {
  const auto outcomes = Outcomes([](uint64_t seed) {
    const auto disk = DiskWith(seed, "...");
    disk->FailNth(DiskCall::kWrite, 1, DiskFault::kEio);
    EXPECT_EQ(ErrorOf(disk->Mount()->Open("1").value()->Write(0, std::string("abc"))), EIO);
    return disk->Seen("1");
  });
  EXPECT_EQ(Keys(outcomes), Texts({"...", "a..", "ab.", "abc"}));
}

TEST(SimDisk, ShortWriteTakesSomeButNotAll) {
  const auto outcomes = Outcomes([](uint64_t seed) {
    const auto disk = DiskWith(seed, "...");
    disk->FailNth(DiskCall::kWrite, 1, DiskFault::kShort);
    const auto taken = disk->Mount()->Open("1").value()->Write(0, std::string("abc"));
    EXPECT_EQ(disk->Seen("1").find('.'), taken.value());
    return disk->Seen("1");
  });
  EXPECT_EQ(Keys(outcomes), Texts({"a..", "ab."}));
}

TEST(SimDisk, ChangesOfNamesThatMeetEioAreMadeOrNot) {
  const auto outcomes = Outcomes([](uint64_t seed) {
    const auto disk = DiskWith(seed, "");
    disk->PutFile("2", "");
    const auto folder = disk->Mount();
    for (const DiskCall call : {DiskCall::kCreate, DiskCall::kRename, DiskCall::kRemove}) {
      disk->FailNth(call, 1, DiskFault::kEio);
    }
    EXPECT_EQ(ErrorOf(folder->Rename("1", "a")), EIO);
    EXPECT_EQ(ErrorOf(folder->Remove("2")), EIO);
    EXPECT_EQ(ErrorOf(folder->Create("3")), EIO);
    return Joined(disk->SeenNames());
  });
  EXPECT_EQ(Keys(outcomes), Texts({"1 2", "1 2 3", "1", "1 3", "2 a", "2 3 a", "a", "3 a"}));
}

TEST(SimDisk, PlannedFaultMeetsTheCountedCallOfItsKindOnly) {
  const auto disk = DiskWith(1, "bytes");
  const auto folder = disk->Mount();
  const auto file = folder->Open("1").value();
  std::string bytes(5, '#');
  disk->FailNth(DiskCall::kRead, 2, DiskFault::kEio);
  EXPECT_EQ(ErrorOf(file->Size()), 0);
  EXPECT_EQ(ErrorOf(file->Read(0, bytes)), 0);
  EXPECT_EQ(ErrorOf(file->Read(0, bytes)), EIO);
  EXPECT_EQ(ErrorOf(file->Read(0, bytes)), 0);
  for (const DiskCall call : {DiskCall::kOpen, DiskCall::kList, DiskCall::kSize, DiskCall::kSyncNames}) {
    disk->FailNth(call, 1, DiskFault::kEio);
  }
  disk->FailNth(DiskCall::kCreate, 1, DiskFault::kNoSpace);
  EXPECT_EQ(ErrorOf(folder->Open("1")), EIO);
  EXPECT_EQ(ErrorOf(folder->List()), EIO);
  EXPECT_EQ(ErrorOf(file->Size()), EIO);
  EXPECT_EQ(ErrorOf(folder->Sync()), EIO);
  EXPECT_EQ(ErrorOf(folder->Create("2")), ENOSPC);
  EXPECT_EQ(Joined(disk->SeenNames()), "1");
  EXPECT_EQ(ErrorOf(folder->Create("2")), 0);
}

TEST(SimDisk, FaultByChanceComesAboutAsOftenAsAskedUntilItIsTakenBack) {
  const auto disk = DiskWith(1, "bytes");
  const auto file = disk->Mount()->Open("1").value();
  disk->FailOneIn(DiskCall::kSize, 10, DiskFault::kEio);
  for (int i = 0; i < 1'000; ++i) static_cast<void>(file->Size());
  const uint64_t failed = disk->Counts().eio[static_cast<size_t>(DiskCall::kSize)];
  EXPECT_GT(failed, 60U);
  EXPECT_LT(failed, 140U);
  disk->FailOneIn(DiskCall::kSize, 1, DiskFault::kEio);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(ErrorOf(file->Size()), EIO);
  disk->FailNoMore();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(ErrorOf(file->Size()), 0);
}

TEST(SimDisk, FullDiskTakesAPartThenNothingAndStillOverwrites) {
  SimDisk disk(1, {.capacity_bytes = 3 * kSector});
  const auto one = Create(disk, "1");
  Write(*one, 0, "x");
  EXPECT_EQ(disk.UsedBytes(), kSector);
  const auto two = Create(disk, "2");
  EXPECT_EQ(two->Write(0, std::string(3 * kSector, 'x')).value(), 2 * kSector);
  EXPECT_EQ(ErrorOf(two->Write(2 * kSector, std::string("x"))), ENOSPC);
  Write(*two, kSector, std::string(kSector, 'y'));
  Write(*one, 1, std::string(kSector - 1, 'y'));
  EXPECT_EQ(ErrorOf(one->Write(kSector, std::string("y"))), ENOSPC);
  EXPECT_TRUE(disk.Mount()->Remove("2"));
  Write(*one, kSector, std::string(2 * kSector, 'y'));
  disk.SetCapacity(4 * kSector);
  Write(*one, 3 * kSector, "z");
  EXPECT_EQ(disk.Counts().disk_full, 3U);
}

TEST(SimDisk, DamageIsDurableAndSeenAtOnce) {
  const auto disk = DiskWith(1, "0123456789");
  disk->FlipBit("1", 0, 1);
  disk->FlipBit("1", 10, 1);
  EXPECT_EQ(disk->Seen("1"), "2123456789");
  disk->ZeroRange("1", 8, 100);
  disk->ZeroRange("1", 100, 1);
  EXPECT_EQ(disk->Seen("1"), std::string("21234567\0\0", 10));
  disk->Truncate("1", 4);
  EXPECT_EQ(disk->Seen("1"), "2123");
  EXPECT_EQ(disk->Durable("1"), "2123");
  disk->RemoveFile("1");
  disk->Crash();
  EXPECT_EQ(Joined(disk->SeenNames()), "");
}

TEST(SimDisk, FileCutFromOutsideDoesNotGrowBackByItsUnsyncedWrites) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const auto disk = DiskWith(seed, "synced", {.tearing = Tearing::kWholeSector});
    Write(*disk->Mount()->Open("1").value(), 6, std::string(3 * kSector, 'u'));
    disk->Truncate("1", kSector + 10);
    disk->Crash();
    ASSERT_LE(disk->Seen("1").size(), kSector + 10);
  }
}

// A hundred random operations and a crash; gives everything that can be seen of it.
std::string Transcript(uint64_t seed, SimDiskCounts* counts = nullptr) {
  Random random(seed);
  SimDisk disk(seed,
               {.capacity_bytes = 40 * kSector, .tearing = Tearing::kGarbage, .name_loss = NameLoss::kAny});
  disk.FailOneIn(DiskCall::kWrite, 20, DiskFault::kShort);
  disk.FailOneIn(DiskCall::kWrite, 20, DiskFault::kEio);
  disk.FailOneIn(DiskCall::kSync, 20, DiskFault::kLost);
  disk.FailOneIn(DiskCall::kRename, 10, DiskFault::kEio);
  std::string transcript;
  auto folder = disk.Mount();
  for (int round = 0; round < 3; ++round) {
    disk.StopAfter(random.Below(100));
    while (!disk.Stopped()) {
      const std::string name(1, static_cast<char>('a' + random.Below(4)));
      const std::string other(1, static_cast<char>('a' + random.Below(4)));
      const uint64_t what = random.Below(8);
      int error = 0;
      if (what == 0) error = ErrorOf(folder->Create(name));
      if (what == 1) error = ErrorOf(folder->Rename(name, other));
      if (what == 2) error = random.OneIn(4) ? ErrorOf(folder->Remove(name)) : 0;
      if (what == 3) error = ErrorOf(folder->Sync());
      if (what == 4) transcript += Joined(folder->List().value_or(std::vector<std::string>{}));
      if (what >= 5) {
        if (const auto file = folder->Open(name)) {
          const std::string bytes(random.Below(3'000), name[0]);
          error = what == 5 ? ErrorOf((*file)->Sync()) : ErrorOf((*file)->Write(random.Below(4'000), bytes));
        }
      }
      transcript += std::to_string(error) + ' ';
    }
    if (random.OneIn(3)) {
      disk.KillProcess();
    } else {
      disk.Crash();
    }
    folder = disk.Mount();
    for (const std::string& name : disk.SeenNames()) transcript += name + disk.Seen(name);
  }
  for (const auto& [name, count] : disk.Counts().Rows()) transcript += name + std::to_string(count);
  if (counts != nullptr) counts->Add(disk.Counts());
  return transcript;
}

TEST(SimDisk, SameSeedGivesTheSameRun) {
  for (uint64_t seed = 1; seed <= 100; ++seed) ASSERT_EQ(Transcript(seed), Transcript(seed));
  EXPECT_NE(Transcript(1), Transcript(2));
}

TEST(SimDisk, EveryThingThatHappensIsCounted) {
  SimDiskCounts counts;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) Transcript(seed, &counts);
  const Texts never = {"damages",     "EIO on create", "EIO on open", "EIO on remove", "EIO on sync of names",
                       "EIO on list", "EIO on read",   "EIO on size", "calls of read", "calls of size"};
  for (const auto& [name, count] : counts.Rows()) {
    EXPECT_EQ(count > 0, !never.contains(name) && !name.starts_with("ENOSPC")) << name << ' ' << count;
  }
}

}  // namespace
}  // namespace ei::support
