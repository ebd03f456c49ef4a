#pragma once

#include <memory>
#include <string>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/intrusive/list_hook.hpp>

#include "base/time.h"

namespace ei::http {

class EventLoop;

// An accepted socket until its header of the PROXY protocol has arrived; then it becomes a Connection of the
// client that the header names. It reads the header and nothing beyond it. All functions are for the loop's
// thread. It lives as long as it waits for bytes.
class ProxiedSocket final
    : public std::enable_shared_from_this<ProxiedSocket>,
      public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  ProxiedSocket(EventLoop& loop, boost::asio::ip::tcp::socket socket, const boost::asio::ip::address& peer);
  ~ProxiedSocket();

  void Start();
  // Closes the socket if the header has taken too long.
  void Tick(base::SteadyTime now);
  // The service stops: a header may arrive within a moment.
  void CloseSoon();

 private:
  void AwaitBytes();
  void Read();
  void Refuse(std::string_view why);
  void Close();
  void ReleaseSlot();

  EventLoop& loop_;
  boost::asio::ip::tcp::socket socket_;
  const boost::asio::ip::address peer_;
  std::string header_;
  base::SteadyTime deadline_;
  bool holds_slot_ = true;
};

}  // namespace ei::http
