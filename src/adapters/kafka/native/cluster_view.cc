#include "adapters/kafka/native/cluster_view.h"

#include <algorithm>
#include <utility>

namespace ei::kafka::native {

using wire::ErrorCode;

namespace {

std::optional<Address> AddressOf(const wire::BrokerAddress& broker) {
  if (broker.node < 0 || broker.host.empty() || broker.port <= 0 || broker.port > 0xffff) return std::nullopt;
  return Address{std::string(broker.host), static_cast<uint16_t>(broker.port)};
}

}  // namespace

std::vector<std::string> ClusterView::Watched() const {
  std::vector<std::string> names;
  names.reserve(topics_.size());
  for (const auto& [name, _] : topics_) names.push_back(name);
  return names;
}

bool ClusterView::Update(int32_t node, const wire::MetadataResponse& response) {
  if (response.brokers.empty() || response.brokers.size() > kBrokersMax) return false;
  brokers_.clear();
  for (const wire::BrokerAddress& broker : response.brokers) {
    if (auto address = AddressOf(broker)) brokers_.insert_or_assign(broker.node, std::move(*address));
  }
  for (const wire::TopicMetadata& metadata : response.topics) {
    const auto known = topics_.find(std::string(metadata.name));
    if (known == topics_.end()) continue;
    Topic& topic = known->second;
    topic.answered = true;
    topic.error = metadata.error;
    topic.missing_answers =
        metadata.error == ErrorCode::kUnknownTopicOrPartition ? topic.missing_answers + 1 : 0;
    // While the topic can't be described, the known partitions stay valid: its events wait in them.
    if (metadata.error != ErrorCode::kNone || metadata.partitions.size() > kPartitionsMax) continue;
    const bool same = metadata.id.Known() && topic.id == metadata.id;
    // The number of partitions never decreases, so this broker's metadata is outdated.
    if (same && metadata.partitions.size() < topic.partitions.size()) continue;
    topic.id = metadata.id;
    const auto lagged = std::exchange(topic.lagging, {});
    topic.lagging.resize(metadata.partitions.size());
    std::vector<Leader> partitions(metadata.partitions.size());
    topic.replicas = 0;
    for (const wire::PartitionMetadata& partition : metadata.partitions) {
      if (partition.index < 0 || static_cast<size_t>(partition.index) >= partitions.size()) continue;
      const auto index = static_cast<size_t>(partition.index);
      partitions[index] = {partition.leader, partition.leader_epoch};
      topic.replicas = std::max(topic.replicas, partition.replicas);
      // An outdated broker doesn't replace what another broker or a hint reported. Several such answers in a
      // row do: leader epochs may restart when a cluster is restored.
      if (!same || index >= topic.partitions.size()) continue;
      if (topic.partitions[index].epoch <= partition.leader_epoch) continue;
      const Topic::Lagging before = index < lagged.size() ? lagged[index] : Topic::Lagging();
      const bool again = before.answers > 0 && before.leader == partitions[index];
      topic.lagging[index] = {partitions[index], node, again ? before.answers + 1 : 1};
      if (again && (before.node != node || before.answers + 1 >= kLaggingAnswersMax)) continue;
      partitions[index] = topic.partitions[index];
    }
    topic.partitions = std::move(partitions);
  }
  return true;
}

void ClusterView::UpdateBrokers(const std::vector<wire::BrokerAddress>& brokers) {
  for (const wire::BrokerAddress& broker : brokers) {
    if (brokers_.size() >= kBrokersMax) return;
    if (auto address = AddressOf(broker)) brokers_.insert_or_assign(broker.node, std::move(*address));
  }
}

void ClusterView::UpdateLeader(const std::string& topic, int32_t partition, const wire::LeaderHint& hint) {
  const auto known = topics_.find(topic);
  if (known == topics_.end() || hint.node < 0 || partition < 0) return;
  auto& partitions = known->second.partitions;
  if (static_cast<size_t>(partition) >= partitions.size()) return;
  Leader& leader = partitions[static_cast<size_t>(partition)];
  if (hint.epoch > leader.epoch) leader = {hint.node, hint.epoch};
}

const Address* ClusterView::Find(int32_t node) const {
  const auto found = brokers_.find(node);
  return found == brokers_.end() ? nullptr : &found->second;
}

const ClusterView::Topic* ClusterView::Find(const std::string& topic) const {
  const auto found = topics_.find(topic);
  return found == topics_.end() ? nullptr : &found->second;
}

ClusterView::Leader ClusterView::LeaderOf(const std::string& topic, int32_t partition) const {
  const Topic* const found = Find(topic);
  if (found == nullptr || partition < 0 || static_cast<size_t>(partition) >= found->partitions.size())
    return {};
  return found->partitions[static_cast<size_t>(partition)];
}

}  // namespace ei::kafka::native
