#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "adapters/kafka/native/broker_connections.h"
#include "adapters/kafka/native/lines.h"
#include "adapters/kafka/native/link.h"
#include "adapters/kafka/wire/messages.h"
#include "base/time.h"

namespace ei::kafka::native {

// The unanswered produce requests, and which batches go into the next one.
//
//  - A broker processes one request at a time on a connection (docs/KAFKA.md). So a small request waits until
//    the previous one is answered or was sent kGather ago: batches that are added meanwhile go with it. At
//    most kOutMax requests are unanswered on a connection.
//  - A partition whose request was slow uses a second connection to the same broker, where each request has
//    one batch, until it is fast again. So a stalled partition doesn't delay others.
//
// One thread.
class ProduceRequests {
 public:
  static constexpr size_t kOutMax = 5;  // requests on a connection
  static constexpr base::Duration kGather = std::chrono::milliseconds(2);
  static constexpr size_t kSmallBytes = 64 << 10;  // a smaller request waits for more

  struct Options {
    base::Duration timeout = std::chrono::seconds(10);
    size_t bytes_max = 4 << 20;  // for several batches; a single batch may be larger
  };

  struct Sent {
    Line* line;
    Batch* batch;
    const wire::PartitionProduced* answer = nullptr;  // a view into the response; null: it has none
  };
  struct Request {
    std::vector<Sent> batches;
    uint64_t records = 0;
    base::SteadyTime sent_at;
    bool alone = false;  // one batch, on the connection for slow partitions
  };

  explicit ProduceRequests(const Options& options) : options_(options) {}

  // Sends the next batches of the lines, and removes the lines that may send no more now. Returns when to
  // call it again for those that are left; max(): after the next answer. `now_ms`: since 1970.
  base::SteadyTime Send(Connection& connection, std::vector<Line*>& lines, base::SteadyTime now,
                        int64_t now_ms);
  // Removes a request that was answered, or whose connection has ended, and returns it.
  Request Take(const Link::Request& request);
  // Sets the answers of the request's batches.
  static void Match(Request& request, const wire::ProduceResponse& response);

  uint64_t RecordsOut() const { return records_out_; }

 private:
  void SendOne(Connection& connection, const std::vector<Line*>& lines, base::SteadyTime now, int64_t now_ms);

  const Options options_;
  std::unordered_map<uint64_t, Request> requests_;  // by Link::Request::context
  uint64_t last_request_ = 0;
  uint64_t records_out_ = 0;
};

}  // namespace ei::kafka::native
