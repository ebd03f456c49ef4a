// NativeSink: credentials and their change.

#include <random>
#include <utility>

#include <boost/asio/post.hpp>

#include "adapters/kafka/native/native_sink.h"
#include "base/base64.h"

namespace ei::kafka::native {

namespace {

std::string Nonce() {
  std::random_device device;
  std::string bytes;
  for (int i = 0; i < 6; ++i) {
    const uint32_t number = device();
    bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
  }
  return base::EncodeBase64(bytes);
}

}  // namespace

base::Result<std::unique_ptr<SaslExchange>> NativeSink::MakeSasl() {
  const SecurityOptions& security = options_.security;
  if (security.UsesTokens()) {
    if (!token_) return base::Fail(base::ErrorKind::kUnavailable, "there is no token yet");
    return MakeOAuthBearer(token_->value, token_->extensions);
  }
  if (security.mechanism == "PLAIN") return MakePlain(security.username, password_);
  const ScramHash hash = security.mechanism == "SCRAM-SHA-512" ? ScramHash::kSha512 : ScramHash::kSha256;
  return MakeScram(hash, security.username, password_, Nonce());
}

void NativeSink::OnPassword(const std::string& password) {
  boost::asio::post(context_, [this, password] {
    password_ = password;
    refusal_logged_ = false;
    producer_->OnCredentials();
    Turn();
  });
}

base::Result<void> NativeSink::OnToken(const app::AccessToken& token) {
  boost::asio::post(context_, [this, token] {
    token_ = token;
    refusal_logged_ = false;
    producer_->OnCredentials();
    Turn();
  });
  return {};
}

void NativeSink::OnNoToken(const base::Error& error) {
  boost::asio::post(context_, [this, error] {
    if (error.kind == base::ErrorKind::kInvalid) {
      TellRefusal("token_refused", "the source of the tokens", error.message);
    } else {
      OnFault("token_unavailable", "the source of the tokens", error.message);
    }
  });
}

base::Result<void> NativeSink::OnCertificates() {
  auto made = TlsContext::Make(options_.security);
  if (!made) return std::unexpected(made.error());
  boost::asio::post(context_, [this, tls = std::move(*made)] {
    network_->UseTls(tls);
    refusal_logged_ = false;
    producer_->OnCredentials();
    Turn();
  });
  return {};
}

}  // namespace ei::kafka::native
