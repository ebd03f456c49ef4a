#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <string>
#include <string_view>

#include "adapters/telemetry/metric_table.h"

namespace ei::telemetry {

// Numbers the values of a label in the order in which they first appear. At most kCapacity values get a
// number of their own; each later value has the number kOther.
//
// Thread-safe and lock-free. Values are never removed, and each is added at the first free place. So a search
// from the front finds either the value or the place for it, and no value is added twice. Allocates once per
// value.
template <size_t kCapacity>
class LabelSet {
 public:
  static constexpr size_t kOther = kCapacity;

  LabelSet() = default;
  ~LabelSet() {
    for (auto& place : places_) delete place.load(std::memory_order_relaxed);
  }
  LabelSet(const LabelSet&) = delete;
  LabelSet& operator=(const LabelSet&) = delete;

  size_t NumberOf(std::string_view value) {
    if (value.empty() || value == kOtherLabel) return kOther;
    const std::string* mine = nullptr;
    for (size_t i = 0; i < kCapacity; ++i) {
      const std::string* found = places_[i].load(std::memory_order_acquire);
      if (found == nullptr) {
        if (mine == nullptr) mine = new std::string(value);
        if (places_[i].compare_exchange_strong(found, mine, std::memory_order_acq_rel)) return i;
      }
      if (*found == value) {
        delete mine;
        return i;
      }
    }
    delete mine;
    return kOther;
  }

  // Returns the value with this number, which is below kCapacity; empty if the number is not in use yet. The
  // view stays valid as long as the set.
  std::string_view At(size_t number) const {
    const std::string* value = places_[number].load(std::memory_order_acquire);
    return value == nullptr ? std::string_view() : std::string_view(*value);
  }

 private:
  std::array<std::atomic<const std::string*>, kCapacity> places_{};
};

}  // namespace ei::telemetry
