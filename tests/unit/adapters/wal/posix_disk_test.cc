// The parts of PosixDirectory that the contract of disks (tests/contract) does not cover.

#include "adapters/wal/posix_disk.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "support/temp_folder.h"

namespace ei::wal {
namespace {

using base::ErrorKind;
using support::ReadFile;
using support::WithoutRoot;
using support::WriteFile;

// The errno of an operation that failed, or 0.
template <typename T>
int ErrorOf(const DiskResult<T>& result) {
  return result ? 0 : result.error();
}

mode_t ModeOf(const std::filesystem::path& path) {
  struct stat status = {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0);
  return status.st_mode & 07777;
}

class PosixDiskTest : public testing::Test {
 protected:
  PosixDiskTest() : umask_(::umask(022)) {}
  ~PosixDiskTest() override { ::umask(umask_); }

  PosixDirectory& Disk() {
    if (disk_ == nullptr) disk_ = std::move(PosixDirectory::OpenForWriting(path_.string()).value());
    return *disk_;
  }
  PosixDirectory& ReadOnlyDisk() {
    std::filesystem::create_directories(path_);
    if (disk_ == nullptr) disk_ = std::move(PosixDirectory::OpenReadOnly(path_.string()).value());
    return *disk_;
  }
  std::vector<std::string> Names() {
    auto names = Disk().List().value();
    std::sort(names.begin(), names.end());
    return names;
  }

  const mode_t umask_;
  support::TempFolder folder_;
  std::filesystem::path path_ = folder_.Path() / "wal";
  std::unique_ptr<PosixDirectory> disk_;
};

TEST_F(PosixDiskTest, FolderIsLockedAndNamedByItsSetting) {
  Disk();
  const auto second = PosixDirectory::OpenForWriting(path_.string());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, base::ErrorKind::kUnavailable);
  EXPECT_EQ(
      second.error().message,
      "wal.dir (WAL_DIR) " + path_.string() +
          ": another process writes there, perhaps a running service (it holds LOCK); give each process its own folder");
}

TEST_F(PosixDiskTest, FoldersAndFilesAreMadeForThisUserAndItsGroup) {
  path_ = folder_.Path() / "a" / "b" / "";
  EXPECT_TRUE(Disk().Create("1"));
  EXPECT_EQ(ModeOf(path_ / "1"), 0640U);
  EXPECT_EQ(ModeOf(folder_.Path() / "a"), 0750U);
  EXPECT_EQ(ModeOf(path_), 0750U);
}

TEST_F(PosixDiskTest, RelativePathStaysValidWhenTheWorkingFolderChanges) {
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder_.Path());
  path_ = "x/y";
  Disk();
  std::filesystem::current_path(before);
  EXPECT_TRUE(Disk().Create("1"));
  EXPECT_EQ(Names(), std::vector<std::string>({"1"}));
  EXPECT_TRUE(std::filesystem::exists(folder_.Path() / "x" / "y" / "1"));
}

TEST_F(PosixDiskTest, ExistingNameIsNotCreatedAgain) {
  Disk();
  WriteFile(path_ / "file", "old");
  std::filesystem::create_directory(path_ / "folder");
  std::filesystem::create_symlink(folder_.Path() / "elsewhere", path_ / "link");
  for (const char* name : {"file", "folder", "link"}) EXPECT_EQ(ErrorOf(Disk().Create(name)), EEXIST) << name;
  EXPECT_EQ(ReadFile(path_ / "file"), "old");
  EXPECT_FALSE(std::filesystem::exists(folder_.Path() / "elsewhere"));
}

TEST_F(PosixDiskTest, OnlyRegularFilesAreOpenedAndNothingHangs) {
  Disk();
  WriteFile(folder_.Path() / "target", "");
  std::filesystem::create_symlink(folder_.Path() / "target", path_ / "link");
  std::filesystem::create_directory(path_ / "folder");
  ASSERT_EQ(::mkfifo((path_ / "pipe").c_str(), 0600), 0);
  const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
  const std::string name = (path_ / "socket").string();
  ASSERT_LT(name.size(), sizeof address.sun_path);
  name.copy(address.sun_path, name.size());
  ASSERT_EQ(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  for (const bool read_only : {false, true}) {
    disk_.reset();
    PosixDirectory& disk = read_only ? ReadOnlyDisk() : Disk();
    for (const char* other : {"link", "folder", "pipe", "socket"}) {
      EXPECT_EQ(ErrorOf(disk.Open(other)), EINVAL) << other << ' ' << read_only;
    }
  }
  ::close(socket);
}

TEST_F(PosixDiskTest, FolderUnderANameIsNeitherRemovedNorReplaced) {
  Disk();
  WriteFile(path_ / "1", "one");
  std::filesystem::create_directory(path_ / "folder");
  EXPECT_EQ(ErrorOf(Disk().Remove("folder")), EISDIR);
  EXPECT_EQ(ErrorOf(Disk().Rename("1", "folder")), EISDIR);
  EXPECT_EQ(Names(), std::vector<std::string>({"1", "folder"}));
}

TEST_F(PosixDiskTest, UnreadableFileIsReported) {
  Disk();
  WriteFile(path_ / "1", "one");
  std::filesystem::permissions(path_ / "1", std::filesystem::perms(0));
  std::filesystem::permissions(folder_.Path(), std::filesystem::perms(0755));
  std::filesystem::permissions(path_, std::filesystem::perms(0777));
  const WithoutRoot without_root;
  EXPECT_EQ(ErrorOf(Disk().Open("1")), EACCES);
}

TEST_F(PosixDiskTest, FileAtItsLimitTakesAPartAndThenNothing) {
  const auto file = Disk().Create("1").value();
  rlimit before = {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, SIG_IGN);
  const rlimit tight = {.rlim_cur = 4096, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  const auto part = file->Write(4000, std::string(200, 'x'));
  const auto none = file->Write(4096, std::string(200, 'x'));
  ::setrlimit(RLIMIT_FSIZE, &before);
  ::signal(SIGXFSZ, SIG_DFL);
  EXPECT_EQ(part.value(), 96U);
  EXPECT_EQ(ErrorOf(none), EFBIG);
  EXPECT_EQ(file->Size().value(), 4096U);
}

TEST_F(PosixDiskTest, ListNamesAllButTheLockHoweverOftenItIsAsked) {
  EXPECT_EQ(Names(), std::vector<std::string>());
  for (const char* name : {"1", "2", ".hidden"}) EXPECT_TRUE(Disk().Create(name));
  std::filesystem::create_directory(path_ / "folder");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Names(), std::vector<std::string>({".hidden", "1", "2", "folder"}));
  }
  EXPECT_TRUE(Disk().Remove("1"));
  EXPECT_EQ(Names(), std::vector<std::string>({".hidden", "2", "folder"}));
}

TEST_F(PosixDiskTest, ReadOnlyFolderIsReadConcurrentlyWithItsWriterAndNeverChanged) {
  const auto writer = PosixDirectory::OpenForWriting(path_.string()).value();
  WriteFile(path_ / "1", "one");
  PosixDirectory& disk = ReadOnlyDisk();
  const auto file = disk.Open("1").value();
  std::string bytes(3, '#');
  EXPECT_EQ(file->Read(0, bytes).value(), 3U);
  EXPECT_EQ(bytes, "one");
  EXPECT_EQ(file->Size().value(), 3U);
  EXPECT_EQ(ErrorOf(file->Write(0, bytes)), EROFS);
  EXPECT_EQ(ErrorOf(file->Sync()), EROFS);
  EXPECT_EQ(ErrorOf(disk.Create("2")), EROFS);
  EXPECT_EQ(ErrorOf(disk.Rename("1", "2")), EROFS);
  EXPECT_EQ(ErrorOf(disk.Remove("1")), EROFS);
  EXPECT_EQ(ErrorOf(disk.Sync()), EROFS);
  EXPECT_EQ(Names(), std::vector<std::string>({"1"}));
  EXPECT_EQ(ReadFile(path_ / "1"), "one");
}

TEST_F(PosixDiskTest, MissingFolderIsNotMadeForReading) {
  const auto opened = PosixDirectory::OpenReadOnly(path_.string());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, ErrorKind::kStorage);
  EXPECT_EQ(opened.error().message,
            "wal.dir (WAL_DIR) " + path_.string() + ": can't open the folder: No such file or directory");
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(PosixDiskTest, FilesOfARestartedProcessAreUnchanged) {
  EXPECT_EQ(Disk().Create("1").value()->Write(0, std::string("one")).value(), 3U);
  disk_.reset();
  EXPECT_EQ(Names(), std::vector<std::string>({"1"}));
  EXPECT_EQ(Disk().Open("1").value()->Size().value(), 3U);
}

}  // namespace
}  // namespace ei::wal
