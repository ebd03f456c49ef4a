#include "system/watched_files.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace ei::system {

namespace {

std::vector<SecretFile> ThoseSet(const std::vector<SecretFile>& files) {
  std::vector<SecretFile> set;
  std::ranges::copy_if(files, std::back_inserter(set), &SecretFile::Set);
  return set;
}

}  // namespace

WatchedFiles::WatchedFiles(const std::vector<SecretFile>& files)
    : files_(ThoseSet(files)), contents_(Read().value_or(Contents())) {}

std::optional<base::Result<std::vector<std::string>>> WatchedFiles::Check() {
  auto contents = Read();
  if (!contents) {
    static_cast<void>(contents_.Observe(std::nullopt));
    if (contents.error().message == fault_) return std::nullopt;
    fault_ = contents.error().message;
    return std::unexpected(contents.error());
  }
  fault_.clear();
  const Contents* const changed = contents_.Observe(std::move(*contents));
  if (changed == nullptr) return std::nullopt;
  return *changed;
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
