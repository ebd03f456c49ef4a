#include "system/file_changes.h"

#include <sys/stat.h>

#include <utility>

namespace ei::system {

namespace {

int64_t NanosOf(const timespec& time) { return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

}  // namespace

FileChanges::FileChanges(std::string path) : path_(std::move(path)), reported_(Look()) {}

bool FileChanges::Check() {
  const std::optional<Version> now = Look();
  if (!now || now == reported_) {
    pending_.reset();
    return false;
  }
  if (now != pending_) {
    pending_ = now;
    return false;
  }
  reported_ = now;
  pending_.reset();
  return true;
}

std::optional<FileChanges::Version> FileChanges::Look() const {
  struct stat status{};
  if (::stat(path_.c_str(), &status) != 0) return std::nullopt;
  return Version{.device = status.st_dev,
                 .inode = status.st_ino,
                 .size = status.st_size,
                 .modified = NanosOf(status.st_mtim),
                 .changed = NanosOf(status.st_ctim)};
}

}  // namespace ei::system
