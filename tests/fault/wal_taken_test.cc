// Files of the running log are moved, removed or replaced by another process: nothing more is acknowledged
// into them.

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "adapters/wal/checkpoint.h"
#include "adapters/wal/posix_disk.h"
#include "adapters/wal/segment_files.h"
#include "support/temp_folder.h"
#include "support/wal_rig.h"

namespace ei::wal {
namespace {

namespace fs = std::filesystem;
using Strings = std::vector<std::string>;

struct Act {
  std::string name;
  std::function<void(const fs::path& folder)> run;
};

fs::path SegmentIn(const fs::path& folder) { return folder / SegmentName(0); }
fs::path LockIn(const fs::path& folder) { return folder / PosixDirectory::kLockFile; }
fs::path Away(const fs::path& folder) { return folder.parent_path() / "away"; }

const std::vector<Act> kActs = {
    {"SegmentRemoved", [](const fs::path& folder) { fs::remove(SegmentIn(folder)); }},
    {"SegmentMoved", [](const fs::path& folder) { fs::rename(SegmentIn(folder), Away(folder)); }},
    {"SegmentReplaced",
     [](const fs::path& folder) {
       fs::copy_file(SegmentIn(folder), Away(folder));
       fs::rename(Away(folder), SegmentIn(folder));
     }},
    {"SegmentReplacedByALink",
     [](const fs::path& folder) {
       fs::rename(SegmentIn(folder), Away(folder));
       fs::create_symlink(Away(folder), SegmentIn(folder));
     }},
    {"LockRemoved", [](const fs::path& folder) { fs::remove(LockIn(folder)); }},
    {"LockReplaced",
     [](const fs::path& folder) {
       fs::remove(LockIn(folder));
       support::WriteFile(LockIn(folder), "");
     }},
    {"FolderRemoved", [](const fs::path& folder) { fs::remove_all(folder); }},
    {"FolderMoved", [](const fs::path& folder) { fs::rename(folder, Away(folder)); }},
    {"FolderReplacedByACopy",
     [](const fs::path& folder) {
       fs::rename(folder, Away(folder));
       fs::copy(Away(folder), folder);
     }},
};

class LogInFolder : public testing::Test {
 protected:
  void SetUp() override { Open(); }
  void Open() {
    rig_.Close();
    directory_.reset();
    directory_ = std::move(PosixDirectory::OpenForWriting(folder_.string()).value());
    rig_.Open(*directory_);
  }

  support::TempFolder parent_;
  fs::path folder_ = parent_.Path() / "wal";
  std::unique_ptr<PosixDirectory> directory_;
  support::WalRig rig_{{.bytes_max = 256 << 10, .segment_bytes = 64 << 10, .window_bytes_max = 64 << 10}};
};

class LogTaken : public LogInFolder, public testing::WithParamInterface<Act> {};

TEST_P(LogTaken, AcknowledgesNothingMoreAndSaysWhy) {
  rig_.Append({"before"});
  rig_.Work();
  ASSERT_EQ(rig_.Journal().DurableEnd(), 1U);
  GetParam().run(folder_);
  rig_.Append({"after"});
  rig_.Work();
  EXPECT_EQ(rig_.Journal().DurableEnd(), 1U);
  EXPECT_TRUE(rig_.Journal().Failed());
  EXPECT_EQ(rig_.Log().Count("the log's storage failed"), 1U);
  EXPECT_EQ(rig_.Log().Count("was moved or removed by another process"), 1U);
}

INSTANTIATE_TEST_SUITE_P(Acts, LogTaken, testing::ValuesIn(kActs),
                         [](const auto& act) { return act.param.name; });

TEST_F(LogInFolder, CheckpointThatVanishedIsMadeAgainAndNothingIsDeliveredTwice) {
  rig_.Append({"a", "b"});
  rig_.Work();
  fs::remove(folder_ / kCheckpointName);
  EXPECT_EQ(rig_.Drain(), (Strings{"a", "b"}));
  EXPECT_TRUE(fs::exists(folder_ / kCheckpointName));
  EXPECT_EQ(rig_.Log().Count("the checkpoint was moved or removed"), 1U);
  Open();
  EXPECT_EQ(rig_.Drain(), Strings{});
  EXPECT_EQ(rig_.Journal().Counts().lost, 0U);
}

}  // namespace
}  // namespace ei::wal
