#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "adapters/kafka/native/cluster_view.h"
#include "adapters/kafka/native/partition.h"
#include "adapters/kafka/native/producer_listener.h"
#include "adapters/kafka/native/retried_request.h"
#include "base/time.h"

namespace ei::kafka::native {

// A partition and its place in the producer.
struct Line {
  Line(std::string topic, int32_t index, const Partition::Options& options, PartitionListener& listener)
      : partition(std::move(topic), index, options, listener) {}
  Partition partition;

  // Managed by the producer.
  int32_t listed_at = -1;        // the leader that has it in its list; -1: none
  bool slow = false;             // it uses the connection for slow partitions
  RetriedRequest last_sequence;  // DescribeProducers
  uint64_t confirmed_after = 0;  // number of the last metadata request that is too old for OnTopicId
};

// All partitions of a producer. A partition is listed at its leader while it has batches. One thread.
class Lines {
 public:
  // The lines that are listed at a leader.
  struct Listed {
    std::vector<Line*> lines;
    size_t turn = 0;  // index of the line that the next request starts with
  };

  // `cluster` and `listener` must outlive the lines.
  Lines(const Partition::Options& options, const ClusterView& cluster, ProducerListener& listener)
      : options_(options), cluster_(cluster), listener_(listener) {}

  // The reference stays valid.
  Line& Of(const std::string& topic, int32_t partition);
  const std::map<std::pair<std::string, int32_t>, std::unique_ptr<Line>>& All() const { return lines_; }

  // Must be called after each change of the partition: lists the line at its leader, or nowhere if it has no
  // batches.
  void List(Line& line);
  // The same. If the partition doesn't exist any more, the listener gets its batches.
  void ListOrGiveBack(Line& line);
  // There is new metadata.
  void FollowLeaders(base::SteadyTime now);

  std::map<int32_t, Listed>& ByLeader() { return listed_; }
  bool AnyAt(int32_t leader) const;

  // There is no producer id yet, or a partition needs another one.
  bool NeedProducerId() const { return producer_.id < 0 || another_id_needed_; }
  const ProducerId& Producer() const { return producer_; }
  void OnProducerId(const ProducerId& id);

 private:
  const Partition::Options options_;
  const ClusterView& cluster_;
  ProducerListener& listener_;

  std::map<std::pair<std::string, int32_t>, std::unique_ptr<Line>> lines_;
  std::map<int32_t, Listed> listed_;  // by leader; may have empty ones
  ProducerId producer_;
  bool another_id_needed_ = false;
};

}  // namespace ei::kafka::native
