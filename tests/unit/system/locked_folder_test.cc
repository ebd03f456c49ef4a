#include "system/locked_folder.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "support/temp_folder.h"
#include "unit/system/faulty_file_calls.h"

namespace ei::system {
namespace {

using base::ErrorKind;
using support::WithoutRoot;
using support::WriteFile;

// Another process that holds the folder until it is killed.
class OtherProcess {
 public:
  explicit OtherProcess(const std::filesystem::path& folder) {
    std::array<int, 2> pipe = {};
    if (::pipe(pipe.data()) != 0) std::abort();
    child_ = ::fork();
    if (child_ == 0) {
      const auto opened = LockedFolder::Open(folder.string(), "LOCK", "a setting", RealFileCalls());
      const char holds = opened ? 'y' : 'n';
      if (::write(pipe[1], &holds, 1) != 1) ::_exit(1);
      for (;;) ::pause();
    }
    char holds = 'n';
    EXPECT_EQ(::read(pipe[0], &holds, 1), 1);
    EXPECT_EQ(holds, 'y');
    ::close(pipe[0]);
    ::close(pipe[1]);
  }
  ~OtherProcess() { Kill(); }
  OtherProcess(const OtherProcess&) = delete;
  OtherProcess& operator=(const OtherProcess&) = delete;

  void Kill() {
    if (child_ <= 0) return;
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
    child_ = 0;
  }

 private:
  pid_t child_ = 0;
};

class LockedFolderTest : public testing::Test {
 protected:
  base::Result<LockedFolder> Open() {
    return LockedFolder::Open(path_.string(), "LOCK", "a setting", calls_);
  }
  base::Error OpenError() {
    auto opened = Open();
    EXPECT_FALSE(opened);
    return opened ? base::Error{} : opened.error();
  }

  support::TempFolder folder_;
  std::filesystem::path path_ = folder_.Path() / "log";
  FaultyFileCalls calls_;
};

TEST_F(LockedFolderTest, FolderThatCannotBeCreatedIsAnError) {
  std::filesystem::permissions(folder_.Path(), std::filesystem::perms(0555));
  const WithoutRoot without_root;
  const auto error = OpenError();
  EXPECT_EQ(error.kind, ErrorKind::kStorage);
  EXPECT_EQ(error.message,
            "a setting " + path_.string() +
                ": can't create the folder: Permission denied; use a path that can be created");
}

TEST_F(LockedFolderTest, UnwritableFolderIsAnError) {
  std::filesystem::create_directory(path_);
  std::filesystem::permissions(path_, std::filesystem::perms(0555));
  std::filesystem::permissions(folder_.Path(), std::filesystem::perms(0755));
  const WithoutRoot without_root;
  const auto error = OpenError();
  EXPECT_EQ(error.kind, ErrorKind::kStorage);
  EXPECT_EQ(error.message,
            "a setting " + path_.string() +
                ": the folder is not writable: Permission denied; give this user write permission");
}

TEST_F(LockedFolderTest, PathThatIsAFileOrLeadsThroughOneIsAnError) {
  WriteFile(path_, "");
  EXPECT_EQ(OpenError().kind, ErrorKind::kStorage);
  EXPECT_TRUE(OpenError().message.contains("can't create the folder: Not a directory"))
      << OpenError().message;
  path_ /= "below";
  EXPECT_TRUE(OpenError().message.contains("can't create the folder: Not a directory"))
      << OpenError().message;
}

TEST_F(LockedFolderTest, EmptyPathIsAnError) {
  path_ = "";
  EXPECT_TRUE(OpenError().message.contains("is empty; set it to a folder")) << OpenError().message;
}

TEST_F(LockedFolderTest, LockThatIsNoPlainFileIsAnError) {
  std::filesystem::create_directory(path_);
  std::filesystem::create_symlink(folder_.Path() / "elsewhere", path_ / "LOCK");
  const auto error = OpenError();
  EXPECT_EQ(error.kind, ErrorKind::kStorage);
  EXPECT_TRUE(error.message.contains("can't open LOCK for writing")) << error.message;
  EXPECT_FALSE(std::filesystem::exists(folder_.Path() / "elsewhere"));
}

TEST_F(LockedFolderTest, SecondOpenerIsRejectedUntilTheFirstIsGone) {
  auto first = Open();
  ASSERT_TRUE(first);
  EXPECT_EQ(OpenError().kind, ErrorKind::kUnavailable);
  first = base::Fail(ErrorKind::kStorage, "closed");
  EXPECT_TRUE(Open());
}

TEST_F(LockedFolderTest, FolderOfAnotherProcessIsRejectedUntilThatHasDied) {
  OtherProcess other(path_);
  const auto error = OpenError();
  EXPECT_EQ(error.kind, ErrorKind::kUnavailable);
  EXPECT_EQ(
      error.message,
      "a setting " + path_.string() +
          ": another process writes there, perhaps a running service (it holds LOCK); give each process its own folder");
  other.Kill();
  EXPECT_TRUE(Open());
}

TEST_F(LockedFolderTest, ParentsAreMadeAndSynced) {
  path_ = folder_.Path() / "a" / "b" / "c";
  ASSERT_TRUE(Open());
  EXPECT_TRUE(std::filesystem::is_directory(path_));
  EXPECT_GE(calls_.Count(FaultyFileCalls::Call::kSync), 3U);
}

TEST_F(LockedFolderTest, ParentThatCannotBeSyncedIsAnErrorOnlyIfAFolderWasMade) {
  calls_.FailAll(FaultyFileCalls::Call::kSync, EIO);
  const auto error = OpenError();
  EXPECT_EQ(error.kind, ErrorKind::kStorage);
  EXPECT_TRUE(error.message.contains("can't create the folder: Input/output error")) << error.message;
  EXPECT_TRUE(Open());
}

TEST_F(LockedFolderTest, DiskThatFailsIsAStorageError) {
  for (const int fails_with : {EIO, ENOSPC, EACCES}) {
    calls_.FailAll(FaultyFileCalls::Call::kOpen, fails_with);
    EXPECT_EQ(OpenError().kind, ErrorKind::kStorage);
  }
}

}  // namespace
}  // namespace ei::system
