#include "adapters/tokens/https_client.h"

#include <utility>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "adapters/tokens/host_lookup.h"
#include "adapters/tokens/url.h"

namespace ei::tokens {

namespace {

namespace asio = boost::asio;
namespace beast_http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr auto kCancelPoll = std::chrono::milliseconds(50);
constexpr size_t kReplyHeaderBytesMax = 16 * 1024;

using Message = beast_http::request<beast_http::string_body>;

Message MessageOf(const HttpRequest& request, const Url& url) {
  Message message;
  message.method_string(request.method);
  message.target(url.target);
  const bool usual = url.port == (url.tls ? "443" : "80");
  const std::string host = url.host.find(':') == std::string::npos ? url.host : "[" + url.host + "]";
  message.set(beast_http::field::host, usual ? host : host + ":" + url.port);
  message.set(beast_http::field::connection, "close");
  message.set(beast_http::field::user_agent, "event-ingestor");
  for (const auto& [name, value] : request.headers) message.set(name, value);
  message.body() = request.body;
  if (!request.body.empty() || request.method != "GET") message.prepare_payload();
  return message;
}

// One request and its reply, step by step. Each function returns false when its step failed, the time is
// over, or the request was cancelled.
class Exchange {
 public:
  Exchange(const Url& url, const HttpsClient::Options& options, HostLookup& lookup,
           const std::atomic<bool>& cancelled)
      : url_(url),
        options_(options),
        lookup_(lookup),
        cancelled_(cancelled),
        context_(asio::ssl::context::tls_client),
        socket_(io_),
        timer_(io_, options.timeout) {
    timer_.async_wait([this](error_code) { late_ = true; });
  }

  base::Result<HttpReply> Run(const Message& message) {
    HttpReply reply;
    const bool done = Connect() && (url_.tls ? RunTls(message, reply) : RunOn(socket_, message, reply));
    if (done) return reply;
    if (!lookup_fault_.empty()) return base::Fail(base::ErrorKind::kUnavailable, lookup_fault_);
    const std::string why = late_ ? " didn't answer in time" : ": the request failed: " + error_.message();
    return base::Fail(base::ErrorKind::kUnavailable, url_.host + why);
  }

 private:
  bool Connect() {
    const auto addresses = lookup_.Find(url_.host, url_.port, timer_.expiry());
    if (!addresses) {
      lookup_fault_ = addresses.error().message;
      return false;
    }
    return Await([&](auto done) {
      asio::async_connect(socket_, *addresses, [done](error_code error, const auto&) { done(error); });
    });
  }

  bool RunTls(const Message& message, HttpReply& reply) {
    context_.set_options(asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1);
    if (options_.ca_file.empty()) {
      context_.set_default_verify_paths(error_);
    } else {
      context_.load_verify_file(options_.ca_file, error_);
    }
    if (error_) return false;
    asio::ssl::stream<tcp::socket&> stream(socket_, context_);
    stream.set_verify_mode(options_.verify ? asio::ssl::verify_peer : asio::ssl::verify_none);
    stream.set_verify_callback(asio::ssl::host_name_verification(url_.host));
    std::string server_name = url_.host;
    SSL_ctrl(stream.native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
             server_name.data());
    const bool trusted =
        Await([&](auto done) { stream.async_handshake(asio::ssl::stream_base::client, done); });
    // TLS is not closed at the end: the reply itself gives its length.
    return trusted && RunOn(stream, message, reply);
  }

  template <typename Stream>
  bool RunOn(Stream& stream, const Message& message, HttpReply& reply) {
    const auto without_size = [](auto done) { return [done](error_code error, size_t) { done(error); }; };
    if (!Await([&](auto done) { beast_http::async_write(stream, message, without_size(done)); }))
      return false;
    boost::beast::flat_buffer buffer(kReplyHeaderBytesMax + options_.reply_bytes_max);
    beast_http::response_parser<beast_http::string_body> parser;
    parser.header_limit(kReplyHeaderBytesMax);
    parser.body_limit(options_.reply_bytes_max);
    if (!Await([&](auto done) { beast_http::async_read(stream, buffer, parser, without_size(done)); })) {
      return false;
    }
    reply = {static_cast<int>(parser.get().result_int()), std::move(parser.get().body())};
    return true;
  }

  // Starts an operation and waits for it. A late operation is still running: its buffers have to stay valid
  // until End has returned.
  template <typename Start>
  bool Await(const Start& start) {
    bool over = false;
    start([this, &over](error_code error) {
      error_ = error;
      over = true;
    });
    while (!over && !late_ && !cancelled_.load(std::memory_order_relaxed)) io_.run_one_for(kCancelPoll);
    if (!over) End(over);
    return !late_ && !error_;
  }

  void End(const bool& over) {
    error_code ignored;
    socket_.close(ignored);
    while (!over && io_.run_one() > 0) {
    }
  }

  const Url& url_;
  const HttpsClient::Options& options_;
  HostLookup& lookup_;
  const std::atomic<bool>& cancelled_;
  std::string lookup_fault_;
  asio::io_context io_;
  asio::ssl::context context_;
  tcp::socket socket_;
  asio::steady_timer timer_;
  bool late_ = false;
  error_code error_;
};

}  // namespace

base::Result<HttpReply> HttpsClient::Send(const HttpRequest& request) {
  const auto url = ParseUrl(request.url);
  if (!url) return std::unexpected(url.error());
  return Exchange(*url, options_, lookup_, cancelled_).Run(MessageOf(request, *url));
}

void HttpsClient::Cancel() {
  cancelled_.store(true, std::memory_order_relaxed);
  lookup_.Cancel();
}

}  // namespace ei::tokens
