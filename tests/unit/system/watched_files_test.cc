#include "system/watched_files.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "support/temp_folder.h"

namespace ei::system {
namespace {

using Contents = std::vector<std::string>;

class WatchedFilesTest : public testing::Test {
 protected:
  SecretFile File(const std::string& name) const { return {(folder_.Path() / name).string(), "setting"}; }
  void Write(const std::string& name, const std::string& content) const {
    support::WriteFile(File(name).path, content);
  }

  support::TempFolder folder_;
};

TEST_F(WatchedFilesTest, AChangeIsReportedOnceTwoChecksHaveSeenIt) {
  Write("a", "one");
  WatchedFiles files({File("a"), SecretFile{}});
  EXPECT_FALSE(files.Check());
  Write("a", "two");
  EXPECT_FALSE(files.Check());
  const auto change = files.Check();
  ASSERT_TRUE(change && *change);
  EXPECT_EQ(**change, Contents{"two"});
  EXPECT_FALSE(files.Check());
}

TEST_F(WatchedFilesTest, AFaultIsReportedOnceAndIsNoChange) {
  Write("a", "one");
  WatchedFiles files({File("a")});
  Write("a", "");
  const auto fault = files.Check();
  ASSERT_TRUE(fault);
  EXPECT_FALSE(*fault);
  EXPECT_FALSE(files.Check());
  Write("a", "one");
  EXPECT_FALSE(files.Check());
  EXPECT_FALSE(files.Check());
}

// A volume of Kubernetes has a link for each file to a folder that is a link itself, which is replaced by a
// rename.
TEST_F(WatchedFilesTest, AFolderBehindALinkIsFollowed) {
  namespace fs = std::filesystem;
  for (const std::string version : {"1", "2"}) {
    fs::create_directory(folder_.Path() / version);
    Write(version + "/a", "a" + version);
    Write(version + "/b", "b" + version);
  }
  fs::create_symlink("1", folder_.Path() / "data");
  for (const std::string name : {"a", "b"}) fs::create_symlink("data/" + name, folder_.Path() / name);
  WatchedFiles files({File("a"), File("b")});
  fs::create_symlink("2", folder_.Path() / "data.new");
  fs::rename(folder_.Path() / "data.new", folder_.Path() / "data");
  EXPECT_FALSE(files.Check());
  const auto change = files.Check();
  ASSERT_TRUE(change && *change);
  EXPECT_EQ(**change, (Contents{"a2", "b2"}));
}

}  // namespace
}  // namespace ei::system
