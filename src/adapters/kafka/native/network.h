#pragma once

#include <cstdint>
#include <string>

#include "adapters/kafka/native/link.h"

namespace ei::kafka::native {

// Makes connections for a Producer. Reports events by the producer's OnConnected, OnBytes, OnWritten and
// OnClosed. Except for OnWritten these are never called from within the functions below, and none is called
// after Close. One thread.
class Network {
 public:
  virtual ~Network() = default;

  // Starts to connect, with TLS if that is configured. `connection` is an unused number.
  virtual void Connect(uint64_t connection, const std::string& host, uint16_t port) = 0;

  // Sends `out` after everything written before. Calls OnWritten once for each call, possibly before
  // returning. The batches in `out` must stay where they are until OnWritten or Close.
  virtual void Write(uint64_t connection, Outgoing out) = 0;

  virtual void Close(uint64_t connection) = 0;
};

}  // namespace ei::kafka::native
