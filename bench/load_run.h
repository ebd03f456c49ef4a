#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <vector>

#include "base/result.h"
#include "bench/connection.h"
#include "bench/ledger_file.h"
#include "bench/load_report.h"
#include "bench/load_settings.h"

namespace ei::bench {

// One bounded load run in one thread. Each connection is a separate user: its number is in the events'
// /payload/user_id, and their counters rise in the order in which they are sent. Closed loop: each connection
// keeps `pipeline` requests in flight, and a reply starts the next one. At a fixed rate: request k is due k /
// rate after the start and uses any connection with a free slot. Its latency counts from when it was due, so
// that a stalled server can't hide delays by slowing the generator.
class LoadRun : private ReplyListener {
 public:
  explicit LoadRun(const LoadSettings& settings);
  ~LoadRun() override;
  LoadRun(const LoadRun&) = delete;
  LoadRun& operator=(const LoadRun&) = delete;

  // Blocks until the run has ended and the last replies have arrived, or `drain` has passed. A value of
  // `*stop_requests` ends the run earlier: 1 stops sending, 2 also stops waiting. A signal handler may change
  // it.
  base::Result<LoadReport> Run(const std::atomic<int>* stop_requests);

 private:
  using Time = Clock::time_point;
  // A connection's next action at a given time: to connect, or to repeat a rejected request.
  struct Wake {
    Time at;
    std::uint32_t connection;
    bool operator>(const Wake& other) const { return at > other.at; }
  };
  struct Peer {
    std::unique_ptr<Connection> connection;
    bool connected_before = false;
    bool repeat_waiting = false;  // a rejected request will be sent again at repeat_at or later
    Time repeat_at;
    bool listed_idle = false;  // is in idle_
  };

  void OnReply(const ReplyHead& head, std::string_view body, const InFlight& request) override;
  void Accept(const ReplyHead& head, std::string_view body, const InFlight& request);
  void Open(std::uint32_t index);
  void Opened(std::uint32_t index);
  void Lost(std::uint32_t index);
  void Serve(std::uint32_t index, std::uint32_t events);
  void SendMore(std::uint32_t index);
  void SendDue();
  void RunWakes();
  void CheckEnd();
  bool Finished() const;
  bool AllSent() const { return settings_.requests && sent_ >= *settings_.requests; }
  Time NextDue() const;
  std::chrono::nanoseconds WaitTime() const;
  InFlight NextRequest(Time started);

  const LoadSettings settings_;
  const std::string run_prefix_;
  const EventTemplate request_;
  const std::optional<TlsClient> tls_;
  std::vector<Peer> peers_;
  std::vector<std::uint32_t> idle_;  // connections with a free slot, at a fixed rate
  std::priority_queue<Wake, std::vector<Wake>, std::greater<>> wakes_;
  std::vector<char> scratch_;
  std::optional<LedgerFile> ledger_;
  int epoll_ = -1;

  const std::atomic<int>* stop_requests_ = nullptr;
  bool stopping_ = false;
  bool fault_seen_ = false;
  Time now_;
  Time started_;
  Time stopped_;
  Time last_reply_;
  std::uint32_t current_ = 0;  // the connection whose replies are being read
  std::uint64_t sent_ = 0;     // new requests, without repeats
  std::uint64_t next_counter_ = 0;
  std::uint64_t in_flight_ = 0;
  std::uint64_t repeats_waiting_ = 0;
  LoadReport report_;
};

}  // namespace ei::bench
