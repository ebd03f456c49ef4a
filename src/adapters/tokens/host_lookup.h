#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/ip/tcp.hpp>

#include "base/result.h"
#include "base/time.h"

namespace ei::tokens {

// Finds the addresses of a host without waiting longer than it is told to. The system's resolver takes as
// long as the name servers do and can't be interrupted, so it is asked by a thread that is left to itself
// when it is late. There is one such thread at a time: a lookup of the same host takes up with it, one of
// another host fails until it is back.
//
// Find belongs to one thread; Cancel may be called from any.
class HostLookup {
 public:
  using Endpoints = std::vector<boost::asio::ip::tcp::endpoint>;
  using Resolve = std::function<base::Result<Endpoints>(const std::string& host, const std::string& port)>;

  // Asks the system.
  HostLookup();
  explicit HostLookup(Resolve resolve);

  // kUnavailable: not found, not in time, or cancelled. `deadline` is on the real steady clock.
  base::Result<Endpoints> Find(const std::string& host, const std::string& port, base::SteadyTime deadline);

  // Ends the Find under way; it and all later ones fail.
  void Cancel();

 private:
  struct Shared;
  const Resolve resolve_;
  const std::shared_ptr<Shared> shared_;
};

}  // namespace ei::tokens
