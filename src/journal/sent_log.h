#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ei {

// A batch that was sent, and of which it isn't known whether it stands in the destination.
struct SentBatch {
  std::string stamp;                // the sink's own: by it the destination knows the batch again
  std::vector<uint64_t> positions;  // of its events, rising
  // Some of the events are settled already: it was not taken as it was sent.
  bool broken = false;
};

// What a lane has sent, beyond the life of the process: the next one sends the same batches under the same
// stamps, and the destination knows them again. Each note is true whatever becomes of the others: a loss of
// power, or a fault of the disk, may take some, and what those tell of may be delivered twice.
//
// One thread, the lane's.
class SentLog {
 public:
  virtual ~SentLog() = default;

  // What earlier lives have sent and not settled, in the order in which it was sent. Gives it once. Nothing
  // where the journal had another number of lanes then.
  virtual std::vector<SentBatch> TakeUnsettled() = 0;

  // A batch is about to be sent. One that was noted with any of these positions is a batch no more. The
  // positions rise. An empty stamp: they are in no batch from now on.
  virtual void NoteSent(std::span<const uint64_t> positions, std::string_view stamp) = 0;

  // Events need nothing more, and are about to be settled in the journal: before the second Flush from here.
  // In any order.
  virtual void NoteSettled(std::span<const uint64_t> positions) = 0;

  // From here on the notes outlive the process, though not a loss of power. To be called before what they
  // tell of is sent. A fault costs notes, and is told to operators.
  virtual void Flush() = 0;
};

}  // namespace ei
