#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "adapters/kafka/redrive_job.h"
#include "redrive/dead_letter_source.h"

namespace ei::kafka {

// The dead letters of a dead-letter topic, from the places given (where there are none: from the oldest) to
// where each partition ended when this was opened. Reads what is committed, and ends before a transaction
// that isn't over.
class DeadLetterTopicReader final : public DeadLetterSource {
 public:
  // The job outlives it, and is in the topic.
  static base::Result<std::unique_ptr<DeadLetterTopicReader>> Open(RedriveJob& job,
                                                                   const DeadLetterOffsets& from);
  ~DeadLetterTopicReader() override;

  base::Result<std::optional<DeadLetterRecord>> Next(base::Duration wait) override;
  bool AtEnd() const override { return open_ == 0; }
  DeadLetterOffsets Places() const override;
  Distance Read() const override;

 private:
  // Of one partition, as offsets.
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
  size_t open_ = 0;  // partitions that are not at their end
};

}  // namespace ei::kafka
