#pragma once

#include <cstdint>
#include <string>

#include "adapters/kafka/native/link.h"

namespace ei::kafka::native {

// Connections, as a Producer needs them. What happens on one is told to the producer by OnConnected, OnBytes,
// OnWritten and OnClosed: but for OnWritten never from within a call of these, and nothing of it after Close.
// One thread.
class Network {
 public:
  virtual ~Network() = default;

  // Begins to connect, with TLS where that is set. `connection` is a new number.
  virtual void Connect(uint64_t connection, const std::string& host, uint16_t port) = 0;

  // Sends it behind what was given before; OnWritten follows for each, within this call at the earliest. The
  // batches in it stay where they are until then, or until Close.
  virtual void Write(uint64_t connection, Outgoing out) = 0;

  virtual void Close(uint64_t connection) = 0;
};

}  // namespace ei::kafka::native
