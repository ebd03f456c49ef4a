// Contract tests of wal::Directory and wal::File, for the real disk and the simulated one.

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <map>

#include "adapters/wal/posix_disk.h"
#include "support/random.h"
#include "support/sim_disk.h"
#include "support/temp_folder.h"

namespace ei::contract {
namespace {

class RealDisk {
 public:
  wal::Directory& Folder() { return *folder_; }

 private:
  support::TempFolder place_;
  std::unique_ptr<wal::Directory> folder_ =
      std::move(wal::PosixDirectory::OpenForWriting(place_.Path().string()).value());
};

class SimulatedDisk {
 public:
  wal::Directory& Folder() { return *folder_; }

 private:
  support::SimDisk disk_{1};
  std::unique_ptr<wal::Directory> folder_ = disk_.Mount();
};

// The errno of a failed operation, or 0.
template <typename T>
int ErrorOf(const wal::DiskResult<T>& result) {
  return result ? 0 : result.error();
}

std::vector<std::string> Names(wal::Directory& folder) {
  auto names = folder.List().value();
  std::sort(names.begin(), names.end());
  return names;
}

std::string Bytes(wal::File& file) {
  std::string bytes(file.Size().value(), '\0');
  EXPECT_EQ(file.Read(0, bytes).value(), bytes.size());
  return bytes;
}

template <typename Disk>
class DiskContract : public testing::Test {
 protected:
  Disk disk_;
  wal::Directory& folder_ = disk_.Folder();
};

using Disks = testing::Types<RealDisk, SimulatedDisk>;
TYPED_TEST_SUITE(DiskContract, Disks);

TYPED_TEST(DiskContract, MissingFileIsTold) {
  EXPECT_EQ(ErrorOf(this->folder_.Open("1")), ENOENT);
  EXPECT_EQ(ErrorOf(this->folder_.Remove("1")), ENOENT);
  EXPECT_EQ(ErrorOf(this->folder_.Rename("1", "2")), ENOENT);
  EXPECT_EQ(ErrorOf(this->folder_.Rename("1", "1")), ENOENT);
}

TYPED_TEST(DiskContract, TakenNameIsNotCreatedAgain) {
  const auto file = this->folder_.Create("1").value();
  EXPECT_EQ(file->Write(0, std::string("old")).value(), 3U);
  EXPECT_EQ(ErrorOf(this->folder_.Create("1")), EEXIST);
  EXPECT_EQ(Bytes(*file), "old");
}

TYPED_TEST(DiskContract, ReadEndsAtTheEndOfTheFile) {
  const auto file = this->folder_.Create("1").value();
  EXPECT_EQ(file->Write(0, std::string("0123456789")).value(), 10U);
  std::string bytes(32, '#');
  EXPECT_EQ(file->Read(4, bytes).value(), 6U);
  EXPECT_EQ(bytes.substr(0, 7), "456789#");
  EXPECT_EQ(file->Read(2, std::span(bytes).first(2)).value(), 2U);
  EXPECT_EQ(bytes.substr(0, 3), "236");
  EXPECT_EQ(file->Read(10, bytes).value(), 0U);
  EXPECT_EQ(file->Read(11, bytes).value(), 0U);
  EXPECT_EQ(file->Read(0, {}).value(), 0U);
}

TYPED_TEST(DiskContract, WriteShowsInEveryOpenFileBeforeAnySync) {
  const auto one = this->folder_.Create("1").value();
  const auto two = this->folder_.Open("1").value();
  EXPECT_EQ(one->Write(0, std::string("hello")).value(), 5U);
  EXPECT_EQ(two->Write(1, std::string("ipp")).value(), 3U);
  EXPECT_EQ(Bytes(*one), "hippo");
  EXPECT_EQ(Bytes(*two), "hippo");
  EXPECT_TRUE(one->Sync());
}

TYPED_TEST(DiskContract, EmptyWriteChangesNothing) {
  const auto file = this->folder_.Create("1").value();
  EXPECT_EQ(file->Write(100, {}).value(), 0U);
  EXPECT_EQ(file->Size().value(), 0U);
}

TYPED_TEST(DiskContract, GapBeforeAWriteReadsAsZeros) {
  const auto file = this->folder_.Create("1").value();
  EXPECT_EQ(file->Write(2'000, std::string("x")).value(), 1U);
  EXPECT_EQ(Bytes(*file), std::string(2'000, '\0') + "x");
}

TYPED_TEST(DiskContract, RenamedFileTakesThePlaceOfAnotherAndBothGoOn) {
  const auto one = this->folder_.Create("1").value();
  const auto two = this->folder_.Create("2").value();
  EXPECT_TRUE(this->folder_.Rename("1", "2"));
  EXPECT_TRUE(this->folder_.Rename("2", "2"));
  EXPECT_TRUE(this->folder_.Sync());
  EXPECT_EQ(one->Write(0, std::string("one")).value(), 3U);
  EXPECT_EQ(two->Write(0, std::string("two, replaced")).value(), 13U);
  EXPECT_TRUE(two->Sync());
  EXPECT_EQ(Bytes(*two), "two, replaced");
  EXPECT_EQ(Names(this->folder_), std::vector<std::string>({"2"}));
  EXPECT_EQ(Bytes(*this->folder_.Open("2").value()), "one");
}

TYPED_TEST(DiskContract, RemovedFileGoesOnForThoseWhoHoldItAndItsNameIsFree) {
  const auto old = this->folder_.Create("1").value();
  EXPECT_EQ(old->Write(0, std::string("old")).value(), 3U);
  EXPECT_TRUE(this->folder_.Remove("1"));
  const auto made = this->folder_.Create("1").value();
  EXPECT_EQ(Bytes(*made), "");
  EXPECT_EQ(Bytes(*old), "old");
}

TYPED_TEST(DiskContract, FileIsConfirmedUnderItsOwnNameOnly) {
  const auto one = this->folder_.Create("1").value();
  const auto other = this->folder_.Create("2").value();
  EXPECT_TRUE(this->folder_.Confirm("1", *one));
  EXPECT_TRUE(this->folder_.Confirm("1", *this->folder_.Open("1").value()));
  EXPECT_EQ(ErrorOf(this->folder_.Confirm("2", *one)), ENOENT);
  EXPECT_TRUE(this->folder_.Rename("1", "3"));
  EXPECT_EQ(ErrorOf(this->folder_.Confirm("1", *one)), ENOENT);
  EXPECT_TRUE(this->folder_.Confirm("3", *one));
  EXPECT_TRUE(this->folder_.Rename("2", "3"));
  EXPECT_EQ(ErrorOf(this->folder_.Confirm("3", *one)), ENOENT);
  EXPECT_TRUE(this->folder_.Remove("3"));
  EXPECT_EQ(ErrorOf(this->folder_.Confirm("3", *other)), ENOENT);
  EXPECT_EQ(ErrorOf(this->folder_.Confirm("3", *this->folder_.Create("3").value())), 0);
  EXPECT_EQ(ErrorOf(this->folder_.Confirm("3", *other)), ENOENT);
}

// Runs each step on both disks; each is the other's model.
TEST(DiskContract, BothDisksAgreeOnRandomOperations) {
  support::Random random(support::SeedOr(1));
  RealDisk real;
  SimulatedDisk simulated;
  std::map<std::string, std::pair<std::unique_ptr<wal::File>, std::unique_ptr<wal::File>>> open;
  for (int step = 0; step < 5'000; ++step) {
    const std::string name(1, static_cast<char>('a' + random.Below(5)));
    const std::string other(1, static_cast<char>('a' + random.Below(5)));
    wal::Directory* const folders[] = {&real.Folder(), &simulated.Folder()};
    const uint64_t what = random.Below(10);
    if (what <= 2) {
      auto one = what == 0 ? folders[0]->Create(name) : folders[0]->Open(name);
      auto two = what == 0 ? folders[1]->Create(name) : folders[1]->Open(name);
      ASSERT_EQ(ErrorOf(one), ErrorOf(two)) << step;
      if (one) open[name] = {std::move(*one), std::move(*two)};
    } else if (what == 3) {
      ASSERT_EQ(ErrorOf(folders[0]->Rename(name, other)), ErrorOf(folders[1]->Rename(name, other))) << step;
    } else if (what == 4) {
      ASSERT_EQ(ErrorOf(folders[0]->Remove(name)), ErrorOf(folders[1]->Remove(name))) << step;
    } else if (what == 5) {
      ASSERT_EQ(Names(*folders[0]), Names(*folders[1])) << step;
    } else if (const auto found = open.find(name); found != open.end()) {
      const auto& [one, two] = found->second;
      if (what <= 8) {
        const std::string bytes(random.Below(2'000), static_cast<char>(random.Next()));
        const uint64_t offset = random.Below(6'000);
        ASSERT_EQ(one->Write(offset, bytes).value(), two->Write(offset, bytes).value()) << step;
      } else {
        ASSERT_EQ(Bytes(*one), Bytes(*two)) << step;
      }
    }
  }
}

}  // namespace
}  // namespace ei::contract
