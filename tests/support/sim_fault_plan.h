#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "support/random.h"
#include "support/sim_disk_counts.h"

namespace ei::support {

enum class DiskFault {
  kEio,      // a changing call may have taken effect, wholly or in part
  kNoSpace,  // ENOSPC; nothing has changed
  kNoFiles,  // kCreate, kOpen: EMFILE
  kShort,    // kWrite: writes at least one byte, but not all
  kLost,     // kSync, kSyncNames: EIO; each part is durable or not, and the next sync covers none
             // ("fsyncgate")
};

// Which operations of a simulated disk fail, and how.
class SimFaultPlan {
 public:
  // The nth call of this kind from now on fails; 1 is the next one.
  void FailNth(DiskCall call, uint64_t nth, DiskFault fault) {
    assert(nth > 0 && Fits(call, fault));
    once_.push_back({call, nth, fault});
  }

  // From now on each call of this kind fails with a chance of one in n; n = 1: every call.
  void FailOneIn(DiskCall call, uint64_t n, DiskFault fault) {
    assert(n > 0 && Fits(call, fault));
    chances_.push_back({call, n, fault});
  }

  void FailNoMore() {
    once_.clear();
    chances_.clear();
  }

  // The fault of the current call, if any.
  std::optional<DiskFault> Next(DiskCall call, Random& random) {
    std::optional<DiskFault> fault;
    for (Rule& rule : once_) {
      if (rule.call == call && --rule.n == 0) fault = rule.fault;
    }
    std::erase_if(once_, [](const Rule& rule) { return rule.n == 0; });
    for (const Rule& rule : chances_) {
      if (rule.call == call && !fault && random.OneIn(rule.n)) fault = rule.fault;
    }
    return fault;
  }

 private:
  struct Rule {
    DiskCall call;
    uint64_t n;
    DiskFault fault;
  };

  static bool Fits(DiskCall call, DiskFault fault) {
    if (fault == DiskFault::kShort) return call == DiskCall::kWrite;
    if (fault == DiskFault::kNoFiles) return call == DiskCall::kCreate || call == DiskCall::kOpen;
    return fault != DiskFault::kLost || call == DiskCall::kSync || call == DiskCall::kSyncNames;
  }

  std::vector<Rule> once_;
  std::vector<Rule> chances_;
};

}  // namespace ei::support
