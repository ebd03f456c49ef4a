#include "commands/fatal_handlers.h"

#include <gtest/gtest.h>

#include <csignal>
#include <exception>
#include <new>
#include <stdexcept>
#include <thread>

#include "commands/settings_commands.h"

namespace ei::service {
namespace {

TEST(FatalHandlersDeathTest, MemoryThatCannotBeHadEndsTheProcessWithItsOwnStatus) {
  EXPECT_EXIT(
      {
        InstallFatalHandlers();
        std::get_new_handler()();
      },
      testing::ExitedWithCode(kExitMemory), "event-ingestor: out of memory: .*QUEUE_BYTES_MAX");
}

TEST(FatalHandlersDeathTest, AnExceptionThatNobodyCatchesIsNamed) {
  EXPECT_EXIT(
      {
        InstallFatalHandlers();
        std::thread([] { throw std::runtime_error("no such luck"); }).join();
      },
      testing::KilledBySignal(SIGABRT), "uncaught exception: no such luck\n");
}

}  // namespace
}  // namespace ei::service
