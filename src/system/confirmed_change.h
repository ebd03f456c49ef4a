#pragma once

#include <optional>
#include <utility>

namespace ei::system {

// Notices a new value once two calls in a row have found it, so that one that is just being made is left
// alone. Not thread-safe.
template <typename Value>
class ConfirmedChange {
 public:
  explicit ConfirmedChange(std::optional<Value> current) : reported_(std::move(current)) {}

  // Takes the value found now, and nullopt if there is none. Returns it if it is new and confirmed, once for
  // each change. The result is valid until the next call.
  const Value* Observe(std::optional<Value> found) {
    if (!found || found == reported_) {
      pending_.reset();
      return nullptr;
    }
    if (found != pending_) {
      pending_ = std::move(found);
      return nullptr;
    }
    pending_.reset();
    reported_ = std::move(found);
    return &*reported_;
  }

 private:
  std::optional<Value> reported_;
  std::optional<Value> pending_;  // found by the last call, if it differs from reported_
};

}  // namespace ei::system
