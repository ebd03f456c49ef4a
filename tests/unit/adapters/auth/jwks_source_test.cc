#include "adapters/auth/jwks_source.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "support/recording_log.h"
#include "support/signing_key.h"
#include "support/temp_folder.h"
#include "support/virtual_clock.h"

namespace ei::auth {
namespace {

using nlohmann::json;
using support::SigningKey;
using namespace std::chrono_literals;

std::string SetOf(const std::vector<std::string>& kids) {
  static const SigningKey key = SigningKey::P256();
  json set = {{"keys", json::array()}};
  for (const std::string& kid : kids) set["keys"].push_back(key.Jwk({{"kid", kid}}));
  return set.dump();
}

bool Has(const JwksSource& source, const std::string& kid) {
  return !source.Keys()->Find(kid, JwtAlgorithm::kEs256).empty();
}

class JwksSourceFromUrl : public testing::Test {
 protected:
  void PollAfter(base::Duration time) {
    clock_.Advance(time);
    source_.Poll();
  }
  // Polls each second for this long, with an unknown key each time.
  void Flood(base::Duration time) {
    for (base::Duration done = 0s; done < time; done += 1s) {
      source_.NoteUnknownKey();
      source_.NoteUnknownKey();
      PollAfter(1s);
    }
  }

  support::VirtualClock clock_;
  support::RecordingLog log_;
  base::Result<std::string> answer_ = SetOf({"one"});
  int fetches_ = 0;
  JwksSource source_{{.file = "",
                      .url = "https://login.example/keys",
                      .fetch =
                          [this](const std::string& url) {
                            EXPECT_EQ(url, "https://login.example/keys");
                            ++fetches_;
                            return answer_;
                          }},
                     clock_,
                     log_};
};

TEST_F(JwksSourceFromUrl, ThereAreNoKeysBeforeTheFirstFetch) {
  EXPECT_EQ(source_.Keys()->Size(), 0U);
  EXPECT_EQ(source_.LastSuccess(), std::nullopt);
  source_.Poll();
  EXPECT_TRUE(Has(source_, "one"));
  EXPECT_EQ(source_.LastSuccess(), clock_.WallNow());
  EXPECT_EQ(
      log_.Count("INFO the keys of the issuer were read from=https://login.example/keys keys=1 ignored=0"),
      1U);
}

TEST_F(JwksSourceFromUrl, TheKeysAreFetchedAgainEveryFiveMinutes) {
  source_.Poll();
  PollAfter(5min - 1ns);
  EXPECT_EQ(fetches_, 1);
  const uint64_t version = source_.Version();
  PollAfter(1ns);
  EXPECT_EQ(fetches_, 2);
  EXPECT_EQ(source_.Refreshes(), 2U);
  EXPECT_EQ(source_.Version(), version) << "they are the same";
  answer_ = SetOf({"one", "two"});
  PollAfter(5min);
  EXPECT_TRUE(Has(source_, "two"));
  EXPECT_GT(source_.Version(), version);
  EXPECT_EQ(log_.Lines().size(), 2U);
}

TEST_F(JwksSourceFromUrl, AnUnknownKeyLeadsToAFetchAtOnceButAFloodDoesNot) {
  source_.Poll();
  answer_ = SetOf({"one", "two"});
  source_.NoteUnknownKey();
  source_.Poll();
  EXPECT_EQ(fetches_, 2);
  EXPECT_TRUE(Has(source_, "two"));
  Flood(95s);
  EXPECT_EQ(fetches_, 11);
  PollAfter(5s);
  EXPECT_EQ(fetches_, 12) << "the last unknown key is not forgotten";
  PollAfter(10s);
  EXPECT_EQ(fetches_, 12);
}

TEST_F(JwksSourceFromUrl, AnOutageKeepsTheLastKeysAndIsLoggedOnce) {
  source_.Poll();
  const base::WallTime success = clock_.WallNow();
  answer_ = base::Fail(base::ErrorKind::kUnavailable, "login.example didn't answer in time");
  PollAfter(5min);
  for (int minute = 0; minute < 60; ++minute) PollAfter(1min);
  EXPECT_TRUE(Has(source_, "one"));
  EXPECT_EQ(source_.Failures(), 61U);
  EXPECT_EQ(source_.LastSuccess(), success);
  EXPECT_EQ(log_.Count("ERROR the keys of the issuer can't be read; the last ones stay in force "
                       "from=https://login.example/keys error=login.example didn't answer in time keys=1"),
            1U);
  answer_ = SetOf({"two"});
  PollAfter(1min);
  EXPECT_FALSE(Has(source_, "one"));
  EXPECT_TRUE(Has(source_, "two"));
  EXPECT_EQ(log_.Count("INFO the keys of the issuer can be read again"), 1U);
  answer_ = base::Fail(base::ErrorKind::kUnavailable, "again");
  PollAfter(5min);
  EXPECT_EQ(log_.Count("ERROR"), 2U);
}

TEST_F(JwksSourceFromUrl, FailedFetchesAreRepeatedEverLessOften) {
  answer_ = base::Fail(base::ErrorKind::kUnavailable, "unreachable");
  source_.Poll();
  std::vector<int> at;
  for (int second = 1; second <= 200; ++second) {
    const int before = fetches_;
    PollAfter(1s);
    if (fetches_ > before) at.push_back(second);
  }
  EXPECT_EQ(at, (std::vector<int>{1, 3, 7, 15, 31, 63, 123, 183}));
}

TEST_F(JwksSourceFromUrl, AFloodOfUnknownKeysDuringAnOutageCostsNoMore) {
  source_.Poll();
  answer_ = base::Fail(base::ErrorKind::kUnavailable, "unreachable");
  PollAfter(5min);
  for (int minute = 0; minute < 10; ++minute) PollAfter(1min);
  const int before = fetches_;
  Flood(100s);
  EXPECT_LE(fetches_ - before, 11);
  EXPECT_EQ(log_.Count("ERROR"), 1U);
}

TEST_F(JwksSourceFromUrl, AReplyThatIsNoKeySetIsAFailure) {
  source_.Poll();
  for (const std::string& text :
       {std::string("<html>sign in</html>"), std::string(), std::string(R"({"keys":7})"),
        SetOf({"one"}) + "x", std::string(kJwksBytesMax + 1, ' ')}) {
    answer_ = text;
    PollAfter(5min);
    EXPECT_TRUE(Has(source_, "one"));
  }
  EXPECT_EQ(source_.Failures(), 5U);
  EXPECT_EQ(source_.Refreshes(), 1U);
}

TEST_F(JwksSourceFromUrl, AnIssuerCanTakeBackAllKeys) {
  source_.Poll();
  answer_ = R"({"keys":[{"kty":"oct","k":"c2VjcmV0"}]})";
  PollAfter(5min);
  EXPECT_EQ(source_.Keys()->Size(), 0U);
  EXPECT_EQ(
      log_.Count("WARN the issuer has no key that can be used, so no token is valid "
                 "from=https://login.example/keys keys=0 ignored=1 ignored_why=key 1: its kty or crv is not "
                 "supported"),
      1U);
}

TEST_F(JwksSourceFromUrl, ALongListOfIgnoredKeysIsShortInTheLog) {
  answer_ = json{{"keys", std::vector<json>(kJwksKeysMax, json::object())}}.dump();
  source_.Poll();
  EXPECT_EQ(log_.Count("; and 95 more"), 1U);
}

// A fetch that takes until it is cancelled.
class Blocked {
 public:
  base::Result<std::string> Fetch() {
    std::unique_lock lock(mutex_);
    started_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return cancelled_; });
    return base::Fail(base::ErrorKind::kUnavailable, "cancelled");
  }
  void Cancel() {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
    changed_.notify_all();
  }
  void AwaitStart() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return started_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool started_ = false;
  bool cancelled_ = false;
};

TEST(JwksSource, AStopEndsAFetchThatIsUnderWayWithoutALogLine) {
  Blocked blocked;
  support::RealClock clock;
  support::RecordingLog log;
  auto source = std::make_unique<JwksSource>(
      JwksSource::Options{.file = "",
                          .url = "https://login.example/keys",
                          .fetch = [&](const std::string&) { return blocked.Fetch(); },
                          .cancel = [&] { blocked.Cancel(); },
                          .start_wait = 10ms},
      clock, log);
  EXPECT_TRUE(source->Start().has_value());
  blocked.AwaitStart();
  const auto start = clock.Now();
  source.reset();
  EXPECT_LT(clock.Now() - start, 1s);
  EXPECT_TRUE(log.Lines().empty());
}

TEST(JwksSource, TheStartHasTheKeysAndAnUnknownKeyWakesTheThread) {
  std::atomic<int> fetches = 0;
  support::RealClock clock;
  support::RecordingLog log;
  JwksSource source({.file = "",
                     .url = "https://login.example/keys",
                     .fetch = [&](const std::string&) -> base::Result<std::string> {
                       return SetOf(fetches++ == 0 ? std::vector<std::string>{"one"}
                                                   : std::vector<std::string>{"one", "two"});
                     }},
                    clock, log);
  ASSERT_TRUE(source.Start().has_value());
  EXPECT_TRUE(Has(source, "one"));
  const uint64_t version = source.Version();
  source.NoteUnknownKey();
  const auto until = clock.Now() + 10s;
  while (source.Version() == version && clock.Now() < until) std::this_thread::yield();
  EXPECT_TRUE(Has(source, "two"));
}

class JwksSourceFromFile : public testing::Test {
 protected:
  JwksSourceFromFile() { Write(SetOf({"one"})); }

  void Write(const std::string& text) const { support::WriteFile(path_, text); }
  void PollTimes(int count) {
    for (int i = 0; i < count; ++i) {
      clock_.Advance(JwksSource::kFilePollInterval);
      Source().Poll();
    }
  }
  JwksSource& Source() {
    if (!source_) {
      source_ = std::make_unique<JwksSource>(
          JwksSource::Options{.file = path_.string(),
                              .url = "",
                              .fetch = [this](const std::string& path) -> base::Result<std::string> {
                                ++reads_;
                                if (unreadable_ || !std::filesystem::exists(path)) {
                                  return base::Fail(base::ErrorKind::kInvalid, "can't be read");
                                }
                                return support::ReadFile(path);
                              }},
          clock_, log_);
    }
    return *source_;
  }

  support::TempFolder folder_;
  std::filesystem::path path_ = folder_.Path() / "jwks.json";
  support::VirtualClock clock_;
  support::RecordingLog log_;
  int reads_ = 0;
  bool unreadable_ = false;
  std::unique_ptr<JwksSource> source_;
};

TEST_F(JwksSourceFromFile, AChangedFileIsTakenOverAndAnUnchangedOneIsNotRead) {
  PollTimes(10);
  EXPECT_EQ(reads_, 1);
  EXPECT_TRUE(Has(Source(), "one"));
  Source().NoteUnknownKey();
  PollTimes(10);
  EXPECT_EQ(reads_, 1) << "an unknown key changes nothing";
  Write(SetOf({"two", "three"}));
  PollTimes(2);
  EXPECT_FALSE(Has(Source(), "one"));
  EXPECT_TRUE(Has(Source(), "three"));
  EXPECT_EQ(reads_, 2);
}

TEST_F(JwksSourceFromFile, ALinkThatIsSwitchedIsAChange) {
  const auto target = [this](const std::string& name, const std::string& text) {
    support::WriteFile(folder_.Path() / name, text);
    return folder_.Path() / name;
  };
  std::filesystem::remove(path_);
  std::filesystem::create_symlink(target("a", SetOf({"one"})), path_);
  PollTimes(1);
  std::filesystem::create_symlink(target("b", SetOf({"two"})), folder_.Path() / "new");
  std::filesystem::rename(folder_.Path() / "new", path_);
  PollTimes(2);
  EXPECT_TRUE(Has(Source(), "two"));
}

TEST_F(JwksSourceFromFile, ABadFileChangesNothingAndEachIsLoggedOnce) {
  PollTimes(1);
  Write("{");
  PollTimes(10);
  EXPECT_EQ(log_.Count("ERROR the keys of the issuer can't be read; the last ones stay in force"), 1U);
  EXPECT_TRUE(Has(Source(), "one"));
  Write("another fault");
  PollTimes(10);
  EXPECT_EQ(log_.Count("ERROR"), 2U);
  std::filesystem::remove(path_);
  PollTimes(10);
  EXPECT_EQ(log_.Count("ERROR"), 2U) << "as when it is being replaced";
  EXPECT_TRUE(Has(Source(), "one"));
  Write(SetOf({"two"}));
  PollTimes(2);
  EXPECT_TRUE(Has(Source(), "two"));
  EXPECT_EQ(log_.Count("can be read again"), 1U);
  EXPECT_EQ(Source().Failures(), 2U);
}

TEST_F(JwksSourceFromFile, AFileThatCantBeReadForAMomentIsReadAgain) {
  PollTimes(1);
  unreadable_ = true;
  Write(SetOf({"two"}));
  PollTimes(15);  // 3 s, with a second attempt after one
  EXPECT_TRUE(Has(Source(), "one"));
  EXPECT_EQ(Source().Failures(), 2U);
  EXPECT_EQ(log_.Count("ERROR"), 1U);
  unreadable_ = false;
  PollTimes(5);
  EXPECT_TRUE(Has(Source(), "two"));
  EXPECT_EQ(log_.Count("can be read again"), 1U);
  const int reads = reads_;
  PollTimes(400);
  EXPECT_EQ(reads_, reads) << "until it changes";
}

TEST_F(JwksSourceFromFile, TheStartFailsWithoutAFileThatCanBeUsed) {
  Write("{}");
  const auto started = Source().Start();
  ASSERT_FALSE(started.has_value());
  EXPECT_EQ(started.error().message, "the JWK Set has no list \"keys\"");
  source_.reset();
  std::filesystem::remove(path_);
  EXPECT_FALSE(Source().Start().has_value());
  EXPECT_EQ(log_.Lines(), std::vector<std::string>());
}

}  // namespace
}  // namespace ei::auth
