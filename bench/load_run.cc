#include "bench/load_run.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace ei::bench {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kScratchBytes = std::size_t{64} * 1024;
constexpr int kEventsPerWait = 256;
// How soon a lost connection is reopened: soon enough to notice a restarted server, without a connection
// storm.
constexpr std::chrono::nanoseconds kReconnectDelay = 20ms;
// Upper limit of a wait: a signal that arrives just before the wait is noticed after this time.
constexpr std::chrono::nanoseconds kWaitMax = 100ms;

double CpuSeconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

LoadRun::LoadRun(const LoadSettings& settings)
    : settings_(settings),
      run_prefix_(NewRunPrefix()),
      request_(EventTemplate::Request(run_prefix_, settings.event_bytes, settings.events_per_request,
                                      settings.host, settings.path, settings.spoilt, settings.header)),
      tls_(settings.tls ? std::optional<TlsClient>(std::in_place, settings.resumes) : std::nullopt),
      peers_(settings.connections),
      scratch_(kScratchBytes) {
  for (std::uint32_t index = 0; index < settings.connections; ++index) {
    peers_[index].connection =
        std::make_unique<Connection>(request_,
                                     ConnectionKind{.pipeline = settings.pipeline,
                                                    .close_after = settings.close_after,
                                                    .tls = tls_ ? &*tls_ : nullptr},
                                     index);
  }
  idle_.reserve(peers_.size());
  report_.run_prefix = run_prefix_;
}

LoadRun::~LoadRun() {
  if (epoll_ >= 0) ::close(epoll_);
}

base::Result<LoadReport> LoadRun::Run(const std::atomic<int>* stop_requests) {
  stop_requests_ = stop_requests;
  if (!settings_.ledger.empty()) {
    auto ledger = LedgerFile::Open(settings_.ledger, run_prefix_);
    if (!ledger) return std::unexpected(ledger.error());
    ledger_ = std::move(*ledger);
  }
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  if (epoll_ < 0) return base::Fail(base::ErrorKind::kUnavailable, std::strerror(errno));

  started_ = last_reply_ = now_ = Clock::now();
  for (std::uint32_t index = 0; index < peers_.size(); ++index) Open(index);
  std::array<epoll_event, kEventsPerWait> ready{};
  while (!Finished()) {
    const auto wait = WaitTime();
    const timespec timeout{.tv_sec = wait / 1s, .tv_nsec = (wait % 1s).count()};
    const int count = ::epoll_pwait2(epoll_, ready.data(), kEventsPerWait, &timeout, nullptr);
    now_ = Clock::now();
    for (int i = 0; i < count; ++i) Serve(ready[i].data.u32, ready[i].events);
    RunWakes();
    CheckEnd();
    if (settings_.rate) SendDue();
  }

  report_.unanswered += in_flight_;
  report_.given_up += repeats_waiting_;
  if (settings_.rate && !settings_.requests) {
    const double due = std::chrono::duration<double>(stopped_ - started_).count() * *settings_.rate;
    report_.not_sent = static_cast<std::uint64_t>(std::max(0.0, due - static_cast<double>(sent_)));
  }
  report_.seconds = std::chrono::duration<double>(last_reply_ - started_).count();
  report_.cpu_seconds = CpuSeconds();
  if (ledger_) {
    if (const auto closed = ledger_->Close(); !closed) return std::unexpected(closed.error());
  }
  return report_;
}

void LoadRun::Open(std::uint32_t index) {
  Peer& peer = peers_[index];
  const auto state = peer.connection->Connect(settings_.address, settings_.source);
  if (state == Connection::State::kClosed) {
    ++report_.connect_errors;
    fault_seen_ = true;
    wakes_.push({now_ + kReconnectDelay, index});
    return;
  }
  epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {.u32 = index}};
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, peer.connection->Socket(), &event);
  if (state == Connection::State::kOpen) Opened(index);
}

void LoadRun::Opened(std::uint32_t index) {
  Peer& peer = peers_[index];
  if (peer.connected_before) ++report_.reconnects;
  peer.connected_before = true;
  SendMore(index);
}

void LoadRun::Lost(std::uint32_t index) {
  Peer& peer = peers_[index];
  Connection& connection = *peer.connection;
  report_.unanswered += connection.RequestsInFlight();
  in_flight_ -= connection.RequestsInFlight();
  if (!connection.ReplyError().empty()) {
    ++report_.bad_replies;
    if (report_.first_bad_reply.empty()) report_.first_bad_reply = connection.ReplyError();
  }
  const bool in_order = connection.ClosedInOrder();
  connection.Close();
  if (!in_order) fault_seen_ = true;
  if (!stopping_) wakes_.push({in_order ? now_ : now_ + kReconnectDelay, index});
}

void LoadRun::Serve(std::uint32_t index, std::uint32_t events) {
  Connection& connection = *peers_[index].connection;
  if (connection.CurrentState() == Connection::State::kConnecting) {
    const auto state = connection.FinishConnect();
    if (state == Connection::State::kOpen) {
      Opened(index);
    } else if (state == Connection::State::kClosed) {
      ++report_.connect_errors;
      fault_seen_ = true;
      wakes_.push({now_ + kReconnectDelay, index});
    }
    return;
  }
  if (connection.CurrentState() == Connection::State::kClosed) return;
  if ((events & ~std::uint32_t{EPOLLOUT}) != 0) {
    current_ = index;
    if (connection.Receive(scratch_, *this) == Connection::State::kClosed) {
      Lost(index);
      return;
    }
  }
  SendMore(index);
}

InFlight LoadRun::NextRequest(Time started) {
  const std::uint64_t every = settings_.nameless_every;
  const bool named = every == 0 || sent_ % every != every - 1;
  const InFlight request{.first_counter = next_counter_, .started = started, .named = named};
  next_counter_ += settings_.events_per_request;
  ++sent_;
  ++in_flight_;
  ++report_.requests;
  return request;
}

void LoadRun::SendMore(std::uint32_t index) {
  Peer& peer = peers_[index];
  Connection& connection = *peer.connection;
  if (settings_.rate) {
    if (connection.HasRoom() && !peer.repeat_waiting && !peer.listed_idle) {
      peer.listed_idle = true;
      idle_.push_back(index);
    }
  } else {
    while (!stopping_ && !AllSent() && !peer.repeat_waiting && connection.HasRoom()) {
      connection.Queue(NextRequest(Clock::now()));
    }
  }
  connection.Flush();
}

LoadRun::Time LoadRun::NextDue() const {
  const std::chrono::duration<double> offset(static_cast<double>(sent_) / *settings_.rate);
  return started_ + std::chrono::duration_cast<std::chrono::nanoseconds>(offset);
}

void LoadRun::SendDue() {
  while (!stopping_ && !AllSent() && !idle_.empty() && NextDue() <= now_) {
    const std::uint32_t index = idle_.back();
    idle_.pop_back();
    peers_[index].listed_idle = false;
    Connection& connection = *peers_[index].connection;
    if (!connection.HasRoom() || peers_[index].repeat_waiting) continue;
    const Time due = NextDue();
    connection.Queue(NextRequest(due));
    SendMore(index);
  }
}

void LoadRun::OnReply(const ReplyHead& head, std::string_view body, const InFlight& request) {
  last_reply_ = Clock::now();
  --in_flight_;
  ++report_.statuses[static_cast<std::size_t>(head.status)];
  (request.named ? report_.latency : report_.nameless_latency).Record(last_reply_ - request.started);
  if (head.status >= 200 && head.status < 300) {
    Accept(head, body, request);
    return;
  }
  const bool refused = head.status == 429 || head.status == 503;
  if (!refused || !settings_.retry_refused) return;
  if (stopping_) {
    ++report_.given_up;
    return;
  }
  Peer& peer = peers_[current_];
  peer.repeat_waiting = true;
  const std::chrono::nanoseconds asked = head.retry_after.value_or(1s);
  peer.repeat_at = last_reply_ + std::min(asked, settings_.retry_wait_max);
  ++repeats_waiting_;
  wakes_.push({peer.repeat_at, current_});
}

void LoadRun::Accept(const ReplyHead& head, std::string_view body, const InFlight& request) {
  std::vector<std::uint32_t> refused;
  if (head.status == 207) {
    auto indices = ParseRefusedIndices(body, settings_.events_per_request);
    if (!indices) {
      ++report_.bad_replies;
      if (report_.first_bad_reply.empty()) report_.first_bad_reply = indices.error().message;
      fault_seen_ = true;
      return;
    }
    refused = std::move(*indices);
  }
  report_.accepted_events += settings_.events_per_request - refused.size();
  if (request.named) report_.accepted_latency.Record(last_reply_ - request.started);
  if (!ledger_) return;
  auto next_refused = refused.begin();
  for (std::uint32_t event = 0; event < settings_.events_per_request; ++event) {
    if (next_refused != refused.end() && *next_refused == event) {
      ++next_refused;
    } else {
      ledger_->Add(request.first_counter + event);
    }
  }
}

void LoadRun::RunWakes() {
  while (!stopping_ && !wakes_.empty() && wakes_.top().at <= now_) {
    const std::uint32_t index = wakes_.top().connection;
    wakes_.pop();
    Peer& peer = peers_[index];
    if (peer.connection->CurrentState() == Connection::State::kClosed) Open(index);
    if (!peer.repeat_waiting || now_ < peer.repeat_at) continue;
    if (peer.connection->HasRoom()) {
      peer.repeat_waiting = false;
      --repeats_waiting_;
      ++in_flight_;
      ++report_.requests;
      peer.connection->QueueAgain(now_);
      peer.connection->Flush();
    } else {
      wakes_.push({now_ + kReconnectDelay, index});
    }
  }
}

void LoadRun::CheckEnd() {
  if (stopping_) return;
  const bool time_is_up = settings_.duration && now_ - started_ >= *settings_.duration;
  const bool all_answered = AllSent() && in_flight_ == 0 && repeats_waiting_ == 0;
  const bool fault_ends = settings_.stop_on_error && fault_seen_;
  if (time_is_up || all_answered || fault_ends || stop_requests_->load(std::memory_order_relaxed) > 0) {
    stopping_ = true;
    stopped_ = now_;
  }
}

bool LoadRun::Finished() const {
  if (!stopping_) return false;
  return in_flight_ == 0 || now_ - stopped_ >= settings_.drain ||
         stop_requests_->load(std::memory_order_relaxed) > 1;
}

std::chrono::nanoseconds LoadRun::WaitTime() const {
  Time until = now_ + kWaitMax;
  if (stopping_) {
    until = std::min(until, stopped_ + settings_.drain);
  } else {
    if (settings_.duration) until = std::min(until, started_ + *settings_.duration);
    if (!wakes_.empty()) until = std::min(until, wakes_.top().at);
    if (settings_.rate && !idle_.empty() && !AllSent()) until = std::min(until, NextDue());
  }
  return std::max<std::chrono::nanoseconds>(until - Clock::now(), 0ns);
}

}  // namespace ei::bench
