// Crashes of the process, and of a machine whose disk loses unsynced data. After each crash the sink is
// opened again; then every line is complete and every reported event is stored.

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "support/random.h"
#include "unit/adapters/file_sink/sink_fixture.h"
#include "unit/system/faulty_file_calls.h"

namespace ei::file_sink {
namespace {

using Call = system::FaultyFileCalls::Call;

class FileSinkCrash : public FileSinkTest {
 protected:
  // Opens the sink, which repairs the files, and returns the ids in them, in order.
  std::vector<uint64_t> IdsAfterReopening() {
    EXPECT_TRUE(Open());
    std::vector<uint64_t> ids;
    for (const std::string& line : Lines()) {
      const auto event = nlohmann::json::parse(line, nullptr, false);
      EXPECT_TRUE(event.is_object()) << line;
      if (event.is_object()) ids.push_back(event["id"].get<uint64_t>());
    }
    return ids;
  }
};

std::string EventWithId(uint64_t id, size_t padding) {
  return "{\"id\":" + std::to_string(id) + ",\"padding\":\"" + std::string(padding, 'x') + "\"}";
}

// The child stores events as fast as it can, on two lanes, and writes the id of each reported event to the
// pipe.
constexpr uint64_t kLaneStep = 1ULL << 32;

class TellingListener final : public DeliveryListener {
 public:
  explicit TellingListener(int pipe) : pipe_(pipe) {}
  void OnDelivered(const SettledEvents& delivered) override {
    const uint64_t last = delivered.positions.back();
    if (::write(pipe_, &last, sizeof last) != sizeof last) ::_exit(2);
  }
  void OnRejected(const RejectedEvent&) override { ::_exit(3); }
  void OnDeadLetter(const DeadLetterReport&) override { ::_exit(3); }

 private:
  const int pipe_;
};

[[noreturn]] void StoreUntilKilled(const std::string& folder, uint64_t seed, uint64_t first_id, int pipe) {
  RecordingLog log;
  support::VirtualClock clock;
  support::RecordingTelemetry telemetry;
  auto sink =
      FileSink::Open({.directory = folder, .segment_bytes = 300'000, .lanes = 2}, log, clock, telemetry);
  if (!sink) ::_exit(1);
  TellingListener listener(pipe);
  const auto lane = [&](size_t number) {
    SinkLane& own = (*sink)->Lane(number);
    own.Attach(listener, nullptr);
    support::Random random(seed + number);
    for (uint64_t id = first_id + number * kLaneStep;;) {
      for (uint64_t count = random.Between(1, 200); count > 0; --count, ++id) {
        const std::string value = EventWithId(id, random.Below(500));
        JournalEvent event;
        event.value = value;
        event.position = id;
        own.Add(event);
      }
      own.Run(base::SteadyTime::min());
    }
  };
  std::thread other(lane, 1);
  lane(0);
  std::abort();  // the lanes' loops never end
}

TEST_F(FileSinkCrash, KilledProcessLosesNothingThatItReported) {
  support::Random random(support::SeedOr(3));
  std::set<uint64_t> reported;
  uint64_t first_id = 0;
  constexpr int kRounds = support::Repeats(16);
  for (int round = 0; round < kRounds; ++round) {
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    const uint64_t seed = random.Next();
    sink_.reset();
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::close(pipe[0]);
      StoreUntilKilled(folder_.string(), seed, first_id, pipe[1]);
    }
    ::close(pipe[1]);
    const uint64_t kill_after = random.Between(1, 60);
    std::map<uint64_t, uint64_t> last;  // by lane
    uint64_t told = 0;
    for (uint64_t id = 0; ::read(pipe[0], &id, sizeof id) == sizeof id;) {
      last[id / kLaneStep] = id;
      if (++told == kill_after) ::kill(child, SIGKILL);
    }
    ::close(pipe[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself with " << WEXITSTATUS(status);
    for (const auto& [lane, end] : last) {
      for (uint64_t id = first_id + lane * kLaneStep; id <= end; ++id) reported.insert(id);
    }

    const auto ids = IdsAfterReopening();
    const std::set<uint64_t> stored(ids.begin(), ids.end());
    EXPECT_EQ(stored.size(), ids.size()) << "an event is stored twice";
    for (const uint64_t id : reported) ASSERT_TRUE(stored.contains(id)) << id << " in round " << round;
    first_id += 1'000'000;
  }
  EXPECT_GT(reported.size(), kRounds * 8U);
}

// The disk fails at each call in turn; then the power is cut.
TEST_F(FileSinkCrash, PowerCutAtEveryCallLosesNothingThatWasReported) {
  support::Random random(support::SeedOr(5));
  uint64_t survived_whole = 0;
  for (uint64_t dies_at = 1; survived_whole == 0; ++dies_at) {
    ASSERT_LT(dies_at, 10'000U);
    std::filesystem::remove_all(folder_);
    system::FaultyFileCalls calls;
    segment_bytes_ = 700;
    calls.takes = [&](size_t size) { return random.Between(1, size); };
    calls.fault = [&](Call, uint64_t nth) { return nth >= dies_at ? EIO : 0; };
    std::set<uint64_t> reported;
    if (Open(calls)) {
      for (uint64_t id = 0; id < 30;) {
        std::vector<std::string> values;
        for (uint64_t n = random.Between(1, 6); n > 0; --n)
          values.push_back(EventWithId(id++, random.Below(150)));
        Add(values);
        RunLater();
      }
      reported.insert(listener_.positions.begin(), listener_.positions.end());
    }
    sink_.reset();
    if (calls.Count() < dies_at) survived_whole = reported.size();
    calls.LosePower(folder_, random);

    const auto ids = IdsAfterReopening();
    EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
    const std::set<uint64_t> stored(ids.begin(), ids.end());
    EXPECT_EQ(stored.size(), ids.size());
    for (const uint64_t id : reported)
      EXPECT_TRUE(stored.contains(id)) << id << ", disk dead at call " << dies_at;
    EXPECT_TRUE(Delivered({EventWithId(1000, 10)}));
    EXPECT_EQ(IdsAfterReopening().back(), 1000U);
  }
  EXPECT_GE(survived_whole, 30U);
}

// As above, but the disk recovers, so the events are written again before the power is cut.
TEST_F(FileSinkCrash, PowerCutAfterFaultsAndRetriesLosesNothingThatWasReported) {
  support::Random random(support::SeedOr(6));
  for (int round = 0; round < 200; ++round) {
    std::filesystem::remove_all(folder_);
    system::FaultyFileCalls calls;
    segment_bytes_ = random.Between(100, 2000);
    ASSERT_TRUE(Open(calls));
    calls.takes = [&](size_t size) { return random.Between(1, size); };
    calls.fault = [&](Call call, uint64_t) { return call != Call::kTruncate && random.OneIn(10) ? EIO : 0; };
    for (uint64_t runs = 0; listener_.positions.size() < 60;) {
      ASSERT_LT(++runs, 10'000U);
      for (uint64_t n = random.Between(1, 6); n > 0 && added_ < 60; --n) {
        Add({EventWithId(added_, random.Below(150))});
      }
      RunLater();
    }
    // Power is cut while a write is in progress.
    calls.fault = [](Call call, uint64_t) { return call == Call::kWrite || call == Call::kOpen ? 0 : EIO; };
    Add({EventWithId(60, 400), EventWithId(61, 400)});
    RunOnce();
    const std::vector<uint64_t> reported = listener_.positions;
    EXPECT_EQ(reported.size(), 60U);
    sink_.reset();
    calls.LosePower(folder_, random);

    const auto ids = IdsAfterReopening();
    const std::set<uint64_t> stored(ids.begin(), ids.end());
    for (const uint64_t id : reported) EXPECT_TRUE(stored.contains(id)) << id << " in round " << round;
  }
}

}  // namespace
}  // namespace ei::file_sink
