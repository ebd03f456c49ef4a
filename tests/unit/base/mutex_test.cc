#include "base/mutex.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace ei::base {
namespace {

struct Counter {
  Mutex mutex;
  CondVar changed;
  int value GUARDED_BY(mutex) = 0;
};

TEST(Mutex, WaitReleasesTheLockAndTakesItAgain) {
  Counter counter;
  std::thread other([&] {
    MutexLock lock(counter.mutex);
    counter.value = 1;
    counter.changed.NotifyOne();
    while (counter.value != 2) counter.changed.Wait(counter.mutex);
    counter.value = 3;
    counter.changed.NotifyAll();
  });
  {
    MutexLock lock(counter.mutex);
    while (counter.value != 1) counter.changed.Wait(counter.mutex);
    counter.value = 2;
    counter.changed.NotifyOne();
    while (counter.value != 3) counter.changed.Wait(counter.mutex);
    EXPECT_EQ(counter.value, 3);
  }
  other.join();
}

TEST(Mutex, WaitUntilReturnsAtItsDeadlineWithoutANotification) {
  Counter counter;
  const SteadyTime deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(5);
  MutexLock lock(counter.mutex);
  while (std::chrono::steady_clock::now() < deadline) counter.changed.WaitUntil(counter.mutex, deadline);
  EXPECT_GE(std::chrono::steady_clock::now(), deadline);
}

TEST(Mutex, ExcludesOtherThreads) {
  Counter counter;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 10'000; ++round) {
        MutexLock lock(counter.mutex);
        ++counter.value;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  MutexLock lock(counter.mutex);
  EXPECT_EQ(counter.value, 40'000);
}

}  // namespace
}  // namespace ei::base
