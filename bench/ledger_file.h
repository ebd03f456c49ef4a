#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ei::bench {

// Appends the ids of accepted events to a file, one per line. Buffered; complete only after Close(). Used by
// one thread.
class LedgerFile {
 public:
  // Appends to `path`, which may exist; every id begins with `run_prefix`.
  static base::Result<LedgerFile> Open(const std::string& path, std::string_view run_prefix);

  void Add(std::uint64_t counter);
  // Fails if any id could not be written.
  base::Result<void> Close();

 private:
  struct Closer {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  std::string path_;
  std::string line_;
  std::unique_ptr<std::FILE, Closer> file_;
};

}  // namespace ei::bench
