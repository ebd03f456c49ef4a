#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/mutex.h"
#include "event/telemetry.h"

namespace ei::support {

// Counts the reported events. Thread-safe.
class RecordingTelemetry final : public Telemetry {
 public:
  struct Counts {
    uint64_t requests = 0;
    uint64_t ack_timeouts = 0;
    std::map<std::string, uint64_t> rejected_requests;
    std::map<std::string, uint64_t> dropped_connections;
    uint64_t full_handshakes = 0;
    uint64_t resumed_handshakes = 0;
    std::map<std::string, uint64_t> failed_handshakes;
    uint64_t received = 0;
    uint64_t accepted = 0;
    uint64_t deduplicated = 0;
    uint64_t id_conflicts = 0;
    uint64_t delivered = 0;
    uint64_t retried = 0;
    uint64_t undelivered = 0;
    uint64_t recognized_repeats = 0;
    uint64_t possible_repeats = 0;
    uint64_t filed = 0;              // dead-lettered events that went to the dead-letter file
    base::Duration longest_wait{0};  // from acceptance to delivery
    std::map<std::string, uint64_t> rejected;
    std::map<std::string, uint64_t> dead_lettered;
    std::map<std::string, uint64_t> sink_faults;
    std::map<std::string, uint64_t> over_share;
    std::map<std::string, uint64_t> unauthenticated;

    uint64_t Rejected() const { return Sum(rejected); }
    uint64_t DeadLettered() const { return Sum(dead_lettered); }

   private:
    static uint64_t Sum(const std::map<std::string, uint64_t>& by_code) {
      uint64_t sum = 0;
      for (const auto& [code, count] : by_code) sum += count;
      return sum;
    }
  };

  void HttpRequest(std::string_view, uint16_t, base::Duration) override {
    base::MutexLock lock(mutex_);
    ++counts_.requests;
  }
  void RequestRejected(std::string_view code) override {
    base::MutexLock lock(mutex_);
    ++counts_.rejected_requests[std::string(code)];
  }
  void ConnectionDropped(std::string_view why) override {
    base::MutexLock lock(mutex_);
    ++counts_.dropped_connections[std::string(why)];
  }
  void TlsHandshake(bool resumed, base::Duration) override {
    base::MutexLock lock(mutex_);
    ++(resumed ? counts_.resumed_handshakes : counts_.full_handshakes);
  }
  void TlsHandshakeFailed(std::string_view reason) override {
    base::MutexLock lock(mutex_);
    ++counts_.failed_handshakes[std::string(reason)];
  }
  void AckTimedOut() override {
    base::MutexLock lock(mutex_);
    ++counts_.ack_timeouts;
  }
  void EventsReceived(uint64_t count) override {
    base::MutexLock lock(mutex_);
    counts_.received += count;
  }
  void EventsAccepted(uint64_t count) override {
    base::MutexLock lock(mutex_);
    counts_.accepted += count;
  }
  void EventsDeduplicated(uint64_t count) override {
    base::MutexLock lock(mutex_);
    counts_.deduplicated += count;
  }
  void EventIdConflicts(uint64_t count) override {
    base::MutexLock lock(mutex_);
    counts_.id_conflicts += count;
  }
  void EventsRejected(std::string_view code, uint64_t count) override {
    base::MutexLock lock(mutex_);
    counts_.rejected[std::string(code)] += count;
  }
  void EventsDelivered(uint64_t count, base::Duration waited) override {
    base::MutexLock lock(mutex_);
    counts_.delivered += count;
    if (waited > counts_.longest_wait) counts_.longest_wait = waited;
  }
  void EventsDeadLettered(std::string_view code, DeadLetterPlace place, uint64_t count) override {
    base::MutexLock lock(mutex_);
    if (place == DeadLetterPlace::kFile) counts_.filed += count;
    counts_.dead_lettered[std::string(code)] += count;
  }
  void EventsRetried(uint64_t count) override {
    base::MutexLock lock(mutex_);
    counts_.retried += count;
  }
  void AuthenticationFailed(std::string_view reason) override {
    const base::MutexLock lock(mutex_);
    ++counts_.unauthenticated[std::string(reason)];
  }
  void ClientOverShare(std::string_view what) override {
    base::MutexLock lock(mutex_);
    ++counts_.over_share[std::string(what)];
  }
  void SinkFault(std::string_view code) override {
    base::MutexLock lock(mutex_);
    ++counts_.sink_faults[std::string(code)];
  }
  void SinkRepeats(bool recognized, uint64_t count) override {
    base::MutexLock lock(mutex_);
    (recognized ? counts_.recognized_repeats : counts_.possible_repeats) += count;
  }
  void EventsUndelivered(uint64_t count) override {
    base::MutexLock lock(mutex_);
    counts_.undelivered += count;
  }

  Counts Read() const {
    base::MutexLock lock(mutex_);
    return counts_;
  }

 private:
  mutable base::Mutex mutex_;
  Counts counts_ GUARDED_BY(mutex_);
};

}  // namespace ei::support
