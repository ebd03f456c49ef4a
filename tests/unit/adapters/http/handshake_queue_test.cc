#include "adapters/http/handshake_queue.h"

#include <gtest/gtest.h>

namespace ei::http {
namespace {

TEST(HandshakeQueue, PeersTakeTurnsAndEachKeepsItsOrder) {
  HandshakeQueue<std::string> queue;
  const auto add = [&](const std::string& peer, const std::string& name) {
    queue.Add(peer, std::make_shared<std::string>(name));
  };
  for (const char* const name : {"flood1", "flood2", "flood3", "flood4"}) add("flood", name);
  add("other", "other1");
  std::string order = *queue.TakeNext();
  add("third", "third1");
  add("other", "other2");
  EXPECT_EQ(queue.Size(), 6U);
  while (queue.Size() > 0) order += " " + *queue.TakeNext();
  EXPECT_EQ(order, "flood1 other1 flood2 third1 other2 flood3 flood4");
}

}  // namespace
}  // namespace ei::http
