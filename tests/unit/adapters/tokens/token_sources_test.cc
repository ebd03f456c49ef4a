#include <gtest/gtest.h>

#include <map>

#include "adapters/tokens/encoding.h"
#include "adapters/tokens/file_tokens.h"
#include "adapters/tokens/jwt_expiry.h"
#include "adapters/tokens/msk_iam_tokens.h"
#include "adapters/tokens/oidc_tokens.h"
#include "base/base64.h"
#include "support/virtual_clock.h"
#include "unit/adapters/tokens/fake_http.h"

namespace ei::tokens {
namespace {

using base::ErrorKind;
using namespace std::chrono_literals;

std::string Jwt(const std::string& claims) {
  return base::EncodeBase64Url("{}") + "." + base::EncodeBase64Url(claims) + ".c2ln";
}

class TokenSources : public testing::Test {
 protected:
  ReadFile Reader() {
    return [this](const std::string& path, std::string_view setting) -> base::Result<std::string> {
      const auto found = files_.find(path);
      if (found == files_.end()) return base::Fail(ErrorKind::kInvalid, std::string(setting) + " is missing");
      return found->second;
    };
  }

  std::string InSeconds(int seconds) const {
    const auto at = clock_.WallNow() + std::chrono::seconds(seconds);
    return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count());
  }

  std::unique_ptr<OidcTokens> Oidc(std::string scope = {}) {
    return std::make_unique<OidcTokens>(
        OidcTokens::Options{"https://login/token", "me", "/secret", std::move(scope), {{"k", "v"}}}, Reader(),
        std::make_unique<FakeHttp>(http_), clock_);
  }

  AwsCredentialChain Chain(const std::string& region = "eu-central-1") {
    return {region,
            [this](std::string_view name) -> std::optional<std::string> {
              const auto found = environment_.find(name);
              return found == environment_.end() ? std::nullopt : std::optional(found->second);
            },
            Reader(), std::make_unique<FakeHttp>(http_)};
  }

  support::VirtualClock clock_;
  HttpScript http_;
  std::map<std::string, std::string> files_ = {{"/secret", "s3cret/+"}};
  std::map<std::string, std::string, std::less<>> environment_;
};

TEST_F(TokenSources, AFileIsValidAsLongAsItsJwtSays) {
  FileTokens tokens({"/token", {}}, Reader(), clock_);
  EXPECT_EQ(tokens.Fetch().error().kind, ErrorKind::kInvalid) << "missing";
  files_["/token"] = Jwt("{\"exp\":" + InSeconds(60) + "}");
  const auto token = tokens.Fetch();
  ASSERT_TRUE(token) << token.error().message;
  EXPECT_EQ(token->value, files_["/token"]);
  EXPECT_LE(token->expires_at, clock_.WallNow() + 60s);
  EXPECT_GT(token->expires_at, clock_.WallNow() + 58s);
  files_["/token"] = Jwt("{\"exp\":" + InSeconds(-1) + "}");
  EXPECT_NE(tokens.Fetch().error().message.find("has expired"), std::string::npos);
  files_["/token"] = "opaque";
  EXPECT_EQ(tokens.Fetch()->expires_at, clock_.WallNow() + 1h);
  files_["/token"] = "two words";
  EXPECT_FALSE(tokens.Fetch());
}

TEST(JwtExpiry, HostileClaimsHaveNone) {
  for (const char* claims :
       {"", "[]", "{", "{\"exp\":\"1\"}", "{\"exp\":-5}", "{\"exp\":1e300}", "{\"exp\":null}", "null"}) {
    EXPECT_EQ(JwtExpiry(Jwt(claims)), std::nullopt) << claims;
  }
  for (const char* token : {"", ".", "..", "a.b", "a.!!!.c"})
    EXPECT_EQ(JwtExpiry(token), std::nullopt) << token;
}

TEST_F(TokenSources, OidcAsksWithIdAndSecret) {
  http_.replies.emplace_back(
      HttpReply{200, R"({"access_token":"abc","expires_in":300,"token_type":"Bearer"})"});
  const auto token = Oidc("a b")->Fetch();
  ASSERT_TRUE(token) << token.error().message;
  EXPECT_EQ(token->value, "abc");
  EXPECT_EQ(token->expires_at, clock_.WallNow() + 300s);
  ASSERT_EQ(token->extensions.size(), 1U);
  ASSERT_EQ(http_.asked.size(), 1U);
  EXPECT_EQ(http_.asked[0].method, "POST");
  EXPECT_EQ(http_.asked[0].url, "https://login/token");
  EXPECT_EQ(http_.asked[0].body, "grant_type=client_credentials&scope=a%20b");
  EXPECT_EQ(http_.Header(0, "Authorization"), "Basic " + base::EncodeBase64("me:s3cret%2F%2B"));
}

TEST_F(TokenSources, OidcDistinguishesRejectionsFromOtherFailures) {
  const auto fault = [&](int status, std::string body) {
    http_.replies.emplace_back(HttpReply{status, std::move(body)});
    return Oidc()->Fetch().error();
  };
  const auto refused = fault(401, R"({"error":"invalid_client","error_description":"s3cret"})");
  EXPECT_EQ(refused.kind, ErrorKind::kInvalid);
  EXPECT_NE(refused.message.find("invalid_client"), std::string::npos);
  EXPECT_EQ(refused.message.find("s3cret"), std::string::npos) << "the text of the server is not logged";
  EXPECT_EQ(fault(400, R"({"error":"<script>"})").message.find("script"), std::string::npos);
  EXPECT_EQ(fault(503, "").kind, ErrorKind::kUnavailable);
  EXPECT_EQ(fault(302, "").kind, ErrorKind::kUnavailable);
  for (const char* body :
       {"", "[]", "{}", R"({"access_token":5})", R"({"access_token":""})", R"({"access_token":"a b"})",
        R"({"access_token":"a","expires_in":0})", R"({"access_token":"a","expires_in":-1e300})"}) {
    EXPECT_EQ(fault(200, body).kind, ErrorKind::kUnavailable) << body;
  }
  EXPECT_EQ(Oidc()->Fetch().error().kind, ErrorKind::kUnavailable) << "no reply";
  files_.clear();
  EXPECT_EQ(Oidc()->Fetch().error().kind, ErrorKind::kInvalid) << "no secret";
}

TEST_F(TokenSources, ExpiresInMayBeADecimalString) {
  for (const char* text : {R"("300")", R"("300.0")", "300.0"}) {
    http_.replies.emplace_back(
        HttpReply{200, R"({"access_token":"abc","expires_in":)" + std::string(text) + "}"});
    const auto token = Oidc()->Fetch();
    ASSERT_TRUE(token) << text;
    EXPECT_EQ(token->expires_at, clock_.WallNow() + 300s) << text;
    EXPECT_EQ(token->warning, "") << text;
  }
}

TEST_F(TokenSources, AnExpiresInThatIsNotANumberIsLoggedAndTheTokenIsShortLived) {
  for (const char* text :
       {R"("")", R"("1h")", R"("300 ")", R"("1e5")", R"("nan")", R"("inf")", "[300]", "{}", "true"}) {
    http_.replies.emplace_back(
        HttpReply{200, R"({"access_token":"abc","expires_in":)" + std::string(text) + "}"});
    const auto token = Oidc()->Fetch();
    ASSERT_TRUE(token) << text;
    EXPECT_EQ(token->expires_at, clock_.WallNow() + 1min) << text;
    EXPECT_NE(token->warning.find("expires_in"), std::string::npos) << text;
  }
  const base::WallTime expires = std::chrono::floor<std::chrono::seconds>(clock_.WallNow()) + 500s;
  const std::string jwt = Jwt(R"({"exp":)" + std::to_string(expires.time_since_epoch() / 1s) + "}");
  http_.replies.emplace_back(HttpReply{200, R"({"access_token":")" + jwt + R"(","expires_in":"soon"})"});
  EXPECT_EQ(Oidc()->Fetch()->expires_at, expires) << "the expiry in the token itself";
}

TEST_F(TokenSources, WithoutExpiresInATokenLivesForAnHour) {
  for (const char* body : {R"({"access_token":"abc"})", R"({"access_token":"abc","expires_in":null})"}) {
    http_.replies.emplace_back(HttpReply{200, body});
    const auto token = Oidc()->Fetch();
    EXPECT_EQ(token->expires_at, clock_.WallNow() + 1h);
    EXPECT_EQ(token->warning, "");
  }
}

TEST_F(TokenSources, AnEndlessTokenIsAskedForAgainWithinAWeek) {
  http_.replies.emplace_back(HttpReply{200, R"({"access_token":"abc","expires_in":1e300})"});
  EXPECT_EQ(Oidc()->Fetch()->expires_at, clock_.WallNow() + 24h * 7);
}

TEST_F(TokenSources, MskTokenIsASignedUrlInBase64) {
  environment_ = {
      {"AWS_ACCESS_KEY_ID", "AKID"}, {"AWS_SECRET_ACCESS_KEY", "key"}, {"AWS_SESSION_TOKEN", "s+t"}};
  MskIamTokens tokens("eu-central-1", Chain(), clock_);
  const auto token = tokens.Fetch();
  ASSERT_TRUE(token) << token.error().message;
  EXPECT_EQ(token->expires_at, clock_.WallNow() + 900s);
  const std::string url = FromBase64Url(token->value);
  EXPECT_TRUE(url.starts_with("https://kafka.eu-central-1.amazonaws.com/?Action=kafka-cluster%3AConnect&"))
      << url;
  for (const char* part : {"X-Amz-Credential=AKID%2F", "%2Feu-central-1%2Fkafka-cluster%2Faws4_request",
                           "X-Amz-Security-Token=s%2Bt", "X-Amz-Expires=900", "&X-Amz-Signature="}) {
    EXPECT_NE(url.find(part), std::string::npos) << part;
  }
  EXPECT_TRUE(url.ends_with("&User-Agent=event-ingestor")) << url;
  EXPECT_TRUE(http_.asked.empty());
}

// The result of AWS's signer for Python (aws-msk-iam-sasl-signer-python 1.0.2) for the same input.
TEST_F(TokenSources, MskTokenIsTheOneOfTheOfficialSigner) {
  class FixedClock final : public Clock {
    base::SteadyTime Now() const override { return {}; }
    base::WallTime WallNow() const override { return base::WallTime(1'750'000'000s); }
  };
  const FixedClock clock;
  environment_ = {{"AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"},
                  {"AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"},
                  {"AWS_SESSION_TOKEN", "tok/en+=="}};
  const auto token = MskIamTokens("us-west-2", Chain(), clock).Fetch();
  const std::string url = FromBase64Url(token->value);
  EXPECT_NE(url.find("X-Amz-Date=20250615T150640Z&"), std::string::npos) << url;
  EXPECT_NE(url.find("X-Amz-Signature=d9b23983e1e61f865c963b0f006bd1e34c7a6c8bd0a70232e3f54d85c112eba4&"),
            std::string::npos)
      << url;
}

TEST_F(TokenSources, WebIdentityIsExchangedAtSts) {
  environment_ = {{"AWS_WEB_IDENTITY_TOKEN_FILE", "/identity"}, {"AWS_ROLE_ARN", "arn:aws:iam::1:role/r"}};
  files_["/identity"] = "header.claims.signature";
  http_.replies.emplace_back(
      HttpReply{200,
                "<R><Credentials><AccessKeyId>A</AccessKeyId><SecretAccessKey>B/+=</SecretAccessKey>"
                "<SessionToken>C</SessionToken></Credentials></R>"});
  const auto credentials = Chain().Fetch();
  ASSERT_TRUE(credentials) << credentials.error().message;
  EXPECT_EQ(credentials->access_key_id, "A");
  EXPECT_EQ(credentials->secret_access_key, "B/+=");
  EXPECT_EQ(credentials->session_token, "C");
  EXPECT_EQ(http_.asked[0].url, "https://sts.eu-central-1.amazonaws.com/");
  EXPECT_EQ(http_.asked[0].body,
            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr"
            "&RoleSessionName=event-ingestor&WebIdentityToken=header.claims.signature");
  http_.replies.emplace_back(HttpReply{403, "<Error>header.claims.signature</Error>"});
  const auto refused = Chain("cn-north-1").Fetch();
  EXPECT_EQ(http_.asked[1].url, "https://sts.cn-north-1.amazonaws.com.cn/");
  EXPECT_EQ(refused.error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(refused.error().message.find("signature"), std::string::npos);
  http_.replies.emplace_back(HttpReply{200, "<AccessKeyId>A"});
  EXPECT_EQ(Chain().Fetch().error().kind, ErrorKind::kUnavailable);
}

TEST_F(TokenSources, ContainerCredentialsAreAskedForOnThisMachineOnly) {
  environment_ = {{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials"},
                  {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/pod"}};
  files_["/pod"] = "pod-token";
  http_.replies.emplace_back(HttpReply{200, R"({"AccessKeyId":"A","SecretAccessKey":"B","Token":"C"})"});
  EXPECT_EQ(Chain().Fetch()->session_token, "C");
  EXPECT_EQ(http_.Header(0, "Authorization"), "pod-token");
  environment_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://10.0.0.1/credentials";
  EXPECT_EQ(Chain().Fetch().error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(http_.asked.size(), 1U) << "the pod's token is not sent anywhere else";
}

TEST_F(TokenSources, InstanceMetadataAreAskedForWithASession) {
  http_.replies.emplace_back(HttpReply{200, "session"});
  http_.replies.emplace_back(HttpReply{200, "the-role\n"});
  http_.replies.emplace_back(
      HttpReply{200, R"({"Code":"Success","AccessKeyId":"A","SecretAccessKey":"B","Token":"C"})"});
  EXPECT_EQ(Chain().Fetch()->secret_access_key, "B");
  ASSERT_EQ(http_.asked.size(), 3U);
  EXPECT_EQ(http_.asked[0].method, "PUT");
  EXPECT_EQ(http_.asked[0].url, "http://169.254.169.254/latest/api/token");
  EXPECT_EQ(http_.Header(2, "X-aws-ec2-metadata-token"), "session");
  EXPECT_EQ(http_.asked[2].url, "http://169.254.169.254/latest/meta-data/iam/security-credentials/the-role");
  environment_["AWS_EC2_METADATA_DISABLED"] = "true";
  EXPECT_EQ(Chain().Fetch().error().kind, ErrorKind::kInvalid);
}

}  // namespace
}  // namespace ei::tokens
