#include "clients/client_holdings.h"

#include <algorithm>

namespace ei {

void ClientHoldings::Add(ClientNumber client, uint64_t events, uint64_t bytes) {
  if (holdings_.empty() || holdings_.back().client != client) {
    if (holdings_.size() == merge_at_) Merge();
    holdings_.push_back({client, 0, 0});
  }
  holdings_.back().events += events;
  holdings_.back().bytes += bytes;
}

void ClientHoldings::Merge() {
  std::ranges::sort(holdings_, {}, &Holding::client);
  size_t merged = 0;
  for (size_t i = 1; i < holdings_.size(); ++i) {
    if (holdings_[i].client == holdings_[merged].client) {
      holdings_[merged].events += holdings_[i].events;
      holdings_[merged].bytes += holdings_[i].bytes;
    } else {
      holdings_[++merged] = holdings_[i];
    }
  }
  holdings_.resize(merged + 1);
  merge_at_ = std::max(kMergeMin, 2 * holdings_.size());
}

uint64_t ClientHoldings::Bytes() const {
  uint64_t bytes = 0;
  for (const Holding& holding : holdings_) bytes += holding.bytes;
  return bytes;
}

void ClientHoldings::GiveTo(ClientShares& shares) {
  for (const Holding& holding : holdings_) {
    shares.Give(holding.client, Shared::kJournalEvents, holding.events);
    shares.Give(holding.client, Shared::kJournalBytes, holding.bytes);
  }
  holdings_.clear();
}

}  // namespace ei
