#include "system/edited_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "support/temp_folder.h"
#include "unit/system/faulty_file_calls.h"

namespace ei::system {
namespace {

using Call = FaultyFileCalls::Call;

class EditedFileTest : public ::testing::Test {
 protected:
  void Write(std::string_view content, mode_t mode = 0600) {
    support::WriteFile(path_, content);
    ASSERT_EQ(::chmod(path_.c_str(), mode), 0);
  }
  std::string Content() const { return support::ReadFile(path_); }
  struct stat Status() const {
    struct stat status = {};
    EXPECT_EQ(::stat(path_.c_str(), &status), 0);
    return status;
  }
  size_t Files() const {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(folder_.Path()), {}));
  }

  const support::TempFolder folder_;
  const std::string path_ = folder_.Path() / "clients.yaml";
};

TEST_F(EditedFileTest, ANewFileIsForItsOwnerOnly) {
  auto file = EditedFile::Open(path_, RealFileCalls());
  ASSERT_TRUE(file.has_value()) << file.error().message;
  EXPECT_FALSE(file->Exists());
  ASSERT_TRUE(file->Replace("new").has_value());
  EXPECT_EQ(Content(), "new");
  EXPECT_EQ(Status().st_mode & 07777, 0600U);
  EXPECT_EQ(Files(), 1U);
}

TEST_F(EditedFileTest, AReplacementIsAnotherFileWithTheSameModeAndOwner) {
  Write("old", 0640);
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown(path_.c_str(), 65534, 65534), 0);
  }
  const struct stat before = Status();
  auto file = EditedFile::Open(path_, RealFileCalls());
  ASSERT_TRUE(file.has_value());
  EXPECT_TRUE(file->Exists());
  ASSERT_TRUE(file->Replace(std::string(1'000'000, 'x')).has_value());
  EXPECT_EQ(Content(), std::string(1'000'000, 'x'));
  const struct stat after = Status();
  EXPECT_NE(after.st_ino, before.st_ino) << "a reader of the old one isn't disturbed";
  EXPECT_EQ(after.st_mode, before.st_mode);
  EXPECT_EQ(after.st_uid, before.st_uid);
  EXPECT_EQ(after.st_gid, before.st_gid);
  EXPECT_EQ(Files(), 1U);
}

TEST_F(EditedFileTest, ASymbolicLinkStaysAndItsTargetIsReplaced) {
  Write("old");
  const std::filesystem::path links = folder_.Path() / "links";
  std::filesystem::create_directory(links);
  std::filesystem::create_symlink("../clients.yaml", links / "clients.yaml");
  auto file = EditedFile::Open(links / "clients.yaml", RealFileCalls());
  ASSERT_TRUE(file.has_value());
  ASSERT_TRUE(file->Replace("new").has_value());
  EXPECT_TRUE(std::filesystem::is_symlink(links / "clients.yaml"));
  EXPECT_EQ(Content(), "new");
}

TEST_F(EditedFileTest, WhatIsNoFileIsRefused) {
  const auto fault_of = [](const std::string& path) {
    return EditedFile::Open(path, RealFileCalls()).error().message;
  };
  EXPECT_EQ(fault_of(folder_.Path()), "is not a regular file");
  EXPECT_EQ(fault_of(folder_.Path() / "no" / "clients.yaml"),
            "can't be edited, as its folder can't be opened: No such file or directory");
  std::filesystem::create_symlink("nowhere", path_);
  EXPECT_EQ(fault_of(path_), "is a symbolic link that leads nowhere: No such file or directory");
}

TEST_F(EditedFileTest, AFolderWithoutWritePermissionIsNamed) {
  Write("old");
  std::filesystem::permissions(folder_.Path(), std::filesystem::perms(0555));
  ASSERT_EQ(::chmod(path_.c_str(), 0644), 0);
  {
    const support::WithoutRoot user;
    auto file = EditedFile::Open(path_, RealFileCalls());
    ASSERT_TRUE(file.has_value()) << file.error().message;
    EXPECT_EQ(file->Replace("new").error().message,
              "can't be edited, as a file next to it can't be created: Permission denied");
  }
  std::filesystem::permissions(folder_.Path(), std::filesystem::perms(0755));
  EXPECT_EQ(Content(), "old");
}

TEST_F(EditedFileTest, AFailureLeavesTheOldContentAndNoOtherFile) {
  Write("old");
  for (const Call call : {Call::kOpen, Call::kWrite, Call::kSync}) {
    FaultyFileCalls calls;
    auto file = EditedFile::Open(path_, calls);
    ASSERT_TRUE(file.has_value());
    calls.FailNth(call, 1, ENOSPC);
    EXPECT_TRUE(file->Replace("new").error().message.ends_with("No space left on device"));
    EXPECT_EQ(Content(), "old");
    EXPECT_EQ(Files(), 1U);
  }
}

TEST_F(EditedFileTest, AnUnsyncedFolderIsReported) {
  Write("old");
  FaultyFileCalls calls;
  auto file = EditedFile::Open(path_, calls);
  ASSERT_TRUE(file.has_value());
  calls.FailNth(Call::kSync, 2, EIO);
  EXPECT_TRUE(file->Replace("new").error().message.starts_with("was replaced, but may have its old content"));
  EXPECT_EQ(Content(), "new");
}

TEST_F(EditedFileTest, ShortWritesAreContinued) {
  FaultyFileCalls calls;
  calls.takes = [](size_t) { return size_t{1}; };
  auto file = EditedFile::Open(path_, calls);
  ASSERT_TRUE(file.has_value());
  ASSERT_TRUE(file->Replace("content").has_value());
  EXPECT_EQ(Content(), "content");
}

TEST_F(EditedFileTest, WhatACrashLeftIsOverwritten) {
  Write("old");
  support::WriteFile(folder_.Path() / ".clients.yaml.new", "half");
  auto file = EditedFile::Open(path_, RealFileCalls());
  ASSERT_TRUE(file.has_value());
  ASSERT_TRUE(file->Replace("new").has_value());
  EXPECT_EQ(Content(), "new");
  EXPECT_EQ(Files(), 1U);
}

TEST_F(EditedFileTest, EditorsWaitForOneAnother) {
  constexpr int kEditors = 4;
  constexpr int kEdits = 50;
  Write("");
  std::vector<std::thread> editors;
  for (int editor = 0; editor < kEditors; ++editor) {
    editors.emplace_back([this] {
      for (int edit = 0; edit < kEdits; ++edit) {
        auto file = EditedFile::Open(path_, RealFileCalls());
        ASSERT_TRUE(file.has_value());
        ASSERT_TRUE(file->Replace(Content() + "x").has_value());
      }
    });
  }
  for (std::thread& editor : editors) editor.join();
  EXPECT_EQ(Content().size(), size_t{kEditors * kEdits}) << "no edit is lost";
}

}  // namespace
}  // namespace ei::system
