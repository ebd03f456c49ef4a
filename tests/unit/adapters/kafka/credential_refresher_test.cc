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
    return certificate_verdict;
  }

  std::vector<std::string> passwords;
  std::vector<std::string> tokens;
  std::vector<ErrorKind> no_tokens;
  int certificates = 0;
  base::Result<void> certificate_verdict;
};

class ScriptedTokens final : public TokenSource {
 public:
  base::Result<AccessToken> Fetch() override {
    ++asked;
    if (answers.empty()) return base::Fail(ErrorKind::kUnavailable, "away");
    auto answer = answers.front();
    answers.pop_front();
    return answer;
  }
  std::deque<base::Result<AccessToken>> answers;
  int asked = 0;
};

class CredentialKeeperTest : public testing::Test {
 protected:
  std::string Path(const std::string& name) const { return (folder_.Path() / name).string(); }
  void Write(const std::string& name, const std::string& content) const {
    support::WriteFile(Path(name), content);
  }
  AccessToken Token(const std::string& value, base::Duration life) const {
    return {value, clock_.WallNow() + life, {}};
  }
  CredentialRefresher& Keeper() {
    if (!keeper_) keeper_ = std::make_unique<CredentialRefresher>(security_, clock_, log_, user_);
    return *keeper_;
  }
  void Rounds(int count) {
    for (int i = 0; i < count; ++i) {
      Keeper().Round();
      clock_.Advance(CredentialRefresher::kRound);
    }
  }

  support::TempFolder folder_;
  support::VirtualClock clock_;
  support::RecordingLog log_;
  RecordingUser user_;
  SecurityOptions security_;
  std::unique_ptr<CredentialRefresher> keeper_;
};

TEST_F(CredentialKeeperTest, APasswordIsTakenOnceItStaysTheSame) {
  Write("p", "one\n");
  security_.protocol = "SASL_SSL";
  security_.mechanism = "PLAIN";
  security_.password_file = {Path("p"), "setting"};
  Rounds(3);
  EXPECT_TRUE(user_.passwords.empty()) << "nothing has changed";
  Write("p", "tw");
  Rounds(1);
  Write("p", "two\r\n");
  Rounds(1);
  EXPECT_TRUE(user_.passwords.empty()) << "it was still being written";
  Rounds(3);
  EXPECT_EQ(user_.passwords, std::vector<std::string>{"two"});
}

TEST_F(CredentialKeeperTest, AFileThatIsOfNoUseIsToldOnceAndChangesNothing) {
  Write("p", "one");
  security_.protocol = "SASL_SSL";
  security_.mechanism = "PLAIN";
  security_.password_file = {Path("p"), "kafka.security.password_file"};
  Rounds(1);
  Write("p", "\n");
  Rounds(4);
  EXPECT_EQ(log_.Count("a new password is of no use; the old one stays"), 1U);
  std::filesystem::remove(Path("p"));
  Rounds(4);
  EXPECT_EQ(log_.Count("a new password is of no use; the old one stays"), 2U) << "another fault";
  Write("p", "one");
  Rounds(3);
  EXPECT_TRUE(user_.passwords.empty());
  Write("p", "three");
  Rounds(2);
  EXPECT_EQ(user_.passwords, std::vector<std::string>{"three"});
}

TEST_F(CredentialKeeperTest, CertificatesChangeTogetherAndRefusedOnesAreToldOnce) {
  Write("c", "c1");
  Write("k", "k1");
  security_.protocol = "SSL";
  security_.certificate_file = {Path("c"), "certificate"};
  security_.key_file = {Path("k"), "key"};
  Rounds(2);
  user_.certificate_verdict = base::Fail(ErrorKind::kInvalid, "they don't match");
  Write("c", "c2");
  Rounds(4);
  EXPECT_EQ(user_.certificates, 1);
  EXPECT_EQ(log_.Count("new certificates are of no use; the old ones stay"), 1U);
  user_.certificate_verdict = {};
  Write("k", "k2");
  Rounds(3);
  EXPECT_EQ(user_.certificates, 2);
}

TEST_F(CredentialKeeperTest, ATokenIsRenewedWhenMostOfItsLifeIsOver) {
  const auto tokens = std::make_shared<ScriptedTokens>();
  security_.protocol = "SASL_SSL";
  security_.mechanism = "OAUTHBEARER";
  security_.tokens = tokens;
  tokens->answers = {Token("first", 100s), Token("second", 1000s)};
  Rounds(40);
  EXPECT_EQ(user_.tokens, std::vector<std::string>{"first"}) << "80 s have not passed";
  Rounds(1);
  EXPECT_EQ(user_.tokens, (std::vector<std::string>{"first", "second"}));
}

TEST_F(CredentialKeeperTest, WhatIsOddAboutATokenIsToldOnce) {
  const auto tokens = std::make_shared<ScriptedTokens>();
  security_.protocol = "SASL_SSL";
  security_.mechanism = "OAUTHBEARER";
  security_.tokens = tokens;
  for (const char* value : {"first", "second", "third"}) {
    AccessToken token = Token(value, 2s);
    token.warning = "odd";
    tokens->answers.emplace_back(token);
  }
  Rounds(5);
  EXPECT_EQ(user_.tokens.size(), 3U);
  EXPECT_EQ(log_.Count("something is odd about the token for the brokers"), 1U);
}

TEST_F(CredentialKeeperTest, AFailingTokenSourceIsAskedLessAndLessOftenAndToldOnce) {
  const auto tokens = std::make_shared<ScriptedTokens>();
  security_.protocol = "SASL_SSL";
  security_.mechanism = "OAUTHBEARER";
  security_.tokens = tokens;
  Rounds(150);  // 5 minutes
  EXPECT_GE(tokens->asked, 12);
  EXPECT_LE(tokens->asked, 16);
  EXPECT_EQ(user_.no_tokens.size(), static_cast<size_t>(tokens->asked));
  EXPECT_EQ(log_.Count("no token for the brokers; trying again"), 1U);
  tokens->answers = {Token("late", 100s)};
  Rounds(16);
  EXPECT_EQ(user_.tokens, std::vector<std::string>{"late"});
}

TEST_F(CredentialKeeperTest, AChangedTokenFileIsReadAtOnce) {
  Write("t", "one");
  const auto tokens = std::make_shared<ScriptedTokens>();
  security_.protocol = "SASL_SSL";
  security_.mechanism = "OAUTHBEARER";
  security_.tokens = tokens;
  security_.token_files = {{Path("t"), "setting"}};
  tokens->answers = {Token("first", 3600s), Token("second", 3600s)};
  Rounds(5);
  Write("t", "two");
  Rounds(2);
  EXPECT_EQ(user_.tokens, (std::vector<std::string>{"first", "second"}));
}

TEST_F(CredentialKeeperTest, ItsThreadEndsWithIt) {
  support::RealClock clock;
  CredentialRefresher keeper(security_, clock, log_, user_);
  keeper.Start();
}

TEST(ReadSecret, FaultsNameTheSettingAndNeverTheContent) {
  const support::TempFolder folder;
  const auto fault = [&](const std::string& content) {
    const std::string path = (folder.Path() / "s").string();
    support::WriteFile(path, content);
    const auto read = ReadSecret({path, "kafka.security.password_file"});
    return read ? "read " + *read : read.error().message;
  };
  EXPECT_EQ(fault("secret \r\n\n"), "read secret ");
  EXPECT_NE(fault("").find("is empty"), std::string::npos);
  EXPECT_NE(fault(std::string("se\0cret", 7)).find("zero byte"), std::string::npos);
  EXPECT_EQ(fault(std::string("se\0cret", 7)).find("cret\n"), std::string::npos);
  EXPECT_NE(fault(std::string(kSecretBytesMax + 1, 'x')).find("larger than 1 MiB"), std::string::npos);
  EXPECT_EQ(fault(std::string(kSecretBytesMax, 'x')).size(), kSecretBytesMax + 5);
  EXPECT_TRUE(fault("").starts_with("kafka.security.password_file: /"));
  EXPECT_FALSE(ReadSecret({folder.Path().string(), "s"})) << "a folder";
  EXPECT_FALSE(ReadSecret({"/nonexistent", "s"}));
}

}  // namespace
}  // namespace ei::kafka
