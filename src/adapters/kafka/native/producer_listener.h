#pragma once

#include <string>
#include <string_view>

#include "adapters/kafka/native/cluster_view.h"
#include "adapters/kafka/native/partition_listener.h"
#include "adapters/kafka/wire/messages.h"
#include "base/time.h"

namespace ei::kafka::native {

// Reports about brokers. `where` names one (host:port), or is "the cluster".
class BrokerListener {
 public:
  virtual ~BrokerListener() = default;

  // `code` is a constant.
  virtual void OnBrokerFault(std::string_view code, const std::string& where, std::string_view detail) = 0;
  // The broker accepted a new connection, or renewed its login.
  virtual void OnContact(const std::string& where) = 0;
  // The broker rejected the credentials.
  virtual void OnRefused(const std::string& where, std::string_view detail) = 0;
  // The broker has answered a produce request.
  virtual void OnProduced(const std::string& where, base::Duration took) = 0;
  // The broker asked the client to pause; 0: the pause is over.
  virtual void OnPause(const std::string& where, base::Duration pause) = 0;
};

// Reports of a producer, its partitions and its brokers to the producer's owner; called from within the
// producer's functions.
class ProducerListener : public PartitionListener, public BrokerListener {
 public:
  // Called before batches are handed to the network: everything reported until now must be recorded first.
  virtual void OnWriting() = 0;

  // The partition no longer exists: the brokers don't know its topic, or the topic was recreated with fewer
  // partitions. The listener now owns the batches.
  virtual void OnPartitionGone(const Partition& partition, Batches batches) = 0;

  // The state of a watched topic after an answer: its partitions, or the error.
  virtual void OnTopic(const std::string& topic, const ClusterView::Topic& view) = 0;

  virtual void OnTopicConfigs(const wire::DescribeConfigsResponse* response) = 0;  // null: no answer
};

}  // namespace ei::kafka::native
