#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "journal/journal.h"
#include "support/forwarding_journal.h"
#include "support/random.h"

namespace ei::simulation {

// The lanes' notes of sent batches, over all runs on one disk, and the notes that a start must find.
class WalNotesBook {
 public:
  struct Batch {
    std::vector<uint64_t> positions;
    std::string stamp;
  };
  struct Note {
    bool sent = false;  // false: settled
    Batch batch;
  };

  std::string NewStamp() { return "s" + std::to_string(++stamps_); }
  void NoteSent(size_t lane, const Batch& batch) { all_[batch.stamp] = {lane, lanes_, batch.positions}; }
  void NoteSettled(std::span<const uint64_t> positions) {
    settled_.insert(positions.begin(), positions.end());
  }

  // The notes were written to the lane's file, or only perhaps, if the process died meanwhile.
  void Flushed(size_t lane, const std::vector<Note>& notes, bool died) {
    std::vector<Batch>& batches = batches_[lane];
    if (died) return batches.clear();
    for (const auto& [sent, batch] : notes) {
      if (!sent) {
        flushed_.insert(batch.positions.begin(), batch.positions.end());
        continue;
      }
      std::erase_if(batches, [&batch](const Batch& before) {
        std::vector<uint64_t> common;
        std::ranges::set_intersection(before.positions, batch.positions, std::back_inserter(common));
        return !common.empty();
      });
      if (!batch.stamp.empty()) batches.push_back(batch);
    }
  }

  // Power was lost, a disk failed or files were changed: any note may be missing.
  void ForgetNotes() {
    batches_.clear();
    flushed_.clear();
  }
  // From now on positions may be given to other events.
  void ForgetPositions() {
    ForgetNotes();
    settled_.clear();
  }
  // A start with `lanes` lanes begins.
  void UseLanes(size_t lanes) {
    if (std::exchange(lanes_, lanes) != lanes) batches_.clear();
  }

  // Checks the batches that a start gives to a lane. Returns how many had to be among them.
  uint64_t CheckGiven(size_t lane, const std::vector<SentBatch>& given) {
    std::set<std::string> stamps;
    for (const SentBatch& batch : given) {
      CheckTrue(lane, batch);
      EXPECT_TRUE(stamps.insert(batch.stamp).second) << "given twice: " << batch.stamp;
    }
    uint64_t known = 0;
    std::vector<Batch>& batches = batches_[lane];
    for (const Batch& batch : batches) {
      if (std::ranges::all_of(batch.positions, [this](uint64_t each) { return settled_.contains(each); })) {
        continue;
      }
      ++known;
      EXPECT_TRUE(stamps.contains(batch.stamp)) << "noted, but not given: " << batch.stamp;
    }
    std::erase_if(batches, [&stamps](const Batch& batch) { return !stamps.contains(batch.stamp); });
    return known;
  }

  bool IsFlushedAsSettled(uint64_t position) const { return flushed_.contains(position); }
  const std::set<uint64_t>& FlushedAsSettled() const { return flushed_; }

 private:
  struct Noted {
    size_t lane = 0;
    size_t lanes = 0;
    std::vector<uint64_t> positions;
  };

  void CheckTrue(size_t lane, const SentBatch& batch) const {
    const auto noted = all_.find(batch.stamp);
    ASSERT_NE(noted, all_.end()) << "a batch that was never noted: " << batch.stamp;
    ASSERT_EQ(batch.positions, noted->second.positions) << batch.stamp;
    ASSERT_EQ(lane, noted->second.lane) << batch.stamp;
    ASSERT_EQ(lanes_, noted->second.lanes) << batch.stamp;
    const auto flushed = std::ranges::count_if(
        batch.positions, [this](uint64_t position) { return flushed_.contains(position); });
    ASSERT_LT(flushed, std::ssize(batch.positions))
        << "all of its events are noted as settled: " << batch.stamp;
    ASSERT_TRUE(flushed == 0 || batch.broken) << batch.stamp;
  }

  std::map<std::string, Noted> all_;              // by stamp
  std::map<size_t, std::vector<Batch>> batches_;  // by lane: certainly noted, not certainly settled
  std::set<uint64_t> flushed_;                    // certainly noted as settled
  std::set<uint64_t> settled_;                    // settled in a journal, and so perhaps in a checkpoint
  size_t lanes_ = 0;
  uint64_t stamps_ = 0;
};

// A journal whose lanes note random batches of their taken, unsettled events.
class NotedJournal final : public support::ForwardingJournal {
 public:
  // `died` returns whether the process is dead. The references must outlive this object.
  NotedJournal(ei::Journal& journal, size_t lanes, WalNotesBook& book, std::function<bool()> died,
               uint64_t seed)
      : ForwardingJournal(journal), book_(book), died_(std::move(died)), random_(seed) {
    for (size_t lane = 0; lane < lanes; ++lane) {
      lanes_.push_back(std::make_unique<Lane>(*this, lane, *journal.Sent(lane)));
      known_ += book_.CheckGiven(lane, lanes_.back()->TakeUnsettled());
    }
  }

  // Batches that a previous process noted and that this one found.
  uint64_t Known() const { return known_; }

  void NoteSome() {
    Lane& lane = *lanes_[random_.Below(lanes_.size())];
    if (random_.OneIn(3)) return lane.Flush();
    lane.SendSome();
  }

  size_t Take(size_t lane, std::span<JournalEvent> out) override {
    const size_t count = Inner().Take(lane, out);
    for (const JournalEvent& event : out.first(count)) {
      EXPECT_FALSE(book_.IsFlushedAsSettled(event.position))
          << "noted as settled, but delivered again: " << event.position;
      lanes_[lane]->waiting.insert(event.position);
    }
    return count;
  }
  SentLog* Sent(size_t lane) override { return lanes_[lane].get(); }

 private:
  class Lane final : public SentLog {
   public:
    Lane(NotedJournal& owner, size_t number, SentLog& log) : owner_(owner), number_(number), log_(log) {}

    std::vector<SentBatch> TakeUnsettled() override { return log_.TakeUnsettled(); }
    void NoteSent(std::span<const uint64_t> positions, std::string_view stamp) override {
      WalNotesBook::Batch batch{{positions.begin(), positions.end()}, std::string(stamp)};
      if (!stamp.empty()) owner_.book_.NoteSent(number_, batch);
      notes_.push_back({true, std::move(batch)});
      log_.NoteSent(positions, stamp);
    }
    void NoteSettled(std::span<const uint64_t> positions) override {
      for (const uint64_t position : positions) waiting.erase(position);
      owner_.book_.NoteSettled(positions);
      notes_.push_back({false, {{positions.begin(), positions.end()}, {}}});
      log_.NoteSettled(positions);
    }
    void Flush() override {
      const bool lives = !owner_.died_();
      log_.Flush();
      if (lives) owner_.book_.Flushed(number_, notes_, owner_.died_());
      notes_.clear();
    }

    void SendSome() {
      std::vector<uint64_t> positions;
      const uint64_t most = owner_.random_.Between(1, 8);
      for (const uint64_t position : waiting) {
        if (positions.size() < most && !owner_.random_.OneIn(3)) positions.push_back(position);
      }
      if (positions.empty()) return;
      NoteSent(positions, owner_.random_.OneIn(8) ? std::string() : owner_.book_.NewStamp());
    }

    std::set<uint64_t> waiting;  // taken and not settled

   private:
    NotedJournal& owner_;
    const size_t number_;
    SentLog& log_;
    std::vector<WalNotesBook::Note> notes_;  // since the last Flush
  };

  WalNotesBook& book_;
  std::function<bool()> died_;
  support::Random random_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  uint64_t known_ = 0;
};

}  // namespace ei::simulation
