#include "adapters/kafka/credential_refresher.h"

#include <algorithm>

#include "base/thread_name.h"

namespace ei::kafka {

namespace {

constexpr base::Duration kTokenPauseMin = std::chrono::seconds(1);
constexpr base::Duration kTokenPauseMax = std::chrono::seconds(30);

std::vector<SecretFile> CertificatesOf(const SecurityOptions& security) {
  if (!security.UsesTls()) return {};
  return {security.ca_file, security.certificate_file, security.key_file, security.key_password_file};
}

}  // namespace

CredentialRefresher::CredentialRefresher(const SecurityOptions& security, const ei::Clock& clock, Log& log,
                                         CredentialUser& user)
    : security_(security),
      clock_(clock),
      log_(log),
      user_(user),
      password_(security.UsesSasl() ? std::vector{security.password_file} : std::vector<SecretFile>()),
      certificates_(CertificatesOf(security)),
      token_files_(security.token_files),
      token_due_(clock.Now()) {}

CredentialRefresher::~CredentialRefresher() {
  stop_.Set();
  if (security_.UsesTokens()) security_.tokens->Cancel();
  if (thread_.joinable()) thread_.join();
}

void CredentialRefresher::Start() {
  thread_ = std::thread([this] { Run(); });
}

void CredentialRefresher::Run() {
  base::NameThisThread("credentials");
  do {
    Poll();
  } while (!stop_.WaitUntil(NextPoll()));
}

base::SteadyTime CredentialRefresher::NextPoll() const {
  const base::SteadyTime round = clock_.Now() + kPollInterval;
  return security_.UsesTokens() ? std::min(round, token_due_) : round;
}

void CredentialRefresher::Poll() {
  CheckPassword();
  CheckCertificates();
  if (security_.UsesTokens()) RenewToken();
}

void CredentialRefresher::CheckPassword() {
  const auto change = password_.Check();
  if (!change) return;
  if (!*change) {
    return log_.Write(LogLevel::kError, "kafka", "the new password can't be used; keeping the old one",
                      {{"error", change->error().message}});
  }
  user_.OnPassword((*change)->front());
  log_.Write(LogLevel::kInfo, "kafka", "the next connections to the brokers use the new password");
}

void CredentialRefresher::CheckCertificates() {
  const auto change = certificates_.Check();
  if (!change) return;
  base::Result<void> applied;
  if (*change) {
    applied = user_.OnCertificates();
  } else {
    applied = std::unexpected(change->error());
  }
  if (applied) {
    return log_.Write(LogLevel::kInfo, "kafka",
                      "the next connections to the brokers use the new certificates");
  }
  log_.Write(LogLevel::kError, "kafka", "the new certificates can't be used; keeping the old ones",
             {{"error", applied.error().message}});
}

void CredentialRefresher::RenewToken() {
  if (const auto change = token_files_.Check(); change && *change) token_due_ = clock_.Now();
  if (clock_.Now() < token_due_) return;
  auto token = security_.tokens->Fetch();
  base::Result<void> applied;
  if (token) {
    applied = user_.OnToken(*token);
  } else {
    applied = std::unexpected(token.error());
  }
  if (applied) {
    const base::Duration left = std::max(base::Duration(0), token->expires_at - clock_.WallNow());
    token_due_ = clock_.Now() + std::max(kTokenPauseMin, left * 4 / 5);
    token_pause_ = base::Duration(0);
    token_fault_.clear();
    if (token->warning != token_warning_ && !token->warning.empty()) {
      log_.Write(LogLevel::kWarn, "kafka", "warning about the token for the brokers",
                 {{"warning", std::string_view(token->warning)}});
    }
    token_warning_ = std::move(token->warning);
    return;
  }
  if (stop_.IsSet()) return;  // cancelled
  token_pause_ = std::clamp(2 * token_pause_, kTokenPauseMin, kTokenPauseMax);
  token_due_ = clock_.Now() + token_pause_;
  user_.OnNoToken(applied.error());
  if (applied.error().message == token_fault_) return;
  token_fault_ = applied.error().message;
  log_.Write(LogLevel::kError, "kafka", "no token for the brokers; retrying",
             {{"error", applied.error().message}});
}

}  // namespace ei::kafka
