#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

namespace ei::support {

// An empty temporary folder, removed by the destructor.
class TempFolder {
 public:
  TempFolder() {
    std::string pattern = testing::TempDir() + "event_ingestor_XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    path_ = pattern;
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::filesystem::path& Path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void WriteFile(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

// Switches root to the user nobody (65534) for the lifetime of this object, as root may write anywhere. Does
// nothing for other users.
class WithoutRoot {
 public:
  WithoutRoot() {
    if (::geteuid() == 0) changed_ = ::seteuid(65534) == 0;
  }
  ~WithoutRoot() {
    if (changed_ && ::seteuid(0) != 0) std::abort();
  }
  WithoutRoot(const WithoutRoot&) = delete;
  WithoutRoot& operator=(const WithoutRoot&) = delete;

 private:
  bool changed_ = false;
};

}  // namespace ei::support
