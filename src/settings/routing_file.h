#pragma once

#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/kafka/topics.h"
#include "event/routes.h"
#include "settings/settings.h"
#include "settings/settings_fault.h"

namespace ei::service {

// Which event goes to which topic: kafka.topic and kafka.key, and the rules of the routes file.
struct Routing {
  std::shared_ptr<const Routes> routes;
  std::vector<kafka::TopicOptions> topics;
  std::vector<std::string> destinations;  // all topics for events, including kafka.topic
  size_t rules = 0;
};

// Reads the file in kafka.routes_file, if it is set. Returns all faults, each with its line.
std::expected<Routing, std::vector<SettingFault>> LoadRouting(const Settings& settings);

// The same from the text of the file. `name` is for messages; an empty name means that there is no file. An
// empty text is a fault, because the file may be in the middle of being written.
std::expected<Routing, std::vector<SettingFault>> ReadRouting(std::string_view name, std::string_view text,
                                                              const Settings& settings);

}  // namespace ei::service
