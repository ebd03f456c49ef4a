// Part of each instrumented test program. With MUTANT=-1 it writes a line for each test to the file
// MUTATE_REACH: its name, its time in ms, and the mutants that it reached.
#include <gtest/gtest.h>

#include <fstream>

#include "mutate.h"

namespace mutate {
namespace {

class Listener : public ::testing::EmptyTestEventListener {
 public:
  explicit Listener(const char* path) : out_(path) {}

  void OnTestStart(const ::testing::TestInfo&) override {
    for (auto& each : reached) each.store(false, std::memory_order_relaxed);
  }

  // The fixtures of a suite may reach mutants before its first test; those count as not reached.
  void OnTestEnd(const ::testing::TestInfo& test) override {
    out_ << test.test_suite_name() << '.' << test.name() << ' ' << test.result()->elapsed_time() << ' '
         << test.result()->Passed();
    for (int id = 0; id < kIdsMax; ++id) {
      if (reached[id].load(std::memory_order_relaxed)) out_ << ' ' << id;
    }
    out_ << '\n';
    out_.flush();
  }

 private:
  std::ofstream out_;
};

const bool listens = [] {
  const char* const path = std::getenv("MUTATE_REACH");
  if (path != nullptr) ::testing::UnitTest::GetInstance()->listeners().Append(new Listener(path));
  return true;
}();

}  // namespace
}  // namespace mutate
