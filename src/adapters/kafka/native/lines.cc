#include "adapters/kafka/native/lines.h"

namespace ei::kafka::native {

Line& Lines::Of(const std::string& topic, int32_t partition) {
  auto& line = lines_[{topic, partition}];
  if (line == nullptr) {
    line = std::make_unique<Line>(topic, partition, options_, listener_);
    if (producer_.id >= 0) line->partition.OnProducerId(producer_);
    const ClusterView::Leader leader = cluster_.LeaderOf(topic, partition);
    const ClusterView::Topic* const known = cluster_.Find(topic);
    if (known != nullptr) line->partition.OnLeader(leader.node, leader.epoch, known->id, {});
  }
  return *line;
}

void Lines::List(Line& line) {
  another_id_needed_ = another_id_needed_ || line.partition.Wanted().producer_id;
  const int32_t leader = line.partition.Queue().Empty() ? -1 : line.partition.Leader();
  if (line.listed_at == leader) return;
  if (line.listed_at >= 0) std::erase(listed_[line.listed_at].lines, &line);
  line.listed_at = leader;
  if (leader >= 0) listed_[leader].lines.push_back(&line);
}

void Lines::ListOrGiveBack(Line& line) {
  List(line);
  Partition& partition = line.partition;
  const ClusterView::Topic* const topic = cluster_.Find(partition.Topic());
  if (topic == nullptr || partition.Queue().Empty() || partition.Out() > 0) return;
  const size_t partitions = topic->partitions.size();
  const bool known = partitions == 0 || static_cast<size_t>(partition.Index()) < partitions;
  if (known && !topic->Missing()) return;
  Batches batches = partition.GiveBack();
  List(line);
  listener_.OnPartitionGone(partition, std::move(batches));
}

void Lines::FollowLeaders(base::SteadyTime now) {
  for (const auto& [_, line] : lines_) {
    Partition& partition = line->partition;
    const ClusterView::Topic* const topic = cluster_.Find(partition.Topic());
    if (topic == nullptr || !topic->answered) continue;
    const ClusterView::Leader leader = cluster_.LeaderOf(partition.Topic(), partition.Index());
    partition.OnLeader(leader.node, leader.epoch, topic->id, now);
    ListOrGiveBack(*line);
  }
  std::erase_if(listed_, [this](const auto& entry) {
    return entry.second.lines.empty() && cluster_.Find(entry.first) == nullptr;
  });
}

bool Lines::AnyAt(int32_t leader) const {
  const auto found = listed_.find(leader);
  return found != listed_.end() && !found->second.lines.empty();
}

void Lines::OnProducerId(const ProducerId& id) {
  producer_ = id;
  another_id_needed_ = false;
  for (const auto& [_, line] : lines_) {
    line->partition.OnProducerId(id);
    List(*line);
  }
}

}  // namespace ei::kafka::native
