#pragma once

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <iostream>
#include <string>

namespace ei::support {

// Runs `test` in a child process in which `folder` is a tmpfs of `bytes`; it vanishes with the process.
// Returns false if this machine doesn't allow a process to mount one.
inline bool RunOnSmallDisk(const std::filesystem::path& folder, uint64_t bytes,
                           const std::function<void()>& test) {
  constexpr int kNoMount = 77;
  const pid_t child = ::fork();
  EXPECT_GE(child, 0);
  if (child == 0) {
    std::filesystem::create_directories(folder);
    const int spaces = CLONE_NEWNS | (::geteuid() == 0 ? 0 : CLONE_NEWUSER);
    const std::string size = "size=" + std::to_string(bytes);
    const bool mounted = ::unshare(spaces) == 0 &&
                         ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                         ::mount("tmpfs", folder.c_str(), "tmpfs", 0, size.c_str()) == 0;
    if (!mounted) ::_exit(kNoMount);
    test();
    std::cout.flush();
    ::_exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == kNoMount) return false;
  EXPECT_EQ(WEXITSTATUS(status), 0);
  return true;
}

}  // namespace ei::support
