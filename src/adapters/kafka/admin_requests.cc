#include "adapters/kafka/admin_requests.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <memory>
#include <span>

#include "adapters/kafka/failure_table.h"

namespace ei::kafka {

namespace {

constexpr int kRequestMillis = 5000;
constexpr std::string_view kNoSettings = "a topic's settings can't be read";

using Event = std::unique_ptr<rd_kafka_event_t, void (*)(rd_kafka_event_t*)>;
using Options = std::unique_ptr<rd_kafka_AdminOptions_t, void (*)(rd_kafka_AdminOptions_t*)>;
using SendRequest = std::function<void(const rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* answers)>;

std::unexpected<base::Error> RequestFailed(std::string_view request, rd_kafka_resp_err_t error) {
  return base::Fail(IsTransient(error) ? base::ErrorKind::kUnavailable : base::ErrorKind::kInvalid,
                    std::string(request) + ": " + rd_kafka_err2str(error));
}

Options NewOptions(rd_kafka_t* client, rd_kafka_admin_op_t operation) {
  Options options(rd_kafka_AdminOptions_new(client, operation), &rd_kafka_AdminOptions_destroy);
  std::array<char, 512> fault{};
  rd_kafka_AdminOptions_set_request_timeout(options.get(), kRequestMillis, fault.data(), fault.size());
  return options;
}

base::Result<Event> Answer(rd_kafka_t* client, rd_kafka_admin_op_t operation, std::string_view request,
                           const SendRequest& send) {
  const std::unique_ptr<rd_kafka_queue_t, void (*)(rd_kafka_queue_t*)> answers(rd_kafka_queue_new(client),
                                                                               &rd_kafka_queue_destroy);
  send(NewOptions(client, operation).get(), answers.get());
  Event event(rd_kafka_queue_poll(answers.get(), 2 * kRequestMillis), &rd_kafka_event_destroy);
  if (event == nullptr) return RequestFailed(request, RD_KAFKA_RESP_ERR__TIMED_OUT);
  if (const auto error = rd_kafka_event_error(event.get()); error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return RequestFailed(request, error);
  }
  return event;
}

base::Result<TopicConfig> ReadConfig(const rd_kafka_ConfigResource_t* topic) {
  if (const auto error = rd_kafka_ConfigResource_error(topic); error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return RequestFailed(kNoSettings, error);
  }
  TopicConfig config;
  bool complete = false;
  const auto read = [](std::string_view value, auto& number) {
    const auto [end, fault] = std::from_chars(value.data(), value.data() + value.size(), number);
    return fault == std::errc() && end == value.data() + value.size();
  };
  size_t count = 0;
  const rd_kafka_ConfigEntry_t** const entries = rd_kafka_ConfigResource_configs(topic, &count);
  for (const rd_kafka_ConfigEntry_t* const entry : std::span(entries, count)) {
    const std::string_view name = rd_kafka_ConfigEntry_name(entry);
    const char* const text = rd_kafka_ConfigEntry_value(entry);
    const std::string_view value = text == nullptr ? std::string_view() : text;
    if (name == "cleanup.policy") config.compacted = value.find("compact") != std::string_view::npos;
    if (name == "min.insync.replicas" && !read(value, config.in_sync_min)) config.in_sync_min = 0;
    if (name == "max.message.bytes") complete = read(value, config.message_bytes_max);
  }
  if (complete) return config;
  return RequestFailed(kNoSettings, RD_KAFKA_RESP_ERR__BAD_MSG);
}

}  // namespace

base::Result<std::vector<std::string>> ConsumerGroups(rd_kafka_t* client, std::string_view prefix) {
  const auto answer = Answer(client, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS, "consumer groups can't be listed",
                             [client](const auto* options, auto* answers) {
                               rd_kafka_ListConsumerGroups(client, options, answers);
                             });
  if (!answer) return std::unexpected(answer.error());
  size_t count = 0;
  const rd_kafka_ConsumerGroupListing_t** const listed = rd_kafka_ListConsumerGroups_result_valid(
      rd_kafka_event_ListConsumerGroups_result(answer->get()), &count);
  std::vector<std::string> names;
  for (size_t i = 0; i < count; ++i) {
    const std::string_view name = rd_kafka_ConsumerGroupListing_group_id(listed[i]);
    if (name.starts_with(prefix)) names.emplace_back(name);
  }
  return names;
}

base::Result<PartitionList> SavedOffsets(rd_kafka_t* client, const std::string& group) {
  rd_kafka_ListConsumerGroupOffsets_t* request =
      rd_kafka_ListConsumerGroupOffsets_new(group.c_str(), nullptr);
  const auto answer = Answer(client, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS,
                             "the offsets of a group can't be read", [&](const auto* options, auto* answers) {
                               rd_kafka_ListConsumerGroupOffsets(client, &request, 1, options, answers);
                             });
  rd_kafka_ListConsumerGroupOffsets_destroy(request);
  if (!answer) return std::unexpected(answer.error());
  size_t count = 0;
  const rd_kafka_group_result_t** const results = rd_kafka_ListConsumerGroupOffsets_result_groups(
      rd_kafka_event_ListConsumerGroupOffsets_result(answer->get()), &count);
  if (count != 1) return NewPartitionList(0);
  if (const rd_kafka_error_t* const error = rd_kafka_group_result_error(results[0]); error != nullptr) {
    return RequestFailed("the offsets of a group can't be read", rd_kafka_error_code(error));
  }
  return PartitionList(rd_kafka_topic_partition_list_copy(rd_kafka_group_result_partitions(results[0])),
                       &rd_kafka_topic_partition_list_destroy);
}

base::Result<TopicConfig> ConfigOf(rd_kafka_t* client, const std::string& topic) {
  rd_kafka_ConfigResource_t* resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str());
  const auto event =
      Answer(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, kNoSettings, [&](const auto* options, auto* answers) {
        rd_kafka_DescribeConfigs(client, &resource, 1, options, answers);
      });
  rd_kafka_ConfigResource_destroy(resource);
  if (!event) return std::unexpected(event.error());
  size_t count = 0;
  const rd_kafka_ConfigResource_t** const topics =
      rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event->get()), &count);
  if (count != 1) return RequestFailed(kNoSettings, RD_KAFKA_RESP_ERR__BAD_MSG);
  return ReadConfig(topics[0]);
}

}  // namespace ei::kafka
