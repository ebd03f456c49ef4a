#pragma once

#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "event/routes.h"
#include "settings/settings.h"
#include "settings/settings_fault.h"

namespace ei::service {

// A topic with settings of its own; empty or unset: as the settings of the service say.
struct TopicSettings {
  std::string name;
  std::optional<Compression> compression;
  std::string dlq_topic;
};

// Which event goes to which topic: the settings' own topic and key, and what the routes file adds.
struct Routing {
  std::shared_ptr<const Routes> routes;
  std::vector<TopicSettings> topics;
  std::vector<std::string> destinations;  // that events go to, the settings' own topic among them
  size_t rules = 0;
};

// Reads the file that kafka.routes_file names, if there is one. On faults: all of them, each with its line.
std::expected<Routing, std::vector<SettingFault>> LoadRouting(const Settings& settings);

// The same from the file's text; `name` is for messages, and without one there is no file. An empty text is a
// fault, as it may be a file that is being written.
std::expected<Routing, std::vector<SettingFault>> ReadRouting(std::string_view name, std::string_view text,
                                                              const Settings& settings);

}  // namespace ei::service
