#pragma once

#include "clients/client.h"
#include "event/client_identity.h"
#include "event/event_batch.h"

namespace ei {

// Who sent a request. Valid while the request is being handled.
struct Sender {
  ClientNumber number = 0;  // in ClientShares
  ClientIdentity identity = kNoClient;
  const Client* client = nullptr;  // null: the request is not authenticated, and may do everything
};

// Null: the client has no rate of its own.
inline TokenBucket* OwnBucketOf(const Sender& sender) {
  return sender.client == nullptr ? nullptr : sender.client->account.bucket.get();
}

}  // namespace ei
