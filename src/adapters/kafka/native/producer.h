#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "adapters/kafka/native/cluster_view.h"
#include "adapters/kafka/native/link.h"
#include "adapters/kafka/native/network.h"
#include "adapters/kafka/native/partition.h"
#include "base/time.h"
#include "delivery/retry_policy.h"

namespace ei::kafka::native {

// What an owner hears of its producer; called from within the producer's functions.
class ProducerListener {
 public:
  virtual ~ProducerListener() = default;

  // See PartitionListener.
  virtual void OnDelivered(const Partition& partition, const Batch& batch, int64_t base_offset) = 0;
  virtual void OnRejected(const Partition& partition, std::unique_ptr<Batch> rejected, std::string_view code,
                          std::span<const std::string> reasons) = 0;
  virtual void OnRetried(uint32_t records) = 0;

  // As of PartitionListener.
  virtual void OnNumbered(const Partition& partition, const Batch& batch) = 0;
  virtual void OnNumbersVoid(const Partition& partition, const Batch& batch) = 0;
  // What was told so far comes before anything that is handed to the network now.
  virtual void OnWriting() = 0;

  // There is no such partition now: its topic is unknown to the brokers, or was made again with fewer. The
  // batches are the listener's matter again.
  virtual void OnPartitionGone(const Partition& partition, std::deque<std::unique_ptr<Batch>> batches) = 0;

  // What an answer says of a watched topic: its partitions, or why there are none.
  virtual void OnTopic(const std::string& topic, const ClusterView::Topic& told) = 0;

  // Trouble that is no record's own. `code` is a constant; `where` names a broker or a partition.
  virtual void OnFault(std::string_view code, const std::string& where, std::string_view detail) = 0;
  // A broker lets the client in: to a new connection, or with a renewed login.
  virtual void OnContact(const std::string& where) = 0;
  // A broker doesn't: its credentials are wrong.
  virtual void OnRefused(const std::string& where, std::string_view detail) = 0;
  // A broker has answered a produce request.
  virtual void OnProduced(const std::string& where, base::Duration took) = 0;
  // A broker asks for a pause (0: for none any more).
  virtual void OnPause(const std::string& where, base::Duration pause) = 0;

  // Records that stood in the topic already, and that may stand there twice.
  virtual void OnRepeats(uint32_t records) = 0;
  virtual void OnPossibleRepeats(uint32_t records) = 0;

  virtual void OnTopicConfigs(const wire::DescribeConfigsResponse* response) = 0;  // null: no answer
};

// An idempotent producer (acks=all) over the connections that a Network makes: keeps up with the cluster,
// gives each partition's batches to its leader, and finds out what partitions want to know.
//
//  - A broker takes up one request at a time on a connection (docs/KAFKA.md), so a small request waits until
//    the one before is answered, or out for kGather: what comes meanwhile goes with it. Up to kOutMax are
//    out.
//  - A partition that held up a request goes by a second connection to the same broker, alone in its
//  requests,
//    until it is quick again: what is stuck delays nothing else.
//  - Time-outs of requests count from when the one before them was answered.
//  - A broker that asks for a pause gets none of our requests meanwhile, and no time-out runs.
//
// It does no I/O and has no clock: the owner tells what a connection gave, then calls Turn; and Turn again
// at NextTurn at the latest. One thread.
class Producer final : private PartitionListener {
 public:
  static constexpr size_t kOutMax = 5;  // requests on a connection
  static constexpr base::Duration kGather = std::chrono::milliseconds(2);
  static constexpr size_t kSmallBytes = 64 << 10;  // of a request
  static constexpr base::Duration kSlow = std::chrono::seconds(1);
  static constexpr base::Duration kQuestionTime =
      std::chrono::seconds(10);                                           // at most, for one that any answers
  static constexpr base::Duration kImpatience = std::chrono::seconds(1);  // then another broker is tried too
  // So many answers in a row have to say that there is no such topic: a broker that starts says so of any.
  static constexpr uint32_t kMissingAnswers = 8;
  // So many passing errors in a row, and a leader counts as one that doesn't tell last sequences.
  static constexpr uint32_t kAskFailuresMax = 10;

  struct Options {
    std::vector<Address> bootstrap;
    Link::Options link;
    Partition::Options partition;
    base::Duration request_timeout = std::chrono::seconds(10);
    size_t request_bytes_max = 4 << 20;  // of several batches; a single one may be larger
    base::Duration metadata_age = std::chrono::minutes(5);
    base::Duration idle_max = std::chrono::seconds(180);  // Azure cuts at 240 s
    base::Duration rebootstrap_after = std::chrono::minutes(5);
    RetryPolicy reconnect{std::chrono::milliseconds(100), std::chrono::seconds(10), 0};
    RetryPolicy ask_again{std::chrono::milliseconds(50), std::chrono::seconds(5), 0};
  };

  // A partition on its way.
  struct Line {
    Line(std::string topic, int32_t index, const Partition::Options& options, PartitionListener& listener)
        : partition(std::move(topic), index, options, listener) {}
    Partition partition;

    // The producer's.
    int32_t listed_at = -1;  // the broker whose `lines` it stands in
    bool slow = false;
    bool asked = false;         // a question about its last sequence is open
    uint32_t ask_failures = 0;  // that were answered by a passing error, in a row
    base::SteadyTime ask_not_before;
    uint64_t confirmed_after = 0;  // the metadata question, by number, whose answer is too old for OnTopicId
  };

  // Network and listener outlive the producer.
  Producer(Options options, Network& network, ProducerListener& listener, uint64_t seed);
  ~Producer() override;

  // --- the owner's side

  // Keeps up with the topic; OnTopic tells. Topics are bounded by whoever names them.
  void Watch(const std::string& topic);
  static bool IsMissing(const ClusterView::Topic& topic) { return topic.missing_answers >= kMissingAnswers; }
  // 0: not known, or there is no such topic any more.
  uint32_t PartitionsOf(const std::string& topic) const {
    const ClusterView::Topic* const known = cluster_.Find(topic);
    return known == nullptr || IsMissing(*known) ? 0 : static_cast<uint32_t>(known->partitions.size());
  }
  // A partition of a watched topic, which stays where it is. Whoever appends to its batches calls Filled.
  Line& LineOf(const std::string& topic, int32_t partition);
  void Filled(Line& line) {
    if (line.listed_at < 0) List(line);
    next_turn_ = {};
  }
  // Of the topics' settings; OnTopicConfigs follows. At most one question is open.
  void AskForConfigs(std::vector<std::string> topics, std::vector<std::string_view> names);

  // In requests that aren't answered.
  uint64_t RecordsOut() const { return records_out_; }

  // --- the network's side

  void OnConnected(uint64_t connection, base::SteadyTime now);
  // `now_ms`: since 1970.
  void OnBytes(uint64_t connection, std::string_view bytes, base::SteadyTime now, int64_t now_ms);
  void OnWritten(uint64_t connection);
  void OnClosed(uint64_t connection, std::string_view reason, base::SteadyTime now);

  // Does all that is due.
  void Turn(base::SteadyTime now);
  base::SteadyTime NextTurn() const { return next_turn_; }

  // New credentials: the next connections log in with them; with `at_once` open ones end when they are idle.
  void OnCredentials();

 private:
  struct Connection {
    Connection(uint64_t number_, int32_t node_, bool slow_, const Link::Options& options,
               base::SteadyTime now)
        : number(number_), node(node_), slow(slow_), link(options, now), opened_at(now) {}
    const uint64_t number;
    const int32_t node;  // negative: a bootstrap address
    const bool slow;     // for partitions that hold others up
    Link link;
    const base::SteadyTime opened_at;
    std::string where;          // host:port
    uint64_t credentials = 0;   // the newest there were when it was opened
    uint64_t let_in_told = 0;   // see Link::TimesLetIn
    base::SteadyTime sent_at;   // the last produce request
    base::SteadyTime asked_at;  // the last question that any broker answers
  };

  struct Broker {
    Connection* main = nullptr;
    Connection* slow = nullptr;
    uint32_t failures = 0;  // since it last let us in
    base::SteadyTime not_before;
    base::SteadyTime paused_until;  // as it has asked for, on whichever connection
    std::string paused_where;       // told to OnPause
    std::vector<Line*> lines;       // with batches, led by it
    size_t turn = 0;                // where the next request begins
  };

  struct Sent {
    Line* line;
    Batch* batch;
  };
  struct ProduceRequest {
    std::vector<Sent> batches;
    uint64_t records = 0;
    base::SteadyTime sent_at;
    bool alone = false;  // one batch on a connection for slow lines
  };

  // PartitionListener
  void OnDelivered(Partition& partition, const Batch& batch, int64_t base_offset, bool repeat) override;
  void OnRejected(Partition& partition, std::unique_ptr<Batch> rejected, std::string_view code,
                  std::span<const std::string> reasons) override;
  void OnRetried(Partition& partition, uint32_t records) override;
  void OnFault(Partition& partition, std::string_view code, std::string_view reason) override;
  void OnNumbered(Partition& partition, const Batch& batch) override;
  void OnNumbersVoid(Partition& partition, const Batch& batch) override;
  void OnPossibleRepeats(Partition& partition, uint32_t records) override;

  void CloseAll();
  // Into its leader's lines, or out of any when it has nothing.
  void List(Line& line);
  void Unlist(Line& line);
  void FollowLeader(Line& line, base::SteadyTime now);
  void FollowLeaders(base::SteadyTime now);
  void GiveBackIfGone(Line& line);
  // Brokers that are in no answer any more, and that nothing is going on with.
  void ForgetBrokers();

  Connection* Open(int32_t node, const Address& address, bool slow, base::SteadyTime now);
  // The broker's connection, opened when there is none and it is time; null: none to use.
  Connection* Reach(int32_t node, bool slow, base::SteadyTime now);
  void End(Connection& connection, base::SteadyTime now);
  void Forget(Connection& connection);
  // The brokers that a question may go to: those known, else the bootstrap addresses.
  std::vector<int32_t> Candidates() const;
  void NoteAlone(base::SteadyTime now);
  // A connection for a question that any broker answers, in turn; null: none now, and one is on its way. One
  // broker may know less than all others, for long.
  Connection* Anyone(base::SteadyTime now);

  void TellTopicIds(base::SteadyTime now);
  void AskMetadata(base::SteadyTime now);
  void AskProducerId(base::SteadyTime now);
  void AskConfigs(base::SteadyTime now);
  void AskLastSequence(Line& line, base::SteadyTime now);
  void Produce(int32_t node, Broker& broker, base::SteadyTime now);
  void SendProduce(Connection& connection, std::vector<Line*>& lines, base::SteadyTime now);

  void OnAnswer(Connection& connection, const Link::Request& request, std::string_view body,
                base::SteadyTime now, int64_t now_ms);
  bool OnMetadata(Connection& connection, int16_t version, std::string_view body, base::SteadyTime now);
  bool OnProducerId(Connection& connection, int16_t version, std::string_view body, base::SteadyTime now);
  bool OnProduced(Connection& connection, const Link::Request& request, std::string_view body,
                  base::SteadyTime now, int64_t now_ms);
  bool OnConfigs(int16_t version, std::string_view body);
  bool OnProducers(int32_t node, const Link::Request& request, std::string_view body, base::SteadyTime now);
  void OnNoAnswer(const Link::Request& request, base::SteadyTime now);
  void EndPause(Broker& broker);
  void Pause(Connection& connection, int32_t throttle_ms, base::SteadyTime now);
  static void JudgeSpeed(const ProduceRequest& request, std::optional<base::Duration> waited);
  base::Duration QuestionTime() const { return std::min(options_.request_timeout, kQuestionTime); }
  int64_t UnixMs(base::SteadyTime now) const {
    return wall_.second + std::chrono::duration_cast<std::chrono::milliseconds>(now - wall_.first).count();
  }
  void Wake(base::SteadyTime at) { next_turn_ = std::min(next_turn_, at); }

  const Options options_;
  Network& network_;
  ProducerListener& listener_;
  std::mt19937_64 random_;

  ClusterView cluster_;
  std::map<std::pair<std::string, int32_t>, std::unique_ptr<Line>> lines_;
  uint64_t records_out_ = 0;

  std::map<int32_t, Broker> brokers_;
  std::unordered_map<uint64_t, std::unique_ptr<Connection>> connections_;
  uint64_t last_connection_ = 0;

  std::unordered_map<uint64_t, ProduceRequest> produce_requests_;
  uint64_t last_request_ = 0;
  std::unordered_map<uint64_t, Line*> sequence_questions_;

  bool metadata_wanted_ = true;
  bool metadata_asked_ = false;
  uint64_t metadata_questions_ = 0;
  base::SteadyTime metadata_at_;  // of the last answer
  base::SteadyTime metadata_not_before_;
  uint32_t metadata_failures_ = 0;
  std::optional<base::SteadyTime> alone_since_;  // no broker is to be reached
  bool alone_told_ = false;
  bool use_bootstrap_ = true;
  // The broker whose last answer to a question helped nobody: others are asked first.
  std::optional<int32_t> unhelpful_;

  ProducerId producer_;
  bool producer_wanted_ = false;  // a partition wants another one
  bool producer_asked_ = false;
  base::SteadyTime producer_not_before_;
  uint32_t producer_failures_ = 0;

  std::vector<std::string> config_topics_;  // to ask for
  std::vector<std::string_view> config_names_;
  bool configs_asked_ = false;

  std::pair<base::SteadyTime, int64_t> wall_;  // the same moment by both clocks: of the newest bytes
  base::SteadyTime next_turn_;
  bool credentials_changed_ = false;
  uint64_t credentials_ = 0;  // how often they have changed
};

}  // namespace ei::kafka::native
