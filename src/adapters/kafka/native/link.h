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

// A request that is to be sent: bytes of the link's own, and batches between them that belong to others and
// stay where they are until they are answered or the link has ended.
struct Outgoing {
  std::string bytes;
  std::vector<wire::Splice> splices;

  bool Empty() const { return bytes.empty(); }
};

// The protocol on one connection to a broker: the versions that both know, the login and its renewal,
// requests and the answers to them in their order, time-outs. It does no I/O: the owner tells it what the
// connection gives and sends what Take returns.
//
//   connecting --OnConnected--> versions --> [mechanism --> login] --> ready --> ended
//
// While a login is renewed (KIP-368) nothing else may be asked; MaySend says so. One thread.
class Link {
 public:
  // Of a response; a larger one is nothing that a broker would send us.
  static constexpr size_t kResponseBytesMax = 16 << 20;
  // Brokers refuse a renewal within a second of the one before (findings/kafka_reauth_within_a_second.sh).
  // The session may be over by then; it can be renewed all the same, if nothing was sent since.
  static constexpr base::Duration kRenewalsApart = std::chrono::milliseconds(1100);
  // Of the words about its end, which may be a broker's.
  static constexpr size_t kReasonBytesMax = 500;

  // A request that is not answered.
  struct Request {
    wire::Api api{};
    int16_t version = 0;
    int32_t correlation_id = 0;
    base::Duration timeout{};
    uint64_t context = 0;  // the owner's
    // How long it was the broker's next one, pauses left out; of one without an answer nothing where another
    // was before it. Known when it has ended.
    std::optional<base::Duration> waited = std::nullopt;
  };

  struct Options {
    std::string client_id = "event-ingestor";
    std::string software_version = "0";
    base::Duration timeout = std::chrono::seconds(10);  // for a request of the link's own
    std::string mechanism;                              // of SASL; empty: no login
    // Makes the exchange of a login, with the credentials of now.
    std::function<base::Result<std::unique_ptr<SaslExchange>>()> make_sasl = nullptr;
  };

  enum class State : uint8_t { kConnecting, kVersions, kMechanism, kLogin, kReady, kEnded };

  // Why it ended, for the log and for what is done next.
  enum class End : uint8_t {
    kClosed,       // by the other side, or the network
    kTimedOut,     // a request was not answered in time
    kNonsense,     // what came is no answer of a Kafka broker
    kRefused,      // the login
    kUnsupported,  // a version that both know of a request we can't do without
  };

  Link(const Options& options, base::SteadyTime now) : options_(options), used_at_(now) {}

  State Now() const { return state_; }
  bool Ready() const { return state_ == State::kReady; }
  bool Ended() const { return state_ == State::kEnded; }
  // How often the broker has let us in: when it became ready, and with each renewal of its login, which is
  // due after 9/10 of what the broker grants (the Java client: after 0.85 to 0.95), but never sooner than
  // brokers allow.
  uint64_t TimesLetIn() const { return times_let_in_; }
  End Why() const { return why_; }
  const std::string& Reason() const { return reason_; }

  void OnConnected(base::SteadyTime now);

  // Bytes that came; calls answer(request, response) for each whole response to a request of the owner's, the
  // bytes behind its correlation id. The owner may Send from within.
  template <typename Answer>
  void OnBytes(std::string_view bytes, base::SteadyTime now, Answer answer) {
    input_.append(bytes);
    while (const auto response = TakeResponse(now))
      answer(response->request, std::string_view(response->body));
  }

  // The connection is gone. Requests() are those without an answer.
  void OnClosed(std::string_view reason) { Finish(End::kClosed, reason); }

  // What it answered can't be read, or makes no sense.
  void OnNonsense() { Finish(End::kNonsense, "an answer of it makes no sense"); }

  // The broker reads nothing until then, so no time-out runs.
  void Hold(base::SteadyTime until) { first_since_ = std::max(first_since_, until); }

  // Whether the owner may ask now. The rest of its limits is its own: how many requests are out, throttling.
  bool MaySend(base::SteadyTime now) const;
  // nullopt: this broker doesn't know the request.
  std::optional<int16_t> VersionOf(wire::Api api) const { return agreed_.Newest(api); }

  // Adds a request that this broker knows; encode(bytes, splices, header) appends it.
  template <typename Encode>
  void Send(wire::Api api, base::Duration timeout, uint64_t context, base::SteadyTime now, Encode encode) {
    const Request& request = Add(api, VersionOf(api).value_or(0), timeout, context, now);
    encode(out_.back().bytes, out_.back().splices, HeaderOf(request));
  }

  const std::deque<Request>& Requests() const { return requests_; }
  // How long the oldest request has been the broker's next one; 0: there is none, or a pause lies ahead.
  base::Duration Waited(base::SteadyTime now) const;
  // Requests(), for the end of the link.
  std::deque<Request> Unanswered(base::SteadyTime now) const;

  // The next request that is to be sent now; empty: there is none. OnWritten is to be called for each, once
  // it has left this process: an answer that comes before its request has gone is none. One at a time, as a
  // broker answers the first while the second doesn't fit the socket's buffers yet.
  Outgoing Take() {
    if (out_.empty()) return {};
    Outgoing next = std::move(out_.front());
    out_.pop_front();
    return next;
  }
  void OnWritten() {
    if (unwritten_ > out_.size()) --unwritten_;
  }

  // Ends it when a request has waited too long, renews the login in time. To be called at NextLook at the
  // latest.
  void Look(base::SteadyTime now);
  base::SteadyTime NextLook() const;

  // Since the last request or answer.
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
  void AskVersions(int16_t version, base::SteadyTime now);
  void OnVersions(int16_t version, std::string_view body, base::SteadyTime now);
  void BeginLogin(base::SteadyTime now);
  void OnMechanism(int16_t version, std::string_view body, base::SteadyTime now);
  void SayLogin(std::string_view message, base::SteadyTime now);
  void OnLogin(int16_t version, std::string_view body, base::SteadyTime now);
  void BecomeReady();
  void Finish(End why, std::string_view reason);

  const Options options_;
  State state_ = State::kConnecting;
  End why_ = End::kClosed;
  std::string reason_;
  wire::AgreedVersions agreed_;
  std::unique_ptr<SaslExchange> sasl_;  // while a login is under way
  std::optional<base::SteadyTime> renew_at_;
  std::optional<base::SteadyTime> session_ends_at_;
  bool renewing_ = false;
  uint64_t times_let_in_ = 0;

  int32_t next_correlation_id_ = 0;
  std::deque<Request> requests_;  // oldest first; brokers answer in this order
  size_t unwritten_ = 0;          // of these, the last ones
  base::SteadyTime first_since_;  // the oldest one has been the broker's next since then
  base::SteadyTime used_at_;
  std::deque<Outgoing> out_;  // one for each request that isn't taken
  std::string input_;
  size_t read_ = 0;  // of input_
};

}  // namespace ei::kafka::native
