#include "adapters/tokens/host_lookup.h"

#include <charconv>
#include <cstring>
#include <thread>
#include <utility>

#include <netdb.h>

#include <boost/asio/ip/address.hpp>

#include "base/mutex.h"
#include "base/thread_name.h"

namespace ei::tokens {

namespace {

using boost::asio::ip::tcp;

HostLookup::Endpoints EndpointsOf(const addrinfo* found) {
  HostLookup::Endpoints endpoints;
  for (; found != nullptr; found = found->ai_next) {
    tcp::endpoint endpoint;
    if (found->ai_addrlen > endpoint.capacity()) continue;
    std::memcpy(endpoint.data(), found->ai_addr, found->ai_addrlen);
    endpoint.resize(found->ai_addrlen);
    endpoints.push_back(endpoint);
  }
  return endpoints;
}

base::Result<HostLookup::Endpoints> Ask(const std::string& host, const std::string& port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (const int fault = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found); fault != 0) {
    return base::Fail(base::ErrorKind::kUnavailable, host + " can't be resolved: " + ::gai_strerror(fault));
  }
  auto endpoints = EndpointsOf(found);
  ::freeaddrinfo(found);
  return endpoints;
}

}  // namespace

struct HostLookup::Shared {
  base::Mutex mutex;
  base::CondVar changed;
  bool cancelled GUARDED_BY(mutex) = false;
  std::string asked GUARDED_BY(mutex);  // host and port that a thread is looking up; empty: none
  base::Result<Endpoints> answer GUARDED_BY(mutex);
};

HostLookup::HostLookup() : HostLookup(Ask) {}

HostLookup::HostLookup(Resolve resolve) : resolve_(std::move(resolve)), shared_(std::make_shared<Shared>()) {}

base::Result<HostLookup::Endpoints> HostLookup::Find(const std::string& host, const std::string& port,
                                                     base::SteadyTime deadline) {
  boost::system::error_code no_address;
  if (const auto address = boost::asio::ip::make_address(host, no_address); !no_address) {
    uint16_t number = 0;
    std::from_chars(port.data(), port.data() + port.size(), number);
    return Endpoints{{address, number}};
  }
  const std::string question = host + ":" + port;
  Shared& shared = *shared_;
  const base::MutexLock lock(shared.mutex);
  if (!shared.asked.empty() && shared.asked != question) {
    return base::Fail(base::ErrorKind::kUnavailable,
                      host + " can't be resolved: the lookup of " + shared.asked + " is still running");
  }
  if (shared.asked.empty()) {
    shared.asked = question;
    std::thread([shared = shared_, resolve = resolve_, host, port] {
      base::NameThisThread("name-lookup");
      auto answer = resolve(host, port);
      const base::MutexLock done(shared->mutex);
      shared->answer = std::move(answer);
      shared->asked.clear();
      shared->changed.NotifyAll();
    }).detach();  // ban-ok(detach): the resolver may block forever
  }
  // ban-ok(clock): waits for a real thread
  while (!shared.asked.empty() && !shared.cancelled && std::chrono::steady_clock::now() < deadline) {
    shared.changed.WaitUntil(shared.mutex, deadline);
  }
  if (shared.asked.empty()) return std::move(shared.answer);
  return base::Fail(base::ErrorKind::kUnavailable,
                    host + (shared.cancelled ? ": the lookup was cancelled" : " was not resolved in time"));
}

void HostLookup::Cancel() {
  const base::MutexLock lock(shared_->mutex);
  shared_->cancelled = true;
  shared_->changed.NotifyAll();
}

}  // namespace ei::tokens
