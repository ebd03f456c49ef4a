// Compares a ledger of accepted ids with all records in a topic and prints the differences as one JSON
// object. Exit status: 0: nothing is missing; 1: accepted events are missing or out of order; 2: the check
// could not be done.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <string>
#include <unordered_map>

#include "bench/event_template.h"
#include "bench/id_table.h"
#include "bench/json_text.h"
#include "bench/topic_reader.h"

namespace ei::bench {
namespace {

constexpr std::size_t kMissingShown = 10;

base::Result<void> ReadLedger(const std::string& path, IdTable& ids) {
  std::ifstream ledger(path);
  if (!ledger) return base::Fail(base::ErrorKind::kStorage, path + ": " + std::strerror(errno));
  for (std::string line; std::getline(ledger, line);) {
    if (const auto added = ids.AddAccepted(line); !added) return added;
  }
  if (ledger.bad()) return base::Fail(base::ErrorKind::kStorage, path + ": can't be read");
  return {};
}

// The id in an event of the load generator; empty: not such an event.
std::string_view IdIn(std::string_view event) {
  constexpr std::string_view kBeforeId = R"({"id":")";
  return event.starts_with(kBeforeId) ? event.substr(kBeforeId.size(), kIdBytes) : std::string_view();
}

// Checks the first arrival of each id per key; the ids of a key rise within a run of the generator.
class OrderCheck {
 public:
  void See(std::string_view key, std::string_view id) {
    std::string& newest = newest_[std::string(key).append(id.substr(0, kRunPrefixBytes))];
    if (id < newest) ++out_of_order_;
    newest = std::max<std::string_view>(newest, id);
  }
  std::uint64_t OutOfOrder() const { return out_of_order_; }
  std::size_t Keys() const { return newest_.size(); }

 private:
  std::unordered_map<std::string, std::string> newest_;
  std::uint64_t out_of_order_ = 0;
};

base::Result<int> Compare(TopicReader& reader, const std::string& ledger, bool keyed, std::size_t ids_max,
                          std::chrono::seconds patience) {
  IdTable ids(ids_max);
  if (const auto read = ReadLedger(ledger, ids); !read) return std::unexpected(read.error());
  std::uint64_t keyless = 0;
  OrderCheck order;
  const auto read = reader.ReadAll(patience, [&](const TopicReader::Record& record) -> base::Result<void> {
    const std::string_view id = keyed ? IdIn(record.value) : record.key;
    if (id.empty() || record.key.empty()) {
      ++keyless;
      return {};
    }
    const auto first = ids.AddArrived(id);
    if (!first) return std::unexpected(first.error());
    if (keyed && *first) order.See(record.key, id);
    return {};
  });
  if (!read) return std::unexpected(read.error());

  const auto found = ids.Compare();
  std::string missing;
  for (const std::string_view id : ids.Missing(kMissingShown)) {
    missing += (missing.empty() ? "" : ",") + JsonText(id);
  }
  fmt::print(R"({{"records":{},"distinct":{},"ledger":{},"missing":{},"duplicates":{},"extra":{},)"
             R"("keyless":{},"keys":{},"out_of_order":{},"missing_ids":[{}]}})"
             "\n",
             found.records + keyless, found.distinct, found.ledger, found.missing, found.duplicates,
             found.extra, keyless, order.Keys(), order.OutOfOrder(), missing);
  return found.missing + order.OutOfOrder() > 0 ? 1 : 0;
}

int PrintCount(const TopicReader& reader) {
  std::int64_t records = 0;
  for (const auto& partition : reader.Partitions()) records += partition.end;
  fmt::print(R"({{"partitions":{},"records":{}}})"
             "\n",
             reader.Partitions().size(), records);
  return 0;
}

int Main(int argc, char** argv) {
  std::string brokers;
  std::string topic;
  std::string ledger;
  std::size_t ids_max = 20'000'000;
  unsigned patience_s = 30;
  CLI::App app("Compares a ledger of accepted ids with the records of a topic");
  app.add_option("--brokers", brokers)->required();
  app.add_option("--topic", topic)->required();
  app.add_option("--ledger", ledger,
                 "file with one id per line; without it: print the number of records ever written, "
                 "from the end watermarks");
  bool keyed = false;
  app.add_flag("--keyed", keyed,
               "the records' keys are not the ids: read the ids from the values, and check that they "
               "arrived in order for each key");
  app.add_option("--ids-max", ids_max, "maximum number of different ids")->capture_default_str();
  app.add_option("--patience", patience_s, "longest wait for the next record, seconds")
      ->check(CLI::Range(1, 600))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  auto reader = TopicReader::Open(brokers, topic);
  if (reader && ledger.empty()) return PrintCount(*reader);
  const auto outcome = reader ? Compare(*reader, ledger, keyed, ids_max, std::chrono::seconds(patience_s))
                              : base::Result<int>(std::unexpected(reader.error()));
  if (outcome) return *outcome;
  fmt::print(stderr, "ledger_check: {}\n", outcome.error().message);
  return 2;
}

}  // namespace
}  // namespace ei::bench

int main(int argc, char** argv) { return ei::bench::Main(argc, argv); }
