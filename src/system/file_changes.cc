#include "system/file_changes.h"

#include <sys/stat.h>

#include <utility>

namespace ei::system {

namespace {

int64_t NanosOf(const timespec& time) { return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

}  // namespace

FileChanges::FileChanges(std::string path) : path_(std::move(path)), version_(Look()) {}

bool FileChanges::Check() { return version_.Observe(Look()) != nullptr; }

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
