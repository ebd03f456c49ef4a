#include "bench/connection.h"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>

namespace ei::bench {
namespace {
constexpr std::size_t kBatchReplyBytesMax = std::size_t{64} * 1024 * 1024;
constexpr int kPartialSuccess = 207;
}  // namespace

Connection::Connection(const EventTemplate& request, std::uint32_t pipeline, std::uint32_t user)
    : request_(request), slots_(pipeline) {
  assert(pipeline > 0);
  requests_.reserve(request.Text().size() * pipeline);
  for (std::uint32_t slot = 0; slot < pipeline; ++slot) {
    requests_.insert(requests_.end(), request.Text().begin(), request.Text().end());
    request.SetUser(std::span(requests_).last(request.Text().size()), user);
  }
}

Connection::State Connection::Connect(const sockaddr_in& address, const sockaddr_in& source) {
  assert(state_ == State::kClosed && socket_ < 0);
  closed_in_order_ = false;
  reply_error_.clear();
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket_ < 0) return state_;
  const int on = 1;
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  // The local port is chosen together with the destination, so that many connections can share one port.
  ::setsockopt(socket_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  if (::bind(socket_, reinterpret_cast<const sockaddr*>(&source), sizeof source) != 0) {
    Close();
    return state_;
  }
  if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    state_ = State::kOpen;
  } else if (errno == EINPROGRESS) {
    state_ = State::kConnecting;
  } else {
    Close();
  }
  return state_;
}

Connection::State Connection::FinishConnect() {
  assert(state_ == State::kConnecting);
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(socket_, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0) {
    state_ = State::kOpen;
  } else {
    Close();
  }
  return state_;
}

void Connection::Close() {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
  state_ = State::kClosed;
  oldest_ = 0;
  in_flight_ = 0;
  queued_bytes_ = 0;
  sent_bytes_ = 0;
  partial_.clear();
  body_left_ = 0;
}

void Connection::Queue(const InFlight& request) {
  assert(HasRoom());
  const std::size_t slot = (oldest_ + in_flight_) % slots_.size();
  const std::size_t bytes = request_.Text().size();
  const auto copy = std::span(requests_).subspan(slot * bytes, bytes);
  request_.Number(copy, request.first_counter);
  // The slot still holds the request as it was last sent.
  if (request.named != slots_[slot].named) request_.SetNamed(copy, request.named);
  Append(request);
}

void Connection::QueueAgain(Clock::time_point started) {
  assert(HasRoom() && slots_.size() == 1);
  InFlight again = slots_.front();
  again.started = started;
  Append(again);
}

void Connection::Append(const InFlight& request) {
  slots_[(oldest_ + in_flight_) % slots_.size()] = request;
  ++in_flight_;
  queued_bytes_ += request_.Text().size();
}

Connection::State Connection::Flush() {
  while (state_ == State::kOpen && sent_bytes_ < queued_bytes_) {
    const std::size_t from = sent_bytes_ % requests_.size();
    const std::size_t bytes = std::min<std::size_t>(queued_bytes_ - sent_bytes_, requests_.size() - from);
    const ssize_t sent = ::send(socket_, requests_.data() + from, bytes, MSG_NOSIGNAL);
    if (sent >= 0) {
      sent_bytes_ += static_cast<std::size_t>(sent);
    } else if (errno == EAGAIN) {
      break;
    } else if (errno != EINTR) {
      // The reply that explains the close may still be readable: Receive() reads it and then finds the end of
      // the stream.
      break;
    }
  }
  return state_;
}

Connection::State Connection::Receive(std::span<char> scratch, ReplyListener& listener) {
  while (state_ == State::kOpen) {
    const ssize_t received = ::recv(socket_, scratch.data(), scratch.size(), 0);
    if (received < 0 && errno == EINTR) continue;
    if (received < 0 && errno == EAGAIN) break;
    if (received <= 0) {
      closed_in_order_ = received == 0 && in_flight_ == 0;
      state_ = State::kClosed;
      break;
    }
    const std::string_view data(scratch.data(), static_cast<std::size_t>(received));
    if (partial_.empty()) {
      Parse(data, listener);
    } else {
      const std::string joined = std::move(partial_) + std::string(data);
      partial_.clear();
      Parse(joined, listener);
    }
    // A short read has emptied the socket; later data causes a new edge.
    if (data.size() < scratch.size()) break;
  }
  return state_;
}

Connection::State Connection::Parse(std::string_view data, ReplyListener& listener) {
  while (state_ == State::kOpen && !data.empty()) {
    if (body_left_ > 0) {
      const std::size_t skipped = std::min(body_left_, data.size());
      data.remove_prefix(skipped);
      body_left_ -= skipped;
      if (body_left_ == 0) Finish({}, listener);
      continue;
    }
    const auto head = ParseReplyHead(data);
    if (!head) return Fault(head.error().message);
    if (!*head) {
      partial_ = data;
      break;
    }
    head_ = **head;
    if (head_.status < 200) {
      data.remove_prefix(head_.head_bytes);
      continue;
    }
    if (in_flight_ == 0) return Fault("a reply without a request");
    if (head_.status == kPartialSuccess) {
      if (head_.body_bytes > kBatchReplyBytesMax) return Fault("a batch reply that is too long");
      if (data.size() < head_.head_bytes + head_.body_bytes) {
        partial_ = data;
        break;
      }
      const std::string_view body = data.substr(head_.head_bytes, head_.body_bytes);
      data.remove_prefix(head_.head_bytes + head_.body_bytes);
      Finish(body, listener);
      continue;
    }
    data.remove_prefix(head_.head_bytes);
    body_left_ = head_.body_bytes;
    if (body_left_ == 0) Finish({}, listener);
  }
  return state_;
}

void Connection::Finish(std::string_view body, ReplyListener& listener) {
  const InFlight answered = slots_[oldest_];
  oldest_ = static_cast<std::uint32_t>((oldest_ + 1) % slots_.size());
  --in_flight_;
  if (head_.close) {
    closed_in_order_ = in_flight_ == 0;
    state_ = State::kClosed;
  }
  listener.OnReply(head_, body, answered);
}

Connection::State Connection::Fault(std::string why) {
  reply_error_ = std::move(why);
  state_ = State::kClosed;
  return state_;
}

}  // namespace ei::bench
