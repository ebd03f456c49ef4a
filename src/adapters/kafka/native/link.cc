#include "adapters/kafka/native/link.h"

#include <algorithm>
#include <utility>

namespace ei::kafka::native {

using wire::Api;
using wire::ErrorCode;

namespace {

constexpr int16_t kNewestVersionsRequest = 4;
// Versions of the login requests. Both sides support them since Kafka 1.0, so they are used before, or
// regardless of, the version answer.
constexpr int16_t kHandshakeVersion = 1;
// Each response begins with its size and its correlation id.
constexpr size_t kSizeBytes = 4;
constexpr size_t kPrefixBytes = 8;

}  // namespace

void Link::OnConnected(base::SteadyTime now) {
  if (state_ != State::kConnecting) return;
  state_ = State::kVersions;
  RequestVersions(kNewestVersionsRequest, now);
}

bool Link::MaySend(base::SteadyTime now) const {
  return state_ == State::kReady && !renewing_ && (!session_ends_at_ || now < *session_ends_at_);
}

const Link::Request& Link::Add(Api api, int16_t version, base::Duration timeout, uint64_t context,
                               base::SteadyTime now) {
  if (requests_.empty()) first_since_ = std::max(first_since_, now);
  used_at_ = now;
  out_.emplace_back();
  ++unwritten_;
  requests_.push_back({api, version, next_correlation_id_, timeout, context});
  next_correlation_id_ = (next_correlation_id_ + 1) & 0x7fffffff;
  return requests_.back();
}

wire::RequestHeader Link::HeaderOf(const Request& request) const {
  return {request.api, request.version, request.correlation_id, options_.client_id};
}

base::Duration Link::Waited(base::SteadyTime now) const {
  return requests_.empty() ? base::Duration(0) : std::max(base::Duration(0), now - first_since_);
}

std::deque<Link::Request> Link::Unanswered(base::SteadyTime now) const {
  std::deque<Request> unanswered = requests_;
  if (!unanswered.empty()) unanswered.front().waited = Waited(now);
  return unanswered;
}

bool Link::IsOwn(const Request& request) const {
  return request.api == Api::kApiVersions || request.api == Api::kSaslHandshake ||
         request.api == Api::kSaslAuthenticate;
}

std::optional<Link::Response> Link::TakeResponse(base::SteadyTime now) {
  while (state_ != State::kEnded) {
    const std::string_view rest = std::string_view(input_).substr(read_);
    if (rest.size() < kPrefixBytes) break;
    wire::Decoder prefix(rest.substr(0, kPrefixBytes), false);
    const auto size = prefix.Int<int32_t>();
    const auto correlation_id = prefix.Int<int32_t>();
    if (size < static_cast<int32_t>(kPrefixBytes - kSizeBytes) ||
        static_cast<size_t>(size) > kResponseBytesMax || requests_.size() <= unwritten_ ||
        requests_.front().correlation_id != correlation_id) {
      Finish(End::kProtocolError,
             "the peer doesn't answer like a Kafka broker; check the port and whether it uses TLS");
      break;
    }
    if (rest.size() < kSizeBytes + static_cast<size_t>(size)) break;
    Response response;
    response.request = requests_.front();
    response.body = rest.substr(kPrefixBytes, static_cast<size_t>(size) - (kPrefixBytes - kSizeBytes));
    read_ += kSizeBytes + static_cast<size_t>(size);
    response.request.waited = Waited(now);
    requests_.pop_front();
    first_since_ = std::max(first_since_, now);
    used_at_ = now;
    if (!IsOwn(response.request)) return response;
    OnOwn(response.request, response.body, now);
  }
  input_.erase(0, read_);
  read_ = 0;
  return std::nullopt;
}

void Link::OnOwn(const Request& request, std::string_view body, base::SteadyTime now) {
  switch (request.api) {
    case Api::kApiVersions: return OnVersions(request.version, body, now);
    case Api::kSaslHandshake: return OnMechanism(request.version, body, now);
    default: return OnLogin(request.version, body, now);
  }
}

void Link::RequestVersions(int16_t version, base::SteadyTime now) {
  const Request& request = Add(Api::kApiVersions, version, options_.timeout, 0, now);
  wire::AppendApiVersions(out_.back().bytes, HeaderOf(request), options_.client_id,
                          options_.software_version);
}

void Link::OnVersions(int16_t version, std::string_view body, base::SteadyTime now) {
  // A broker that doesn't support the version says so with version 0.
  const auto refusal = wire::ReadApiVersions(0, body);
  if (version > 0 && refusal && refusal->error == ErrorCode::kUnsupportedVersion)
    return RequestVersions(0, now);
  const auto response = wire::ReadApiVersions(version, body);
  if (!response) return Finish(End::kProtocolError, "the broker's answer to ApiVersions can't be read");
  agreed_ = response->agreed;
  if (!VersionOf(Api::kProduce) || !VersionOf(Api::kMetadata) || !VersionOf(Api::kInitProducerId)) {
    return Finish(End::kUnsupported,
                  "the broker is older than Kafka 2.1, or newer than this client supports");
  }
  if (options_.mechanism.empty()) {
    BecomeReady();
  } else {
    BeginLogin(now);
  }
}

void Link::BeginLogin(base::SteadyTime now) {
  auto made = options_.make_sasl();
  if (!made) return Finish(End::kLoginRejected, made.error().message);
  sasl_ = std::move(*made);
  if (state_ != State::kReady) state_ = State::kMechanism;
  const Request& request = Add(Api::kSaslHandshake, kHandshakeVersion, options_.timeout, 0, now);
  wire::AppendSaslHandshake(out_.back().bytes, HeaderOf(request), options_.mechanism);
}

void Link::OnMechanism(int16_t version, std::string_view body, base::SteadyTime now) {
  const auto response = wire::ReadSaslHandshake(version, body);
  if (!response) return Finish(End::kProtocolError, "the broker's answer to SaslHandshake can't be read");
  if (response->error != ErrorCode::kNone && response->error != ErrorCode::kUnsupportedSaslMechanism) {
    return Finish(End::kLoginRejected, "the broker rejects the SASL handshake with error " +
                                           std::to_string(static_cast<int>(response->error)));
  }
  if (response->error != ErrorCode::kNone) {
    std::string known;
    for (const std::string_view mechanism : response->mechanisms) {
      if (known.size() + mechanism.size() > kReasonBytesMax) break;
      known += (known.empty() ? "" : ", ") + std::string(mechanism);
    }
    return Finish(End::kLoginRejected, "the broker doesn't support " + options_.mechanism +
                                           " (KAFKA_SASL_MECHANISM)" +
                                           (known.empty() ? "" : "; it supports " + known));
  }
  if (state_ != State::kReady) state_ = State::kLogin;
  SendLogin(sasl_->First(), now);
}

void Link::SendLogin(std::string_view message, base::SteadyTime now) {
  const int16_t version = VersionOf(Api::kSaslAuthenticate).value_or(0);
  const Request& request = Add(Api::kSaslAuthenticate, version, options_.timeout, 0, now);
  wire::AppendSaslAuthenticate(out_.back().bytes, HeaderOf(request), message);
}

void Link::OnLogin(int16_t version, std::string_view body, base::SteadyTime now) {
  const auto response = wire::ReadSaslAuthenticate(version, body);
  if (!response) return Finish(End::kProtocolError, "the broker's answer to SaslAuthenticate can't be read");
  if (response->error != ErrorCode::kNone) {
    const std::string_view said = response->error_message;
    return Finish(End::kLoginRejected, said.empty() ? "the broker rejects the login" : said);
  }
  const auto answer = sasl_->Answer(response->token);
  if (!answer) return Finish(End::kLoginRejected, answer.error().message);
  if (const auto& next = *answer) return SendLogin(*next, now);
  sasl_.reset();
  renewing_ = false;
  BecomeReady();
  renew_at_.reset();
  session_ends_at_.reset();
  if (response->session_lifetime_ms > 0) {
    // Bounded, so that a broker's number can't overflow the clock.
    constexpr int64_t kLifetimeMaxMs = int64_t{365} * 24 * 3600 * 1000;
    const auto lifetime = std::chrono::milliseconds(std::min(response->session_lifetime_ms, kLifetimeMaxMs));
    session_ends_at_ = now + lifetime;
    renew_at_ = now + std::max<base::Duration>(lifetime * 9 / 10, kRenewalInterval);
  }
}

void Link::Check(base::SteadyTime now) {
  if (state_ == State::kEnded) return;
  if (state_ == State::kConnecting && now - used_at_ >= options_.timeout) {
    return Finish(End::kTimedOut, "connecting timed out");
  }
  if (!requests_.empty() && now - first_since_ >= requests_.front().timeout) {
    return Finish(End::kTimedOut, "a request was not answered in time");
  }
  if (state_ != State::kReady || renewing_ || !renew_at_ || now < *renew_at_) return;
  renewing_ = true;
  BeginLogin(now);
}

base::SteadyTime Link::NextCheck() const {
  base::SteadyTime next = base::SteadyTime::max();
  if (state_ == State::kConnecting) next = used_at_ + options_.timeout;
  if (!requests_.empty()) next = first_since_ + requests_.front().timeout;
  if (renew_at_ && !renewing_) next = std::min(next, *renew_at_);
  return next;
}

void Link::BecomeReady() {
  state_ = State::kReady;
  ++logins_;
}

void Link::Finish(End cause, std::string_view reason) {
  if (state_ == State::kEnded) return;
  state_ = State::kEnded;
  end_cause_ = cause;
  reason_ = reason.substr(0, kReasonBytesMax);
  out_.clear();
}

}  // namespace ei::kafka::native
