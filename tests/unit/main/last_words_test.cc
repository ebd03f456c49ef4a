#include "main/last_words.h"

#include <gtest/gtest.h>

#include <csignal>
#include <exception>
#include <new>
#include <stdexcept>
#include <thread>

#include "main/settings_commands.h"

namespace ei::service {
namespace {

TEST(LastWordsDeathTest, MemoryThatCannotBeHadEndsTheProcessWithItsOwnStatus) {
  EXPECT_EXIT(
      {
        InstallLastWords();
        std::get_new_handler()();
      },
      testing::ExitedWithCode(kExitMemory), "event-ingestor: out of memory: .*QUEUE_BYTES_MAX");
}

TEST(LastWordsDeathTest, AnExceptionThatNobodyCatchesIsNamed) {
  EXPECT_EXIT(
      {
        InstallLastWords();
        std::thread([] { throw std::runtime_error("no such luck"); }).join();
      },
      testing::KilledBySignal(SIGABRT), "nobody catches: no such luck\n");
}

}  // namespace
}  // namespace ei::service
