#include "system/watched_files.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace ei::system {

WatchedFiles::WatchedFiles(const std::vector<SecretFile>& files) {
  std::ranges::copy_if(files, std::back_inserter(files_), &SecretFile::Set);
  reported_ = Read().value_or(Contents());
}

std::optional<base::Result<std::vector<std::string>>> WatchedFiles::Check() {
  auto contents = Read();
  if (!contents) {
    pending_.reset();
    if (contents.error().message == fault_) return std::nullopt;
    fault_ = contents.error().message;
    return std::unexpected(contents.error());
  }
  fault_.clear();
  if (*contents == reported_) {
    pending_.reset();
    return std::nullopt;
  }
  if (pending_ != *contents) {
    pending_ = std::move(*contents);
    return std::nullopt;
  }
  pending_.reset();
  reported_ = *contents;
  return contents;
}

base::Result<WatchedFiles::Contents> WatchedFiles::Read() const {
  Contents contents;
  for (const SecretFile& file : files_) {
    auto content = ReadSecret(file);
    if (!content) return std::unexpected(content.error());
    contents.push_back(std::move(*content));
  }
  return contents;
}

}  // namespace ei::system
