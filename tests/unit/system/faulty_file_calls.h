#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "support/random.h"
#include "system/file_calls.h"

namespace ei::system {

// The real calls, except where a test makes one fail, and a disk that loses unsynced data. One thread at a
// time.
class FaultyFileCalls final : public FileCalls {
 public:
  enum class Call { kOpen, kWrite, kPWrite, kTruncate, kDataSync, kSync, kStat };

  // Called before each call: returns the errno to fail with, or 0 to do the call. `nth` counts all calls
  // from 1.
  std::function<int(Call call, uint64_t nth)> fault = [](Call, uint64_t) { return 0; };
  // How many of the bytes a write writes.
  std::function<size_t(size_t)> takes = [](size_t size) { return size; };

  void FailNothing() {
    fault = [](Call, uint64_t) { return 0; };
  }

  // Makes all calls of this kind fail, and no other.
  void FailAll(Call failing, int error) {
    fault = [=](Call call, uint64_t) { return call == failing ? error : 0; };
  }

  // Makes only the nth call of this kind from now on fail.
  void FailNth(Call failing, uint64_t nth, int error) {
    const uint64_t before = Count(failing);
    fault = [=, this](Call call, uint64_t) {
      return call == failing && Count(failing) == before + nth ? error : 0;
    };
  }

  uint64_t Count() const { return count_; }
  uint64_t Count(Call call) const { return counts_.contains(call) ? counts_.at(call) : 0; }

  // Simulates a power cut, with no file open. A segment whose name was not synced is removed. Of unsynced
  // data, any number of bytes may be in the file, and any blocks of them may be NUL bytes.
  void LosePower(const std::filesystem::path& folder, support::Random& random) {
    for (const std::string& name : unsynced_names_) std::filesystem::remove(folder / name);
    for (const auto& [name, synced] : synced_) {
      const std::filesystem::path path = folder / name;
      if (!std::filesystem::exists(path)) continue;
      const uint64_t size = std::filesystem::file_size(path);
      if (size <= synced) continue;
      const uint64_t kept = synced + random.Below(size - synced + 1);
      std::filesystem::resize_file(path, kept);
      const Descriptor file(RealFileCalls(), RealFileCalls().OpenAt(AT_FDCWD, path.c_str(), O_WRONLY, 0));
      constexpr uint64_t kBlock = 64;
      for (uint64_t block = synced; block < kept; block += kBlock) {
        if (!random.OneIn(4)) continue;
        const std::string nul(std::min(kBlock, kept - block), '\0');
        RealFileCalls().PWrite(file.Get(), nul.data(), nul.size(), static_cast<off_t>(block));
      }
    }
  }

  int OpenAt(int directory, const char* name, int flags, mode_t mode) override {
    if (Fails(Call::kOpen)) return -1;
    const int fd = real_.OpenAt(directory, name, flags, mode);
    if (fd >= 0 && (flags & O_APPEND) != 0) {
      names_[fd] = name;
      if ((flags & O_CREAT) != 0) unsynced_names_.insert(name);
      synced_.try_emplace(name, Size(fd));
    }
    return fd;
  }
  int Close(int fd) override {
    names_.erase(fd);
    return real_.Close(fd);
  }
  ssize_t Write(int fd, const void* data, size_t size) override {
    if (Fails(Call::kWrite)) return -1;
    return real_.Write(fd, data, std::min(size, takes(size)));
  }
  ssize_t PWrite(int fd, const void* data, size_t size, off_t offset) override {
    return Fails(Call::kPWrite) ? -1 : real_.PWrite(fd, data, size, offset);
  }
  int FTruncate(int fd, off_t size) override {
    if (Fails(Call::kTruncate)) return -1;
    uint64_t& synced = synced_[names_[fd]];
    synced = std::min(synced, static_cast<uint64_t>(size));
    return real_.FTruncate(fd, size);
  }
  int FDataSync(int fd) override {
    if (Fails(Call::kDataSync)) return -1;
    if (names_.contains(fd)) synced_[names_[fd]] = Size(fd);
    return 0;
  }
  int FSync(int /*the folder*/) override {
    if (Fails(Call::kSync)) return -1;
    unsynced_names_.clear();
    return 0;
  }

  int LStat(const char* path, struct stat* status) override {
    return Fails(Call::kStat) ? -1 : real_.LStat(path, status);
  }

 private:
  bool Fails(Call call) {
    ++counts_[call];
    errno = fault(call, ++count_);
    return errno != 0;
  }

  static uint64_t Size(int fd) {
    struct stat status = {};
    return ::fstat(fd, &status) == 0 ? static_cast<uint64_t>(status.st_size) : 0;
  }

  FileCalls& real_ = RealFileCalls();
  uint64_t count_ = 0;
  std::map<Call, uint64_t> counts_;
  std::set<std::string> unsynced_names_;    // a power cut removes these segments
  std::map<int, std::string> names_;        // of open segments
  std::map<std::string, uint64_t> synced_;  // bytes of each segment that survive a power cut
};

}  // namespace ei::system
