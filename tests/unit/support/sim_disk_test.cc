// Data that survives on the simulated disk: all synced data; of everything else, each result occurs over many
// seeds. tests/contract checks that it behaves as a disk without faults should.

#include <algorithm>
#include <cerrno>
#include <functional>

#include "unit/support/disk_outcomes.h"

namespace ei::support {
namespace {

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
  EXPECT_GT(outcomes.at("c.b."), static_cast<int>(kSeeds / 4));
}

TEST(SimDisk, SizeAfterACrashLiesBetweenTheDurableAndTheSeenOneAndHolesAreZeros) {
  std::set<size_t> sizes;
  bool holes = false;
  bool zeros_at_the_end = false;
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
    zeros_at_the_end = zeros_at_the_end || bytes.back() == '\0';
    sizes.insert(bytes.size());
  }
  EXPECT_EQ(*sizes.begin(), 6U);
  EXPECT_EQ(*sizes.rbegin(), 2'006U);
  EXPECT_GT(sizes.size(), 50U);
  EXPECT_TRUE(holes);
  EXPECT_TRUE(zeros_at_the_end);
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

// How far noise extends when 100 bytes of a sector are written and torn.
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
    EXPECT_TRUE(!disk.Durable("1").empty() || disk.Counts().sectors_kept == 0);
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

TEST(SimDisk, NameGivenAnewNeverSurvivesTheLossOfTheRenamingThatFreedIt) {
  const auto outcomes = Outcomes([](uint64_t seed) {
    const auto disk = DiskWith(seed, "old", {.name_loss = NameLoss::kAny});
    EXPECT_TRUE(disk->Mount()->Rename("1", "2"));
    Create(*disk, "1");
    disk->Crash();
    std::string found;
    for (const std::string& name : disk->DurableNames()) found += name + ":" + disk->Durable(name) + " ";
    return found;
  });
  EXPECT_EQ(Keys(outcomes), Texts({"1:old ", "2:old ", "1: 2:old "}));
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

}  // namespace
}  // namespace ei::support
