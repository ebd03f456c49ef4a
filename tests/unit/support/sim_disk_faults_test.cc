// Faults of the simulated disk: planned, by its capacity, by damage from outside.

#include <cerrno>

#include "unit/support/disk_outcomes.h"

namespace ei::support {
namespace {

TEST(SimDiskFaults, LostSyncForgetsWhatItShouldHaveKept) {
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

TEST(SimDiskFaults, EvictionLeavesUnsyncedPages) {
  const auto disk = DiskWith(1, "old bytes");
  Write(*disk->Mount()->Open("1").value(), 0, "new");
  disk->EvictCleanPages();
  EXPECT_EQ(disk->Seen("1"), "new bytes");
  EXPECT_EQ(disk->Durable("1"), "old bytes");
}

TEST(SimDiskFaults, SyncAfterALostOneKeepsTheSectorsWrittenAnew) {
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

TEST(SimDiskFaults, SizeThatALostSyncForgotIsKeptWithTheNextSyncedWrite) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const auto disk = DiskWith(seed, "....");
    const auto file = disk->Mount()->Open("1").value();
    Write(*file, 4, std::string(3 * kSector, '+'));
    disk->FailNth(DiskCall::kSync, 1, DiskFault::kLost);
    EXPECT_EQ(ErrorOf(file->Sync()), EIO);
    Write(*file, 0, "n");
    EXPECT_TRUE(file->Sync());
    ASSERT_EQ(disk->Durable("1").size(), 3 * kSector + 4);
  }
}

TEST(SimDiskFaults, LostSyncOfTheFolderForgetsNames) {
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

TEST(SimDiskFaults, SyncThatFailsOtherwiseMayBeRepeated) {
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

TEST(SimDiskFaults, WriteThatMeetsEioHasTakenAnyPart) {
  const auto outcomes = Outcomes([](uint64_t seed) {
    const auto disk = DiskWith(seed, "...");
    disk->FailNth(DiskCall::kWrite, 1, DiskFault::kEio);
    EXPECT_EQ(ErrorOf(disk->Mount()->Open("1").value()->Write(0, std::string("abc"))), EIO);
    return disk->Seen("1");
  });
  EXPECT_EQ(Keys(outcomes), Texts({"...", "a..", "ab.", "abc"}));
}

TEST(SimDiskFaults, ShortWriteTakesSomeButNotAll) {
  const auto outcomes = Outcomes([](uint64_t seed) {
    const auto disk = DiskWith(seed, "...");
    disk->FailNth(DiskCall::kWrite, 1, DiskFault::kShort);
    const auto taken = disk->Mount()->Open("1").value()->Write(0, std::string("abc"));
    EXPECT_EQ(disk->Seen("1").find('.'), taken.value());
    return disk->Seen("1");
  });
  EXPECT_EQ(Keys(outcomes), Texts({"a..", "ab."}));
}

TEST(SimDiskFaults, ChangesOfNamesThatMeetEioAreMadeOrNot) {
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

TEST(SimDiskFaults, PlannedFaultMeetsTheCountedCallOfItsKindOnly) {
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

TEST(SimDiskFaults, FaultByChanceComesAboutAsOftenAsAskedUntilItIsTakenBack) {
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

TEST(SimDiskFaults, FullDiskTakesAPartThenNothingAndStillOverwrites) {
  SimDisk disk(1, {.capacity_bytes = 3 * kSector + 100});
  const auto one = Create(disk, "1");
  Write(*one, 0, "x");
  EXPECT_EQ(disk.UsedBytes(), kSector);
  const auto two = Create(disk, "2");
  EXPECT_EQ(two->Write(0, std::string(3 * kSector, 'x')).value(), 2 * kSector);
  EXPECT_EQ(ErrorOf(two->Write(2 * kSector, std::string("x"))), ENOSPC);
  disk.FailNth(DiskCall::kWrite, 1, DiskFault::kShort);
  EXPECT_EQ(ErrorOf(two->Write(2 * kSector, std::string("x"))), ENOSPC);
  Write(*two, kSector, std::string(kSector, 'y'));
  Write(*one, 1, std::string(kSector - 1, 'y'));
  EXPECT_EQ(ErrorOf(one->Write(kSector, std::string("y"))), ENOSPC);
  EXPECT_TRUE(disk.Mount()->Remove("2"));
  Write(*one, kSector, std::string(2 * kSector, 'y'));
  disk.SetCapacity(4 * kSector);
  Write(*one, 3 * kSector, "z");
  EXPECT_EQ(disk.Counts().disk_full, 4U);
}

TEST(SimDiskFaults, DamageIsDurableAndSeenAtOnce) {
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
  EXPECT_EQ(Joined(disk->SeenNames()), "");
  EXPECT_EQ(Joined(disk->DurableNames()), "");
}

TEST(SimDiskFaults, FileCutFromOutsideDoesNotGrowBackByItsUnsyncedWrites) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const auto disk = DiskWith(seed, "synced", {.tearing = Tearing::kWholeSector});
    const auto file = disk->Mount()->Open("1").value();
    Write(*file, 6, std::string(3 * kSector, 'u'));
    disk->Truncate("1", kSector + 10);
    EXPECT_TRUE(seed % 2 == 0 || file->Sync());
    disk->Crash();
    ASSERT_LE(disk->Seen("1").size(), kSector + 10);
  }
}

// Makes a hundred random operations and a crash; returns all visible state.
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

TEST(SimDiskFaults, SameSeedGivesTheSameRun) {
  for (uint64_t seed = 1; seed <= 100; ++seed) ASSERT_EQ(Transcript(seed), Transcript(seed));
  EXPECT_NE(Transcript(1), Transcript(2));
}

TEST(SimDiskFaults, EveryThingThatHappensIsCounted) {
  SimDiskCounts counts;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) Transcript(seed, &counts);
  const Texts never = {"damages",       "reads of unreadable sectors",
                       "EIO on create", "EIO on open",
                       "EIO on remove", "EIO on sync of names",
                       "EIO on list",   "EIO on read",
                       "EIO on size",   "calls of read",
                       "calls of size"};
  for (const auto& [name, count] : counts.Rows()) {
    EXPECT_EQ(count > 0, !never.contains(name) && !name.starts_with("ENOSPC")) << name << ' ' << count;
  }
}

}  // namespace
}  // namespace ei::support
