// An operator moves, removes or replaces files and folders under the running service: every event that is
// acknowledged afterwards is in a file that can be found.

#include <functional>
#include <set>

#include "unit/adapters/file_sink/sink_fixture.h"
#include "unit/system/faulty_file_calls.h"

namespace ei::file_sink {
namespace {

namespace fs = std::filesystem;
using Call = system::FaultyFileCalls::Call;
using Strings = std::vector<std::string>;

struct Act {
  std::string name;
  std::function<void(const fs::path& segment)> run;
};

void PrintTo(const Act& act, std::ostream* out) { *out << act.name; }

// Where an act moves things to: next to the sink's folder.
fs::path Away(const fs::path& segment) { return segment.parent_path().parent_path() / "away"; }

void MakeFolderAgain(const fs::path& folder) {
  fs::remove_all(folder);
  fs::create_directories(folder);
}

const std::vector<Act> kActs = {
    {"removed", [](const fs::path& segment) { fs::remove(segment); }},
    {"moved", [](const fs::path& segment) { fs::rename(segment, Away(segment)); }},
    {"renamed", [](const fs::path& segment) { fs::rename(segment, segment.string() + ".old"); }},
    {"replaced by a file",
     [](const fs::path& segment) {
       WriteFile(Away(segment), ReadFile(segment));
       fs::rename(Away(segment), segment);
     }},
    {"replaced by a link",
     [](const fs::path& segment) {
       fs::rename(segment, Away(segment));
       fs::create_symlink(Away(segment), segment);
     }},
    {"replaced by a folder",
     [](const fs::path& segment) {
       fs::remove(segment);
       fs::create_directory(segment);
     }},
    {"cut", [](const fs::path& segment) { fs::resize_file(segment, 0); }},
    {"folder removed", [](const fs::path& segment) { fs::remove_all(segment.parent_path()); }},
    {"folder moved", [](const fs::path& segment) { fs::rename(segment.parent_path(), Away(segment)); }},
    {"folder made again", [](const fs::path& segment) { MakeFolderAgain(segment.parent_path()); }},
    {"folder replaced by a link",
     [](const fs::path& segment) {
       fs::create_directories(Away(segment) / "new");
       fs::rename(segment.parent_path(), Away(segment) / "old");
       fs::create_directory_symlink(Away(segment) / "new", segment.parent_path());
     }},
};

class FileSinkTaken : public FileSinkTest, public testing::WithParamInterface<Act> {
 protected:
  ~FileSinkTaken() override { sink_.reset(); }  // before calls_

  void SetUp() override {
    ASSERT_TRUE(Open(calls_));
    ASSERT_TRUE(Delivered({"first"}));
  }

  void RunAct() { GetParam().run(Segments(folder_).back()); }

  // Lines of the regular files below the folder in the setting.
  std::multiset<std::string> Found() const {
    std::multiset<std::string> found;
    for (const fs::path& path : Segments(folder_)) {
      if (!fs::is_regular_file(fs::symlink_status(path))) continue;
      const std::string bytes = ReadFile(path);
      EXPECT_TRUE(bytes.empty() || bytes.back() == '\n') << path;
      EXPECT_FALSE(bytes.contains('\0')) << path;
      size_t begin = 0;
      for (size_t end = 0; (end = bytes.find('\n', begin)) != std::string::npos; begin = end + 1) {
        found.insert(bytes.substr(begin, end - begin));
      }
    }
    return found;
  }

  system::FaultyFileCalls calls_;
};

TEST_P(FileSinkTaken, WhatIsAcknowledgedAfterwardsIsFound) {
  RunAct();
  ASSERT_TRUE(Delivered({"second", "third"}));
  ASSERT_TRUE(Delivered({"fourth"}));
  const auto found = Found();
  for (const char* line : {"second", "third", "fourth"}) EXPECT_EQ(found.count(line), 1U) << line;
  EXPECT_EQ(log_.Count("WARN a segment was moved, removed or changed by another process"), 1U);
}

// The act happens just before each system call of a Run, once.
TEST_P(FileSinkTaken, AtAnyMomentOfARunNothingThatIsAcknowledgedIsMissing) {
  for (uint64_t nth = 1;; ++nth) {
    sink_.reset();
    for (const auto& entry : fs::directory_iterator(parent_.Path())) fs::remove_all(entry.path());
    calls_.FailNothing();
    ASSERT_TRUE(Open(calls_));
    ASSERT_TRUE(Delivered({"first"}));
    bool acted = false;
    const uint64_t before = calls_.Count();
    calls_.fault = [&, this](Call, uint64_t call) {
      if (!acted && call == before + nth) {
        acted = true;
        RunAct();
      }
      return 0;
    };
    const bool delivered = Delivered({"second"});
    if (!acted) {
      EXPECT_GE(nth, 5U) << "of stat, stat, write, sync, stat";
      break;
    }
    EXPECT_TRUE(delivered) << "a single act must not fail the delivery; at call " << nth;
    EXPECT_GE(Found().count("second"), 1U) << "at call " << nth;
    EXPECT_TRUE(Delivered({"third"}));
    EXPECT_EQ(Found().count("third"), 1U) << "at call " << nth;
  }
}

INSTANTIATE_TEST_SUITE_P(Acts, FileSinkTaken, testing::ValuesIn(kActs), [](const auto& act) {
  std::string name = act.param.name;
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
});

class FileSinkHarried : public FileSinkTest {
 protected:
  ~FileSinkHarried() override { sink_.reset(); }  // before calls_
  system::FaultyFileCalls calls_;
};

TEST_F(FileSinkHarried, SegmentsThatVanishAsFastAsTheyAreMadeAcknowledgeNothing) {
  ASSERT_TRUE(Open(calls_));
  calls_.fault = [this](Call call, uint64_t) {
    if (call != Call::kDataSync) return 0;
    for (const auto& path : Segments(folder_)) fs::remove(path);
    return 0;
  };
  const std::string fault = FaultOf({"a"});
  EXPECT_TRUE(fault.contains("code=storage_failed")) << fault;
  EXPECT_TRUE(fault.contains("another process repeatedly moved, removed or changed it")) << fault;
  calls_.FailNothing();
  EXPECT_TRUE(DeliveredLater());
  EXPECT_EQ(Lines(), Strings{"a"});
}

TEST_F(FileSinkHarried, FolderThatCannotBeCheckedAcknowledgesNothing) {
  ASSERT_TRUE(Open(calls_));
  ASSERT_TRUE(Delivered({"a"}));
  for (uint64_t nth = 1; nth <= 3; ++nth) {
    const uint64_t before = calls_.Count(Call::kStat);
    calls_.fault = [=, this](Call call, uint64_t) {
      return call == Call::kStat && calls_.Count(Call::kStat) >= before + nth ? EACCES : 0;
    };
    const std::string fault = FaultOf(nth == 1 ? Strings{"b"} : Strings());
    EXPECT_TRUE(fault.contains("can't get the status of ")) << fault;
  }
  calls_.FailNothing();
  EXPECT_TRUE(DeliveredLater());
  EXPECT_EQ(Lines(), (Strings{"a", "b"}));
}

TEST_F(FileSinkHarried, FolderThatCannotBeRecreatedIsLoggedAndRetried) {
  ASSERT_TRUE(Open(calls_));
  fs::remove_all(folder_);
  WriteFile(folder_, "in the way");
  const std::string fault = FaultOf({"a"});
  EXPECT_TRUE(fault.contains("file.dir (FILE_DIR) " + folder_.string())) << fault;
  fs::remove(folder_);
  EXPECT_TRUE(DeliveredLater());
  EXPECT_EQ(Lines(), Strings{"a"});
}

TEST_F(FileSinkHarried, LockThatWasRemovedIsTakenAgainAndNoNumberIsGivenTwice) {
  ASSERT_TRUE(Open(calls_));
  ASSERT_TRUE(Delivered({"a"}));
  fs::remove(folder_ / SegmentDirectory::kLockFile);
  ASSERT_TRUE(Delivered({"b"}));
  EXPECT_EQ(Segments(folder_).size(), 1U);
  EXPECT_FALSE(FileSink::Open({.directory = folder_.string()}, log_, clock_, telemetry_)) << "it is locked";
  fs::remove(Segments(folder_).front());
  ASSERT_TRUE(Open());
  ASSERT_TRUE(Delivered({"c"}));
  EXPECT_EQ(Segments(folder_).front().filename(), "events-00000000000000000002.ndjson");
}

TEST_F(FileSinkHarried, FolderThatAnotherProcessTookIsLeftToIt) {
  ASSERT_TRUE(Open(calls_));
  fs::remove(folder_ / SegmentDirectory::kLockFile);
  auto other = FileSink::Open({.directory = folder_.string()}, log_, clock_, telemetry_);
  ASSERT_TRUE(other);
  const std::string fault = FaultOf({"a"});
  EXPECT_TRUE(fault.contains("another process writes there")) << fault;
  other->reset();
  EXPECT_TRUE(DeliveredLater());
}

}  // namespace
}  // namespace ei::file_sink
