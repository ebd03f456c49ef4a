#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "adapters/kafka/redrive_job.h"
#include "redrive/dead_letter_source.h"

namespace ei::kafka {

// Reads the dead letters of a dead-letter topic: each partition from the given offset (from its oldest record
// if none is given) to its end at the time of Open. Reads committed records only, and stops before a
// transaction that is still open.
class DeadLetterTopicReader final : public DeadLetterSource {
 public:
  // `job` must outlive the reader and have its dead letters in a topic.
  static base::Result<std::unique_ptr<DeadLetterTopicReader>> Open(RedriveJob& job,
                                                                   const DeadLetterOffsets& from);
  ~DeadLetterTopicReader() override;

  base::Result<std::optional<DeadLetterRecord>> Next(base::Duration wait) override;
  bool AtEnd() const override { return open_ == 0; }
  DeadLetterOffsets Places() const override;
  Distance Read() const override;

 private:
  // Offsets of one partition.
  struct Reach {
    int64_t first = 0;
    int64_t next = 0;
    int64_t end = 0;
  };

  explicit DeadLetterTopicReader(RedriveJob& job);
  base::Result<void> FindReaches(const DeadLetterOffsets& from);
  base::Result<void> Assign();
  std::unexpected<base::Error> Unreadable(rd_kafka_resp_err_t error) const;
  void OnPartitionEnd(rd_kafka_event_t* event);
  void Advance(int32_t partition, int64_t next);

  RedriveJob& job_;
  rd_kafka_queue_t* const queue_;
  std::map<int32_t, Reach> reaches_;
  size_t open_ = 0;  // partitions that are not read to their end
};

}  // namespace ei::kafka
