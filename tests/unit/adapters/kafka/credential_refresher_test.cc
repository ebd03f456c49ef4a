#include "adapters/kafka/credential_refresher.h"

#include <gtest/gtest.h>

#include <deque>
#include <filesystem>

#include "support/recording_log.h"
#include "support/temp_folder.h"
#include "support/virtual_clock.h"

namespace ei::kafka {
namespace {

using namespace std::chrono_literals;
using base::ErrorKind;

struct RecordingUser final : CredentialUser {
  void OnPassword(const std::string& password) override { passwords.push_back(password); }
  base::Result<void> OnToken(const AccessToken& token) override {
    tokens.push_back(token.value);
    return {};
  }
  void OnNoToken(const base::Error& error) override { no_tokens.push_back(error.kind); }
  base::Result<void> OnCertificates() override {
    ++certificates;
    return certificate_result;
  }

  std::vector<std::string> passwords;
  std::vector<std::string> tokens;
  std::vector<ErrorKind> no_tokens;
  int certificates = 0;
  base::Result<void> certificate_result;
};

class ScriptedTokens final : public TokenSource {
 public:
  base::Result<AccessToken> Fetch() override {
    ++fetches;
    if (answers.empty()) return base::Fail(ErrorKind::kUnavailable, "unreachable");
    auto answer = answers.front();
    answers.pop_front();
    return answer;
  }
  std::deque<base::Result<AccessToken>> answers;
  int fetches = 0;
};

class CredentialRefresherTest : public testing::Test {
 protected:
  std::string Path(const std::string& name) const { return (folder_.Path() / name).string(); }
  void Write(const std::string& name, const std::string& content) const {
    support::WriteFile(Path(name), content);
  }
  AccessToken Token(const std::string& value, base::Duration life) const {
    return {value, clock_.WallNow() + life, {}};
  }
  CredentialRefresher& Refresher() {
    if (!refresher_) refresher_ = std::make_unique<CredentialRefresher>(security_, clock_, log_, user_);
    return *refresher_;
  }
  void PollTimes(int count) {
    for (int i = 0; i < count; ++i) {
      Refresher().Poll();
      clock_.Advance(CredentialRefresher::kPollInterval);
    }
  }

  support::TempFolder folder_;
  support::VirtualClock clock_;
  support::RecordingLog log_;
  RecordingUser user_;
  SecurityOptions security_;
  std::unique_ptr<CredentialRefresher> refresher_;
};

TEST_F(CredentialRefresherTest, APasswordIsUsedOnceItStaysTheSame) {
  Write("p", "one\n");
  security_.protocol = "SASL_SSL";
  security_.mechanism = "PLAIN";
  security_.password_file = {Path("p"), "setting"};
  PollTimes(3);
  EXPECT_TRUE(user_.passwords.empty()) << "nothing has changed";
  Write("p", "tw");
  PollTimes(1);
  Write("p", "two\r\n");
  PollTimes(1);
  EXPECT_TRUE(user_.passwords.empty()) << "it was still being written";
  PollTimes(3);
  EXPECT_EQ(user_.passwords, std::vector<std::string>{"two"});
}

TEST_F(CredentialRefresherTest, AnUnusableFileIsLoggedOnceAndChangesNothing) {
  Write("p", "one");
  security_.protocol = "SASL_SSL";
  security_.mechanism = "PLAIN";
  security_.password_file = {Path("p"), "kafka.security.password_file"};
  PollTimes(1);
  Write("p", "\n");
  PollTimes(4);
  EXPECT_EQ(log_.Count("the new password can't be used; keeping the old one"), 1U);
  std::filesystem::remove(Path("p"));
  PollTimes(4);
  EXPECT_EQ(log_.Count("the new password can't be used; keeping the old one"), 2U) << "another fault";
  Write("p", "one");
  PollTimes(3);
  EXPECT_TRUE(user_.passwords.empty());
  Write("p", "three");
  PollTimes(2);
  EXPECT_EQ(user_.passwords, std::vector<std::string>{"three"});
}

TEST_F(CredentialRefresherTest, CertificatesChangeTogetherAndRejectedOnesAreLoggedOnce) {
  Write("c", "c1");
  Write("k", "k1");
  security_.protocol = "SSL";
  security_.certificate_file = {Path("c"), "certificate"};
  security_.key_file = {Path("k"), "key"};
  PollTimes(2);
  user_.certificate_result = base::Fail(ErrorKind::kInvalid, "they don't match");
  Write("c", "c2");
  PollTimes(4);
  EXPECT_EQ(user_.certificates, 1);
  EXPECT_EQ(log_.Count("the new certificates can't be used; keeping the old ones"), 1U);
  user_.certificate_result = {};
  Write("k", "k2");
  PollTimes(3);
  EXPECT_EQ(user_.certificates, 2);
}

TEST_F(CredentialRefresherTest, ATokenIsRenewedWhenMostOfItsLifeIsOver) {
  const auto tokens = std::make_shared<ScriptedTokens>();
  security_.protocol = "SASL_SSL";
  security_.mechanism = "OAUTHBEARER";
  security_.tokens = tokens;
  tokens->answers = {Token("first", 100s), Token("second", 1000s)};
  PollTimes(40);
  EXPECT_EQ(user_.tokens, std::vector<std::string>{"first"}) << "80 s have not passed";
  PollTimes(1);
  EXPECT_EQ(user_.tokens, (std::vector<std::string>{"first", "second"}));
}

TEST_F(CredentialRefresherTest, ATokensWarningIsLoggedOnce) {
  const auto tokens = std::make_shared<ScriptedTokens>();
  security_.protocol = "SASL_SSL";
  security_.mechanism = "OAUTHBEARER";
  security_.tokens = tokens;
  for (const char* value : {"first", "second", "third"}) {
    AccessToken token = Token(value, 2s);
    token.warning = "odd";
    tokens->answers.emplace_back(token);
  }
  PollTimes(5);
  EXPECT_EQ(user_.tokens.size(), 3U);
  EXPECT_EQ(log_.Count("warning about the token for the brokers"), 1U);
}

TEST_F(CredentialRefresherTest, AFailingTokenSourceIsAskedLessAndLessOftenAndLoggedOnce) {
  const auto tokens = std::make_shared<ScriptedTokens>();
  security_.protocol = "SASL_SSL";
  security_.mechanism = "OAUTHBEARER";
  security_.tokens = tokens;
  PollTimes(150);  // 5 minutes
  EXPECT_GE(tokens->fetches, 12);
  EXPECT_LE(tokens->fetches, 16);
  EXPECT_EQ(user_.no_tokens.size(), static_cast<size_t>(tokens->fetches));
  EXPECT_EQ(log_.Count("no token for the brokers; retrying"), 1U);
  tokens->answers = {Token("late", 100s)};
  PollTimes(16);
  EXPECT_EQ(user_.tokens, std::vector<std::string>{"late"});
}

TEST_F(CredentialRefresherTest, AChangedTokenFileIsReadAtOnce) {
  Write("t", "one");
  const auto tokens = std::make_shared<ScriptedTokens>();
  security_.protocol = "SASL_SSL";
  security_.mechanism = "OAUTHBEARER";
  security_.tokens = tokens;
  security_.token_files = {{Path("t"), "setting"}};
  tokens->answers = {Token("first", 3600s), Token("second", 3600s)};
  PollTimes(5);
  Write("t", "two");
  PollTimes(2);
  EXPECT_EQ(user_.tokens, (std::vector<std::string>{"first", "second"}));
}

TEST_F(CredentialRefresherTest, ItsThreadEndsWithIt) {
  support::RealClock clock;
  CredentialRefresher refresher(security_, clock, log_, user_);
  refresher.Start();
}

}  // namespace
}  // namespace ei::kafka
