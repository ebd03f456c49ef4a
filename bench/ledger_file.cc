#include "bench/ledger_file.h"

#include <cerrno>
#include <cstring>

#include "bench/event_template.h"

namespace ei::bench {

base::Result<LedgerFile> LedgerFile::Open(const std::string& path, std::string_view run_prefix) {
  LedgerFile ledger;
  ledger.path_ = path;
  ledger.line_ = std::string(run_prefix) + '-' + std::string(kCounterDigits, '0') + '\n';
  ledger.file_.reset(std::fopen(path.c_str(), "a"));
  if (!ledger.file_) {
    return base::Fail(base::ErrorKind::kStorage, path + ": " + std::strerror(errno));
  }
  constexpr std::size_t kBufferBytes = std::size_t{1} << 20;
  std::setvbuf(ledger.file_.get(), nullptr, _IOFBF, kBufferBytes);
  return ledger;
}

void LedgerFile::Add(std::uint64_t counter) {
  WriteCounter(counter, line_.data() + kRunPrefixBytes + 1);
  std::fwrite(line_.data(), 1, line_.size(), file_.get());
}

base::Result<void> LedgerFile::Close() {
  const bool written = std::fflush(file_.get()) == 0 && std::ferror(file_.get()) == 0;
  file_.reset();
  if (!written) return base::Fail(base::ErrorKind::kStorage, path_ + ": the ledger could not be written");
  return {};
}

}  // namespace ei::bench
