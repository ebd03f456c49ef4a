#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/ip/tcp.hpp>

#include "base/result.h"
#include "base/time.h"

namespace ei::tokens {

// Finds the addresses of a host with a time limit. The system's resolver takes as long as the name servers do
// and can't be interrupted, so it runs in a thread that is abandoned when it is late. There is at most one
// such thread: a later lookup of the same host waits for it, a lookup of another host fails until it has
// returned.
//
// Find may be called by one thread only; Cancel by any thread.
class HostLookup {
 public:
  using Endpoints = std::vector<boost::asio::ip::tcp::endpoint>;
  using Resolve = std::function<base::Result<Endpoints>(const std::string& host, const std::string& port)>;

  // Uses the resolver of the system.
  HostLookup();
  explicit HostLookup(Resolve resolve);

  // Blocks until the answer is there or `deadline`, a time of the real steady clock. kUnavailable: not found,
  // not in time, or cancelled.
  base::Result<Endpoints> Find(const std::string& host, const std::string& port, base::SteadyTime deadline);

  // Makes the current Find and all later ones fail.
  void Cancel();

 private:
  struct Shared;
  const Resolve resolve_;
  const std::shared_ptr<Shared> shared_;
};

}  // namespace ei::tokens
