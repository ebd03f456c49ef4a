#include "adapters/http/tls_credentials.h"

#include <gtest/gtest.h>
#include <openssl/pem.h>

#include "support/recording_log.h"
#include "support/virtual_clock.h"
#include "unit/adapters/http/tls_files.h"

namespace ei::http {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kKept = "the new certificates can't be used; keeping the old ones";

class TlsCredentialsTest : public testing::Test {
 protected:
  // Checks until a change must have been seen.
  void PollTwice() {
    credentials_->Poll();
    credentials_->Poll();
  }
  void Open(ClientAuth auth = ClientAuth::kOff) {
    auto opened = TlsCredentials::Open(files_.Options(auth), clock_, log_);
    ASSERT_TRUE(opened) << opened.error().message;
    credentials_ = std::move(*opened);
  }
  std::string FaultOfStart(ClientAuth auth = ClientAuth::kOff) {
    const auto opened = TlsCredentials::Open(files_.Options(auth), clock_, log_);
    return opened ? "" : opened.error().message;
  }
  std::string Subject() const { return credentials_->Current().Get()->Subject(); }

  support::CertificateAuthority authority_;
  TlsFiles files_{authority_};
  support::RealClock clock_;
  support::RecordingLog log_;
  std::unique_ptr<TlsCredentials> credentials_;
};

TEST_F(TlsCredentialsTest, ANewCertificateIsTakenOver) {
  Open();
  EXPECT_EQ(Subject(), "CN=server,O=Example");
  const uint64_t version = credentials_->Current().Version();
  files_.Replace({.name = "second", .valid_for = 100h * 24});
  PollTwice();
  EXPECT_EQ(Subject(), "CN=second,O=Example");
  EXPECT_NE(credentials_->Current().Version(), version);
  EXPECT_NEAR(std::chrono::duration<double>(credentials_->ExpiresAt() - clock_.WallNow()).count(),
              100 * 24 * 3600, 60);
  EXPECT_EQ(log_.Count("the next connections use the new certificates"), 1U);
}

TEST_F(TlsCredentialsTest, FilesThatCanNotBeUsedChangeNothingAndAreLoggedOnce) {
  Open();
  const auto good = authority_.Issue({.name = "good"});
  const auto other = authority_.Issue({.name = "other"});
  const std::string half = good.certificate.substr(0, good.certificate.size() / 2);
  const support::IssuedCertificate bad[] = {{good.certificate, other.key},
                                            {"", good.key},
                                            {half, good.key},
                                            {good.certificate + half, good.key},
                                            {"no PEM", good.key},
                                            {good.certificate, "no PEM"},
                                            {good.certificate, good.key.substr(0, 60)}};
  uint64_t failures = 0;
  for (const auto& files : bad) {
    files_.Store(files);
    for (int i = 0; i < 4; ++i) credentials_->Poll();
    EXPECT_EQ(Subject(), "CN=server,O=Example");
    EXPECT_EQ(credentials_->FailedReloads(), ++failures);
    EXPECT_EQ(log_.Count(kKept), failures);
  }
  EXPECT_EQ(log_.Count("is not the key of the certificate"), 1U);
  files_.Store(good);
  PollTwice();
  EXPECT_EQ(Subject(), "CN=good,O=Example");
}

TEST_F(TlsCredentialsTest, TheClientCaIsWatchedToo) {
  Open(ClientAuth::kRequired);
  const auto before = credentials_->Current().Get()->SessionScope(ClientAuth::kRequired);
  const support::CertificateAuthority other("other CA");
  files_.Store(authority_.Issue({.name = "server"}), other.Certificate());
  PollTwice();
  EXPECT_NE(credentials_->Current().Get()->SessionScope(ClientAuth::kRequired), before);
  files_.Store(authority_.Issue({.name = "server"}), "no PEM");
  PollTwice();
  EXPECT_EQ(credentials_->FailedReloads(), 1U);
  EXPECT_EQ(log_.Count("http.tls.client_ca_file"), 1U);
}

TEST_F(TlsCredentialsTest, AStartFailsWithTheSettingAndTheFile) {
  const auto good = authority_.Issue({.name = "good"});
  files_.Store({good.certificate, authority_.Issue({.name = "other"}).key});
  EXPECT_EQ(FaultOfStart(),
            "http.tls.key_file: " + files_.Path("tls.key") + " is not the key of the certificate");
  files_.Store({"x", good.key});
  EXPECT_EQ(FaultOfStart(), "http.tls.certificate_file: " + files_.Path("tls.crt") +
                                " can't be used: no certificate in PEM form");
  files_.Store(good, "x");
  EXPECT_EQ(FaultOfStart(), "") << "the CA is not read if clients have no certificates";
  EXPECT_EQ(FaultOfStart(ClientAuth::kOptional), "http.tls.client_ca_file: " + files_.Path("ca.crt") +
                                                     " can't be used: no certificate in PEM form");
}

TEST_F(TlsCredentialsTest, AnEncryptedKeyIsNotAskedFor) {
  const auto good = authority_.Issue({.name = "good"});
  files_.Store({good.certificate,
                "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIGjMF8G\n-----END ENCRYPTED PRIVATE "
                "KEY-----\n"});
  EXPECT_NE(FaultOfStart().find("it is encrypted"), std::string::npos) << FaultOfStart();
}

TEST_F(TlsCredentialsTest, ACertificateThatIsNotValidNowIsUsedAndReportedOnce) {
  files_.Replace({.name = "old", .valid_from = -48h, .valid_for = -24h});
  Open();
  PollTwice();
  EXPECT_EQ(log_.Count("ERROR the server's certificate has expired"), 1U);
  files_.Replace({.name = "early", .valid_from = 24h, .valid_for = 48h});
  PollTwice();
  PollTwice();
  EXPECT_EQ(log_.Count("ERROR the server's certificate is not valid yet"), 1U);
  files_.Replace({.name = "short", .valid_for = 24h * 13});
  PollTwice();
  PollTwice();
  EXPECT_EQ(log_.Count("WARN the server's certificate expires within 14 days"), 1U);
  files_.Replace({.name = "long", .valid_for = 24h * 15});
  PollTwice();
  EXPECT_EQ(log_.Count("the server's certificate"), 3U);
}

TEST_F(TlsCredentialsTest, TheChainExpiresWithItsFirstCertificate) {
  const auto leaf = authority_.Issue({.name = "leaf", .valid_for = 24h * 90});
  const auto middle = authority_.Issue({.name = "middle", .valid_for = 24h * 30});
  files_.Store({leaf.certificate + middle.certificate, leaf.key});
  Open();
  EXPECT_EQ(Subject(), "CN=leaf,O=Example");
  EXPECT_NEAR(std::chrono::duration<double>(credentials_->ExpiresAt() - clock_.WallNow()).count(),
              30 * 24 * 3600, 60);
}

}  // namespace
}  // namespace ei::http
