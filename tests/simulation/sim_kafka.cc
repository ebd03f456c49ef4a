#include "simulation/sim_kafka.h"

#include <algorithm>
#include <utility>

namespace ei::simulation {

using kafka::wire::Api;

namespace {

constexpr int64_t kNowMs = 1'700'000'000'000;
constexpr uint64_t kConnectionsMax = 1'000'000;  // per process

}  // namespace

SimKafka::SimKafka(uint64_t seed, const Faults& faults, int brokers, int partitions)
    : random_(seed),
      faults_(faults),
      brokers_(random_.Next(), faults.brokers, brokers, {kTopic}, partitions) {}

std::vector<kafka::native::Address> SimKafka::Bootstrap() const {
  std::vector<kafka::native::Address> addresses;
  for (size_t i = 0; i < brokers_.Brokers(); ++i)
    addresses.push_back({"broker", static_cast<uint16_t>(i + 1)});
  return addresses;
}

void SimKafka::Serve(Producer& producer) {
  producer_ = &producer;
  muted_ = false;
  first_connection_ += kConnectionsMax;
  for (const auto& [connection, peer] : peers_) {
    const base::Duration left = std::chrono::milliseconds(random_.OneIn(2) ? 0 : random_.Below(50));
    At(now_ + left, [this, gone = connection] { Cut(gone); });
  }
}

void SimKafka::Heal() {
  faults_ = {};
  brokers_.Heal();
}

void SimKafka::Advance(base::SteadyTime until) {
  if (events_.empty() || events_.begin()->first > until) {
    now_ = std::max(now_, until);
    return;
  }
  const auto first = events_.begin();
  now_ = std::max(now_, first->first);
  const auto what = std::move(first->second);
  events_.erase(first);
  what();
}

SimKafka::Peer* SimKafka::Find(uint64_t connection) {
  const auto found = peers_.find(connection);
  return found == peers_.end() ? nullptr : found->second.get();
}

void SimKafka::Connect(uint64_t number, const std::string&, uint16_t port) {
  const uint64_t connection = Own(number);
  auto& peer = peers_[connection] = std::make_unique<Peer>();
  peer->broker = port - size_t{1};
  At(now_ + Latency(), [this, connection] {
    const Peer* const found = Find(connection);
    if (found == nullptr) return;
    if (!brokers_.IsUp(found->broker)) return Cut(connection);
    if (Producer* const owner = OwnerOf(connection)) owner->OnConnected(connection - first_connection_, now_);
  });
}

void SimKafka::Cut(uint64_t connection) {
  if (peers_.erase(connection) == 0) return;
  if (Producer* const owner = OwnerOf(connection))
    owner->OnClosed(connection - first_connection_, "cut", now_);
}

void SimKafka::Close(uint64_t number) { peers_.erase(Own(number)); }

void SimKafka::Write(uint64_t number, Outgoing out) {
  const uint64_t connection = Own(number);
  Peer* const peer = Find(connection);
  if (peer == nullptr || muted_) return;
  std::string bytes;
  size_t at = 0;
  for (const kafka::wire::Splice& splice : out.splices) {
    bytes.append(out.bytes, at, splice.offset - at);
    bytes.append(splice.batch);
    at = splice.offset;
  }
  bytes.append(out.bytes, at);
  // Delivered in two pieces, as if the socket's buffer were too small.
  const size_t first = random_.Below(bytes.size());
  for (const bool last : {false, true}) {
    peer->written_by = std::max(peer->written_by, now_ + Latency());
    At(peer->written_by,
       [this, connection, last, piece = last ? bytes.substr(first) : bytes.substr(0, first)] {
         Peer* const found = Find(connection);
         if (found == nullptr) return;
         Producer* const owner = OwnerOf(connection);
         if (last && owner != nullptr) owner->OnWritten(connection - first_connection_);
         found->input += piece;
         TakeUp(connection);
       });
  }
}

// A broker handles one request of a connection at a time.
void SimKafka::TakeUp(uint64_t connection) {
  Peer* const peer = Find(connection);
  if (peer == nullptr || peer->busy) return;
  if (now_ < peer->muted_until) return At(peer->muted_until, [this, connection] { TakeUp(connection); });
  auto request = support::SimBrokers::Take(peer->input);
  if (!request) return;
  peer->busy = true;
  At(now_ + Latency(), [this, connection, asked = std::move(*request)] { Handle(connection, asked); });
}

void SimKafka::TakeDown(size_t broker) {
  brokers_.TakeDown(broker);
  std::vector<uint64_t> cut;
  for (const auto& [connection, peer] : peers_) {
    if (peer->broker == broker) cut.push_back(connection);
  }
  for (const uint64_t connection : cut) Cut(connection);
  At(now_ + std::chrono::milliseconds(random_.Between(10, 3000)),
     [this, broker] { brokers_.ComeUp(broker); });
}

void SimKafka::HarmTopic() {
  if (!deleted_ && Percent(faults_.again_percent)) {
    deleted_ = true;
    ++times_made_again_;
    brokers_.Delete(kTopic);
    const base::Duration pause = std::chrono::milliseconds(random_.OneIn(2) ? 0 : random_.Below(3000));
    At(now_ + pause, [this] {
      brokers_.MakeAgain(kTopic, random_.OneIn(2) ? brokers_.Partitions(kTopic) : random_.Between(1, 6));
      deleted_ = false;
    });
  }
  if (!deleted_ && brokers_.Partitions(kTopic) < 12 && Percent(faults_.grow_percent)) {
    ++times_grown_;
    brokers_.AddPartitions(kTopic, random_.Between(1, 4));
  }
  if (!was_broken_ && Percent(faults_.broken_percent)) {
    was_broken_ = true;
    brokers_.Break(kTopic, true);
    At(now_ + std::chrono::milliseconds(random_.Below(4000)), [this] { brokers_.Break(kTopic, false); });
  }
}

void SimKafka::Handle(uint64_t connection, const Request& request) {
  Peer* const peer = Find(connection);
  if (peer == nullptr) return;
  const size_t broker = peer->broker;
  if (brokers_.IsStopped(broker)) {
    return At(now_ + std::chrono::milliseconds(10),
              [this, connection, request] { Handle(connection, request); });
  }
  const bool produce = request.api == Api::kProduce;
  if (Percent(faults_.down_percent)) return TakeDown(broker);
  if (Percent(faults_.move_percent)) brokers_.MoveAnyLeader();
  HarmTopic();
  const bool cut = Percent(faults_.cut_percent);
  if (cut && random_.OneIn(2)) return Cut(connection);
  if (produce && Percent(faults_.stall_percent)) {
    if (random_.OneIn(2)) brokers_.Answer(broker, request);
    return;  // stays busy: never answered
  }
  int32_t throttle_ms = 0;
  if (produce && Percent(faults_.throttle_percent)) {
    throttle_ms = static_cast<int32_t>(random_.Between(1, 800));
    peer->muted_until = now_ + std::chrono::milliseconds(throttle_ms);
  }
  std::string frame = brokers_.Answer(broker, request, throttle_ms);
  if (cut) return Cut(connection);
  Answer(connection, std::move(frame));
}

void SimKafka::Answer(uint64_t connection, std::string frame) {
  const bool cut = Percent(faults_.short_percent);
  if (cut) frame.resize(random_.Below(frame.size()));
  At(now_ + Latency(), [this, connection, frame = std::move(frame), cut] {
    if (Find(connection) == nullptr) return;
    Find(connection)->busy = false;
    for (size_t at = 0; at < frame.size();) {
      const size_t most = random_.OneIn(4) ? random_.Between(1, 9) : frame.size();
      const std::string_view piece = std::string_view(frame).substr(at, most);
      Producer* const owner = OwnerOf(connection);
      if (owner == nullptr) break;
      owner->OnBytes(connection - first_connection_, piece, now_, kNowMs);
      at += piece.size();
      if (Find(connection) == nullptr) return;
    }
    if (cut) return Cut(connection);
    TakeUp(connection);
  });
}

}  // namespace ei::simulation
