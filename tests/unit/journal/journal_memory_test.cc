// How much memory a full journal of small events really uses.

#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "clients/client_shares.h"
#include "journal/memory_journal.h"
#include "support/events.h"

#if defined(EI_SANITIZED)
#include <sanitizer/allocator_interface.h>
#endif

namespace ei {
namespace {

constexpr uint64_t kBytesMax = 64 << 20;
const base::SteadyTime kNow(std::chrono::hours(1));

// The heap memory in use, including memory that the heap has mapped. Sanitizers have their own heap.
uint64_t HeapBytes() {
#if defined(EI_SANITIZED)
  return __sanitizer_get_current_allocated_bytes();
#endif
  const struct mallinfo2 info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}

class JournalMemory : public ::testing::TestWithParam<size_t> {
 protected:
  void SetUp() override {
    idle_ = HeapBytes();
    journal_ = std::make_unique<MemoryJournal>(MemoryJournal::Options{
        .events_max = 10'000'000, .bytes_max = kBytesMax, .lanes = 1, .shares = &shares_});
    journal_->OnLaneFilled([](size_t) {});
  }

  void Fill() {
    EventBatch batch;
    for (size_t i = 0; i < 100; ++i) support::AddRawEvent(batch, "e", "k", GetParam());
    while (journal_->Append(batch, kNow) == AppendResult::kAppended) events_ += batch.Size();
  }

  double Used() const {
    return static_cast<double>(HeapBytes() - std::min(HeapBytes(), idle_)) / static_cast<double>(kBytesMax);
  }

  ClientShares shares_{{}};
  uint64_t idle_ = 0;
  uint64_t events_ = 0;
  std::unique_ptr<MemoryJournal> journal_;
};

INSTANTIATE_TEST_SUITE_P(EventBytes, JournalMemory, ::testing::Values(100, 1'000));

TEST_P(JournalMemory, StaysWithinItsBoundWhileNothingIsTaken) {
  Fill();
  EXPECT_GE(events_, 55'000U);
  RecordProperty("used", std::to_string(Used()));
  EXPECT_LE(Used(), 1.3);
  EXPECT_GE(Used(), 0.7) << "the counted memory must be close to the used memory";
}

// A worker moves all events to the sink, which then holds them. The journal still counts these events, but no
// longer has memory for them.
TEST_P(JournalMemory, HoldsNothingOfWhatWasTaken) {
  Fill();
  const uint64_t full = journal_->Stats().bytes;
  {
    std::vector<JournalEvent> some(1'024);
    uint64_t taken = 0;
    while (const size_t count = journal_->Take(0, some)) taken += count;
    ASSERT_EQ(taken, events_);
  }
  RecordProperty("used", std::to_string(Used()));
  EXPECT_LE(Used(), 0.1) << "only the blocks that are kept for reuse";
  EXPECT_EQ(journal_->Stats().bytes, full);
  std::vector<uint64_t> positions(events_);
  std::iota(positions.begin(), positions.end(), 0);
  const EventRun run{kNow, 0, static_cast<uint32_t>(events_), full};
  journal_->Settle({positions, {&run, 1}});
  EXPECT_EQ(journal_->Stats().events, 0U);
  EXPECT_EQ(journal_->Stats().bytes, 0U);
}

}  // namespace
}  // namespace ei
