#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/kafka/native/sasl.h"
#include "adapters/kafka/wire/messages.h"
#include "base/result.h"
#include "base/time.h"

namespace ei::kafka::native {

// A request to be sent: bytes that this object owns, and batches between them that it doesn't own. The
// batches must stay where they are until the request is answered or the link has ended.
struct Outgoing {
  std::string bytes;
  std::vector<wire::Splice> splices;

  bool Empty() const { return bytes.empty(); }
};

// The Kafka protocol on one connection to a broker: negotiates versions, logs in and renews the login,
// matches requests with answers in their order, and checks timeouts. It does no I/O: the owner passes in what
// the connection reports and sends what Take returns.
//
//   connecting --OnConnected--> versions --> [mechanism --> login] --> ready --> ended
//
// While a login is renewed (KIP-368) no other request may be sent; see MaySend. One thread.
class Link {
 public:
  // Maximum size of a response. A larger one is a protocol error.
  static constexpr size_t kResponseBytesMax = 16 << 20;
  // Brokers reject a renewal within a second of the previous login
  // (findings/kafka_reauth_within_a_second.sh). A session may have expired by then; it can still be renewed
  // if nothing was sent since.
  static constexpr base::Duration kRenewalInterval = std::chrono::milliseconds(1100);
  // Maximum size of Reason(), which may be a broker's text.
  static constexpr size_t kReasonBytesMax = 500;

  // A request without an answer.
  struct Request {
    wire::Api api{};
    int16_t version = 0;
    int32_t correlation_id = 0;
    base::Duration timeout{};
    uint64_t context = 0;  // set by the owner
    // How long the broker worked on this request: from when it was the oldest unanswered one, without pauses,
    // to its answer or the end of the link. nullopt while it isn't known, and for a request that was not the
    // oldest one when the link ended.
    std::optional<base::Duration> waited = std::nullopt;
  };

  struct Options {
    std::string client_id = "event-ingestor";
    std::string software_version = "0";
    base::Duration timeout = std::chrono::seconds(10);  // for requests that the link sends itself
    std::string mechanism;                              // SASL mechanism; empty: no login
    // Starts the SASL exchange of a login with the current credentials.
    std::function<base::Result<std::unique_ptr<SaslExchange>>()> make_sasl = nullptr;
  };

  enum class State : uint8_t { kConnecting, kVersions, kMechanism, kLogin, kReady, kEnded };

  // Why the link ended, for the log and for the owner's next step.
  enum class End : uint8_t {
    kClosed,         // closed by the other side or the network
    kTimedOut,       // a request was not answered in time
    kProtocolError,  // the bytes aren't a valid answer of a Kafka broker
    kLoginRejected,  // the broker rejected the login, or there are no usable credentials
    kUnsupported,    // no common version of a required request
  };

  Link(const Options& options, base::SteadyTime now) : options_(options), used_at_(now) {}

  State Now() const { return state_; }
  bool Ready() const { return state_ == State::kReady; }
  bool Ended() const { return state_ == State::kEnded; }
  // How many times the broker has accepted this client: when the connection became ready, and at each renewal
  // of the login. A renewal is due after 9/10 of the session lifetime that the broker grants (Java client:
  // 0.85 to 0.95), but not earlier than kRenewalInterval.
  uint64_t Logins() const { return logins_; }
  End EndCause() const { return end_cause_; }
  const std::string& Reason() const { return reason_; }

  void OnConnected(base::SteadyTime now);

  // Processes received bytes. Calls answer(request, response) for each complete response to a request of the
  // owner; `response` is the bytes after the correlation id. `answer` may call Send.
  template <typename Answer>
  void OnBytes(std::string_view bytes, base::SteadyTime now, Answer answer) {
    input_.append(bytes);
    while (const auto response = TakeResponse(now))
      answer(response->request, std::string_view(response->body));
  }

  // The connection has closed. Requests() then returns the unanswered requests.
  void OnClosed(std::string_view reason) { Finish(End::kClosed, reason); }

  // The owner could not parse an answer, or found it invalid. Ends the link.
  void OnProtocolError() { Finish(End::kProtocolError, "the broker sent an invalid answer"); }

  // The broker reads nothing until then, so no timeout runs before.
  void Hold(base::SteadyTime until) { first_since_ = std::max(first_since_, until); }

  // Whether the owner may send a request now. Limits on outstanding requests and throttling are the owner's
  // responsibility.
  bool MaySend(base::SteadyTime now) const;
  // nullopt: this broker doesn't support the request.
  std::optional<int16_t> VersionOf(wire::Api api) const { return agreed_.Newest(api); }

  // Queues a request that this broker supports; encode(bytes, splices, header) appends its bytes.
  template <typename Encode>
  void Send(wire::Api api, base::Duration timeout, uint64_t context, base::SteadyTime now, Encode encode) {
    const Request& request = Add(api, VersionOf(api).value_or(0), timeout, context, now);
    encode(out_.back().bytes, out_.back().splices, HeaderOf(request));
  }

  const std::deque<Request>& Requests() const { return requests_; }
  // How long the broker has worked on the oldest unanswered request; 0: there is none, or the broker is
  // pausing.
  base::Duration Waited(base::SteadyTime now) const;
  // Returns Requests() with `waited` set on the oldest one; for the end of the link.
  std::deque<Request> Unanswered(base::SteadyTime now) const;

  // Returns the next queued request; empty: none. The caller writes it and then calls OnWritten for it; an
  // answer that comes before its request was written is a protocol error. One request at a time, because a
  // broker may answer the first request while the second still waits for space in the socket's buffers.
  Outgoing Take() {
    if (out_.empty()) return {};
    Outgoing next = std::move(out_.front());
    out_.pop_front();
    return next;
  }
  void OnWritten() {
    if (unwritten_ > out_.size()) --unwritten_;
  }

  // Ends the link when a request has timed out; starts the renewal of the login when it is due. Must be
  // called at NextCheck at the latest.
  void Check(base::SteadyTime now);
  base::SteadyTime NextCheck() const;

  // Time of the last request or answer.
  base::SteadyTime UsedAt() const { return used_at_; }

 private:
  struct Response {
    Request request;
    std::string body;
  };

  const Request& Add(wire::Api api, int16_t version, base::Duration timeout, uint64_t context,
                     base::SteadyTime now);
  wire::RequestHeader HeaderOf(const Request& request) const;
  std::optional<Response> TakeResponse(base::SteadyTime now);
  bool IsOwn(const Request& request) const;
  void OnOwn(const Request& request, std::string_view body, base::SteadyTime now);
  void RequestVersions(int16_t version, base::SteadyTime now);
  void OnVersions(int16_t version, std::string_view body, base::SteadyTime now);
  void BeginLogin(base::SteadyTime now);
  void OnMechanism(int16_t version, std::string_view body, base::SteadyTime now);
  void SendLogin(std::string_view message, base::SteadyTime now);
  void OnLogin(int16_t version, std::string_view body, base::SteadyTime now);
  void BecomeReady();
  void Finish(End cause, std::string_view reason);

  const Options options_;
  State state_ = State::kConnecting;
  End end_cause_ = End::kClosed;
  std::string reason_;
  wire::AgreedVersions agreed_;
  std::unique_ptr<SaslExchange> sasl_;  // during a login
  std::optional<base::SteadyTime> renew_at_;
  std::optional<base::SteadyTime> session_ends_at_;
  bool renewing_ = false;
  uint64_t logins_ = 0;

  int32_t next_correlation_id_ = 0;
  std::deque<Request> requests_;  // oldest first; brokers answer in this order
  size_t unwritten_ = 0;          // number of requests at the end of requests_ that aren't written
  base::SteadyTime first_since_;  // when the broker could start with the oldest request
  base::SteadyTime used_at_;
  std::deque<Outgoing> out_;  // requests that Take has not returned
  std::string input_;
  size_t read_ = 0;  // bytes of input_ that are processed
};

}  // namespace ei::kafka::native
