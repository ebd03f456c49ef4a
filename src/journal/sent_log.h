#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ei {

// A batch that was sent and may or may not be stored in the destination.
struct SentBatch {
  std::string stamp;                // given by the sink; the destination recognises a repeated batch by it
  std::vector<uint64_t> positions;  // of its events, ascending
  // Some of the events are settled already: the batch was not accepted as it was sent.
  bool broken = false;
};

// A lane's record of what it has sent. It survives the process: the next process sends the same batches with
// the same stamps, and the destination recognises them. Each note is valid even if others are lost. A loss of
// power or a disk fault may lose notes; the events that they describe may then be delivered twice.
//
// Used by one thread, the lane's.
class SentLog {
 public:
  virtual ~SentLog() = default;

  // Returns the batches that previous processes sent and did not settle, in the order in which they were
  // sent. Returns them only once. Returns none if the journal had a different number of lanes then.
  virtual std::vector<SentBatch> TakeUnsettled() = 0;

  // A batch is about to be sent. `positions` are ascending. An earlier batch with any of these positions is
  // no longer a batch. An empty stamp: the positions are in no batch from now on.
  virtual void NoteSent(std::span<const uint64_t> positions, std::string_view stamp) = 0;

  // The events are finished. They must be settled in the journal before the second Flush from now.
  // `positions` may be in any order.
  virtual void NoteSettled(std::span<const uint64_t> positions) = 0;

  // After this call all notes survive the process, though not a loss of power. Must be called before the
  // batches that they describe are sent. A fault loses notes and is logged.
  virtual void Flush() = 0;
};

}  // namespace ei
