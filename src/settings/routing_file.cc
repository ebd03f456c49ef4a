#include "settings/routing_file.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include "event/event.h"
#include "event/json_pointer.h"
#include "settings/edit_distance.h"
#include "settings/enums.h"
#include "settings/load.h"
#include "settings/text.h"
#include "settings/yaml.h"

namespace ei::service {
namespace {

using Rule = Routes::Rule;

constexpr std::size_t kRulesMax = 1000;
constexpr std::string_view kSetting = "kafka.routes_file";

Routes::Key KeyOf(const std::string& text) {
  if (text == "id") return {KeySource::kId, {}};
  if (text == "none") return {KeySource::kNone, {}};
  if (text == "header") return {KeySource::kHeader, {}};
  return {KeySource::kPointer, ParseJsonPointer(text).value_or(KeyPointer())};
}

base::Result<std::string> ReadType(std::string_view text) {
  if (text.empty()) return base::Fail(base::ErrorKind::kInvalid, "is empty; name a type, or a prefix and *");
  if (text.size() > kTypeBytesMax) return base::Fail(base::ErrorKind::kInvalid, "is longer than any type");
  if (text.substr(0, text.size() - 1).contains('*')) {
    return base::Fail(base::ErrorKind::kInvalid, "has a * that is not its last character");
  }
  return std::string(text);
}

// The section of a topic in the file.
struct TopicSection {
  kafka::TopicOptions options;
  AckLevel ack_min = AckLevel::kMemory;
  int line = 0;
  bool used = false;
};

class RoutesFile {
 public:
  RoutesFile(std::string_view name, const Settings& settings) : name_(name), settings_(settings) {}

  std::expected<Routing, std::vector<SettingFault>> Read(std::string_view text) {
    try {
      const YAML::Node root = YAML::Load(std::string(text));
      ReadRoot(root);
    } catch (const YAML::Exception& fault) {
      AddFault(fault.mark, "is not valid YAML: " + Printable(fault.msg));
    }
    if (!faults_.empty()) return std::unexpected(std::move(faults_));
    return Finish();
  }

 private:
  void ReadRoot(const YAML::Node& root) {
    // The file is empty for a moment while an editor rewrites it; that must not drop all routes.
    if (root.IsNull() || (root.IsMap() && root.size() == 0)) {
      if (name_.empty()) return;
      return AddFault(0, "is empty; write \"routes: []\" for no routes");
    }
    if (!HasOnly(root, {"routes", "topics"})) return;
    if (const YAML::Node topics = root["topics"]) ReadTopics(topics);
    if (const YAML::Node routes = root["routes"]) ReadRoutes(routes);
    MarkUsed(settings_.kafka.topic);
    for (const auto& [topic, section] : topics_) {
      if (section.used) continue;
      AddFault(section.line, fmt::format("topics: no route leads to {}", Quoted(topic)));
    }
  }

  void ReadTopics(const YAML::Node& topics) {
    if (!topics.IsMap()) return AddFault(topics.Mark(), "topics: has to be a map of topic names");
    for (const auto& entry : topics) {
      const YAML::Node& name = entry.first;
      const YAML::Node& node = entry.second;
      TopicSection section;
      section.line = name.Mark().line + 1;
      section.options.name = TextOf(name, "topics", ReadTopic);
      if (!HasOnly(node, {"ack", "compression", "dlq_topic"})) continue;
      if (const YAML::Node ack = node["ack"])
        section.ack_min = WordOf(ack, "ack", AckWords()).value_or(section.ack_min);
      if (const YAML::Node compression = node["compression"]) {
        section.options.compression = WordOf(compression, "compression", CompressionWords()).value_or("");
      }
      if (const YAML::Node dlq = node["dlq_topic"])
        section.options.dlq_topic = TextOf(dlq, "dlq_topic", ReadTopic);
      if (section.ack_min == AckLevel::kWal && !JournalIsWal(settings_)) {
        AddFault(node.Mark(),
                 "ack: wal needs the write-ahead log, which is on when ingest.ack or ingest.ack_min is wal");
      }
      if (!topics_.emplace(section.options.name, section).second) {
        AddFault(name.Mark(), fmt::format("topics: {} is given twice", Quoted(section.options.name)));
      }
    }
  }

  void ReadRoutes(const YAML::Node& routes) {
    if (!routes.IsSequence()) return AddFault(routes.Mark(), "routes: has to be a list");
    if (routes.size() > kRulesMax) {
      return AddFault(routes.Mark(), fmt::format("routes: more than {} of them", kRulesMax));
    }
    std::set<std::string> types;
    for (const YAML::Node& node : routes) {
      if (!HasOnly(node, {"type", "topic", "key"})) continue;
      if (!node["type"] || !node["topic"]) {
        AddFault(node.Mark(), "routes: a route needs a type and a topic");
        continue;
      }
      Rule rule;
      rule.type = TextOf(node["type"], "type", ReadType);
      rule.topic = TextOf(node["topic"], "topic", ReadTopic);
      rule.key = KeyOf(node["key"] ? TextOf(node["key"], "key", ReadKafkaKey) : settings_.routing.key);
      if (!rule.type.empty() && !types.insert(rule.type).second) {
        AddFault(node.Mark(), fmt::format("type: {} has a route already", Quoted(rule.type)));
      }
      MarkUsed(rule.topic);
      rules_.push_back(std::move(rule));
    }
  }

  std::expected<Routing, std::vector<SettingFault>> Finish() {
    std::set<std::string> destinations = {settings_.kafka.topic};
    for (const Rule& rule : rules_) destinations.insert(rule.topic);
    std::set<std::string> dead_letter_topics = {settings_.kafka.dlq_topic};
    for (const auto& [name, section] : topics_) dead_letter_topics.insert(section.options.dlq_topic);
    const auto check = [&](const std::string& topic) {
      if (!dead_letter_topics.contains(topic)) return;
      AddFault(0, fmt::format("topic: {} is a dead-letter topic; dead letters need a separate topic",
                              Quoted(topic)));
    };
    check(settings_.kafka.topic);
    for (Rule& rule : rules_) {
      check(rule.topic);
      rule.ack_min = AckOf(rule.topic);
      // Events in an existing log may have an empty topic, which means kafka.topic; the routes use the same
      // form.
      if (rule.topic == settings_.kafka.topic) rule.topic.clear();
    }
    if (!faults_.empty()) return std::unexpected(std::move(faults_));
    const Rule fallback{{}, {}, KeyOf(settings_.routing.key), AckOf(settings_.kafka.topic)};
    Routing routing;
    routing.routes = std::make_shared<const Routes>(fallback, rules_);
    routing.rules = rules_.size();
    routing.destinations.assign(destinations.begin(), destinations.end());
    for (auto& [name, section] : topics_) routing.topics.push_back(std::move(section.options));
    return routing;
  }

  AckLevel AckOf(const std::string& topic) const {
    const auto section = topics_.find(topic);
    return section == topics_.end() ? AckLevel::kMemory : section->second.ack_min;
  }

  void MarkUsed(const std::string& topic) {
    if (const auto section = topics_.find(topic); section != topics_.end()) section->second.used = true;
  }

  bool HasOnly(const YAML::Node& node, std::initializer_list<std::string_view> names) {
    if (!node.IsMap()) {
      AddFault(node.Mark(), fmt::format("expected a map of {}", fmt::join(names, ", ")));
      return false;
    }
    bool known = true;
    std::set<std::string> seen;
    for (const auto& entry : node) {
      const YAML::Node& key = entry.first;
      const std::string name = key.IsScalar() ? key.Scalar() : std::string();
      if (std::ranges::find(names, name) == names.end()) {
        AddFault(key.Mark(),
                 fmt::format("{} is not known here; allowed: {}", Quoted(name), fmt::join(names, ", ")));
        known = false;
      } else if (!seen.insert(name).second) {
        AddFault(key.Mark(), fmt::format("{} is given twice", name));
        known = false;
      }
    }
    return known;
  }

  std::string TextOf(const YAML::Node& node, std::string_view member,
                     base::Result<std::string> (*read)(std::string_view)) {
    if (!node.IsScalar()) {
      AddFault(node.Mark(), fmt::format("{}: has to be a single value", member));
      return {};
    }
    base::Result<std::string> text = read(node.Scalar());
    if (text) return std::move(*text);
    AddFault(node.Mark(), fmt::format("{}: {} {}", member, Quoted(node.Scalar()), text.error().message));
    return {};
  }

  template <typename Enum>
  std::optional<Enum> WordOf(const YAML::Node& node, std::string_view member, const Choice<Enum>& choice) {
    const std::string text = node.IsScalar() ? node.Scalar() : std::string();
    const auto word = choice.Parse(text);
    if (word) return *word;
    AddFault(node.Mark(), fmt::format("{}: {} {}; allowed: {}", member, Quoted(text), word.error().message,
                                      choice.Allowed()));
    return std::nullopt;
  }

  void AddFault(const YAML::Mark& mark, std::string message) {
    AddFault(mark.is_null() ? 0 : mark.line + 1, std::move(message));
  }
  void AddFault(int line, std::string message) {
    if (faults_.size() == kFileFaultsMax) return;
    const std::string path = PrintableLong(name_);
    faults_.push_back({std::string(kSetting),
                       line > 0 ? fmt::format("file {}:{}", path, line) : "file " + path,
                       std::move(message)});
  }

  const std::string_view name_;
  const Settings& settings_;
  std::map<std::string, TopicSection> topics_;
  std::vector<Rule> rules_;
  std::vector<SettingFault> faults_;
};

}  // namespace

std::expected<Routing, std::vector<SettingFault>> ReadRouting(std::string_view name, std::string_view text,
                                                              const Settings& settings) {
  return RoutesFile(name, settings).Read(text);
}

std::expected<Routing, std::vector<SettingFault>> LoadRouting(const Settings& settings) {
  const std::string name = settings.routing.routes_file.value_or("");
  if (name.empty()) return ReadRouting({}, {}, settings);
  base::Result<std::string> text = ReadSettingsFile(name);
  const std::string fault = !text                                  ? text.error().message
                            : text->size() > kSettingsFileBytesMax ? "is too large; is it the right file?"
                                                                   : std::string();
  if (fault.empty()) return ReadRouting(name, *text, settings);
  return std::unexpected(
      std::vector<SettingFault>{{std::string(kSetting), "file " + PrintableLong(name), fault}});
}

}  // namespace ei::service
