#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/mutex.h"
#include "clients/authenticator.h"

namespace ei::support {

// The clients that FakeAuthenticator knows, by the value of Authorization or of X-API-Key. Thread-safe.
class FakeClients {
 public:
  void Set(const std::string& credential, Client client) {
    const base::MutexLock lock(mutex_);
    clients_[credential] = std::make_shared<const Client>(std::move(client));
    ++version_;
  }
  void Remove(const std::string& credential) {
    const base::MutexLock lock(mutex_);
    clients_.erase(credential);
    ++version_;
  }
  std::shared_ptr<const Client> Find(std::string_view credential) const {
    const base::MutexLock lock(mutex_);
    ++lookups_;
    const auto found = clients_.find(credential);
    return found == clients_.end() ? nullptr : found->second;
  }
  uint64_t Version() const { return version_; }
  uint64_t Lookups() const { return lookups_; }

 private:
  mutable base::Mutex mutex_;
  std::map<std::string, std::shared_ptr<const Client>, std::less<>> clients_ GUARDED_BY(mutex_);
  std::atomic<uint64_t> version_{1};
  mutable std::atomic<uint64_t> lookups_{0};
};

class FakeAuthenticator final : public Authenticator {
 public:
  explicit FakeAuthenticator(const FakeClients& clients) : clients_(clients) {}

  Authentication Authenticate(const Credentials& credentials, base::WallTime) override {
    const std::string_view credential =
        credentials.authorization.empty() ? credentials.api_key : credentials.authorization;
    if (credential.empty()) return {.client = nullptr, .fault = AuthFault::kNoCredentials};
    auto client = clients_.Find(credential);
    const AuthFault fault = client == nullptr ? AuthFault::kUnknownKey : AuthFault::kNone;
    return {.client = std::move(client), .fault = fault};
  }
  uint64_t Version() const override { return clients_.Version(); }
  std::string_view Challenge() const override { return "Bearer realm=\"events\""; }

 private:
  const FakeClients& clients_;
};

}  // namespace ei::support
