#include "adapters/tokens/aws_credentials.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <nlohmann/json.hpp>

#include "adapters/tokens/encoding.h"
#include "adapters/tokens/url.h"

namespace ei::tokens {

namespace {

using base::ErrorKind;
using base::Fail;

// Hosts that may be asked for credentials without encryption: this machine, and the link-local services of
// ECS and EKS.
constexpr std::array<std::string_view, 6> kPlainHosts = {"localhost",     "127.0.0.1",      "::1",
                                                         "169.254.170.2", "169.254.170.23", "fd00:ec2::23"};

std::string Element(std::string_view xml, const std::string& name) {
  const std::string open = "<" + name + ">";
  const size_t begin = xml.find(open);
  if (begin == std::string_view::npos) return {};
  const size_t end = xml.find("</" + name + ">", begin);
  if (end == std::string_view::npos) return {};
  return std::string(xml.substr(begin + open.size(), end - begin - open.size()));
}

std::string Member(const nlohmann::json& document, const char* name) {
  return document.is_object() && document.contains(name) && document[name].is_string()
             ? document[name].get<std::string>()
             : std::string();
}

base::Result<AwsCredentials> Complete(AwsCredentials credentials, std::string_view source) {
  if (credentials.access_key_id.empty() || credentials.secret_access_key.empty()) {
    return Fail(ErrorKind::kUnavailable, std::string(source) + " returned no credentials");
  }
  return credentials;
}

base::Result<AwsCredentials> FromJson(const std::string& body, std::string_view source) {
  const auto document = nlohmann::json::parse(body, nullptr, /*allow_exceptions=*/false);
  return Complete(
      {Member(document, "AccessKeyId"), Member(document, "SecretAccessKey"), Member(document, "Token")},
      source);
}

}  // namespace

base::Result<AwsCredentials> AwsCredentialChain::Fetch() {
  const std::string key = Variable("AWS_ACCESS_KEY_ID");
  const std::string secret = Variable("AWS_SECRET_ACCESS_KEY");
  if (!key.empty() && !secret.empty()) return AwsCredentials{key, secret, Variable("AWS_SESSION_TOKEN")};
  if (const std::string file = Variable("AWS_WEB_IDENTITY_TOKEN_FILE"); !file.empty())
    return FromWebIdentity(file);
  if (const std::string path = Variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"); !path.empty()) {
    return FromContainer("http://169.254.170.2" + path);
  }
  if (const std::string url = Variable("AWS_CONTAINER_CREDENTIALS_FULL_URI"); !url.empty())
    return FromContainer(url);
  if (Variable("AWS_EC2_METADATA_DISABLED") == "true") {
    return Fail(ErrorKind::kInvalid,
                "no AWS credentials: none of AWS_ACCESS_KEY_ID, AWS_WEB_IDENTITY_TOKEN_FILE "
                "and AWS_CONTAINER_CREDENTIALS_FULL_URI is set");
  }
  return FromInstance();
}

base::Result<AwsCredentials> AwsCredentialChain::FromWebIdentity(const std::string& token_file) {
  const auto token = read_(token_file, "AWS_WEB_IDENTITY_TOKEN_FILE");
  if (!token) return std::unexpected(token.error());
  const std::string suffix = region_.starts_with("cn-") ? ".amazonaws.com.cn" : ".amazonaws.com";
  HttpRequest request{.method = "POST",
                      .url = Variable("AWS_ENDPOINT_URL_STS", "https://sts." + region_ + suffix) + "/",
                      .headers = {{"Content-Type", "application/x-www-form-urlencoded"}},
                      .body = {}};
  request.body = "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=" +
                 PercentEncode(Variable("AWS_ROLE_ARN")) +
                 "&RoleSessionName=" + PercentEncode(Variable("AWS_ROLE_SESSION_NAME", "event-ingestor")) +
                 "&WebIdentityToken=" + PercentEncode(*token);
  const auto reply = Ask(request, "AWS STS");
  if (!reply) return std::unexpected(reply.error());
  return Complete(
      {Element(*reply, "AccessKeyId"), Element(*reply, "SecretAccessKey"), Element(*reply, "SessionToken")},
      "AWS STS");
}

base::Result<AwsCredentials> AwsCredentialChain::FromContainer(const std::string& url) {
  const auto parsed = ParseUrl(url);
  if (!parsed)
    return Fail(ErrorKind::kInvalid, "AWS_CONTAINER_CREDENTIALS_FULL_URI " + parsed.error().message);
  if (!parsed->tls && std::ranges::find(kPlainHosts, parsed->host) == kPlainHosts.end()) {
    return Fail(
        ErrorKind::kInvalid,
        "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor an address of this machine, ECS or EKS");
  }
  HttpRequest request{.method = "GET", .url = url, .headers = {}, .body = {}};
  std::string authorization = Variable("AWS_CONTAINER_AUTHORIZATION_TOKEN");
  if (const std::string file = Variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); !file.empty()) {
    auto content = read_(file, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    if (!content) return std::unexpected(content.error());
    authorization = std::move(*content);
  }
  if (authorization.find_first_of("\r\n") != std::string::npos) {
    return Fail(ErrorKind::kInvalid, "AWS_CONTAINER_AUTHORIZATION_TOKEN has a line break");
  }
  if (!authorization.empty()) request.headers.emplace_back("Authorization", authorization);
  constexpr std::string_view kSource = "the container's credential service";
  const auto reply = Ask(request, kSource);
  if (!reply) return std::unexpected(reply.error());
  return FromJson(*reply, kSource);
}

base::Result<AwsCredentials> AwsCredentialChain::FromInstance() {
  constexpr std::string_view kSource = "the instance's metadata service";
  const std::string base = Variable("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://169.254.169.254");
  const auto session = Ask({.method = "PUT",
                            .url = base + "/latest/api/token",
                            .headers = {{"X-aws-ec2-metadata-token-ttl-seconds", "300"}},
                            .body = {}},
                           kSource);
  if (!session) return std::unexpected(session.error());
  const auto get = [&](const std::string& path) {
    return Ask({.method = "GET",
                .url = base + "/latest/meta-data/iam/security-credentials/" + path,
                .headers = {{"X-aws-ec2-metadata-token", *session}},
                .body = {}},
               kSource);
  };
  const auto roles = get("");
  if (!roles) return std::unexpected(roles.error());
  const auto reply = get(PercentEncode(roles->substr(0, roles->find('\n'))));
  if (!reply) return std::unexpected(reply.error());
  return FromJson(*reply, kSource);
}

base::Result<std::string> AwsCredentialChain::Ask(const HttpRequest& request, std::string_view source) {
  auto reply = http_->Send(request);
  const std::string name(source);
  if (!reply)
    return Fail(reply.error().kind, name + " returned no AWS credentials: " + reply.error().message);
  if (reply->status == 200) return std::move(reply->body);
  const bool rejected = reply->status >= 400 && reply->status < 500 && reply->status != 429;
  return Fail(rejected ? ErrorKind::kInvalid : ErrorKind::kUnavailable,
              name + " returned no AWS credentials, status " + std::to_string(reply->status));
}

std::string AwsCredentialChain::Variable(std::string_view name, std::string_view fallback) const {
  const auto value = environment_(name);
  return value && !value->empty() ? *value : std::string(fallback);
}

}  // namespace ei::tokens
