#include "adapters/tokens/https_client.h"

#include <exception>
#include <optional>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "adapters/tokens/url.h"

namespace ei::tokens {

namespace {

namespace asio = boost::asio;
namespace beast_http = boost::beast::http;
using asio::use_awaitable;
using asio::ip::tcp;

constexpr size_t kReplyBytesMax = 64 * 1024;
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

template <typename Stream>
asio::awaitable<HttpReply> Exchange(Stream& stream, const Message& message) {
  co_await beast_http::async_write(stream, message, use_awaitable);
  boost::beast::flat_buffer buffer(kReplyHeaderBytesMax + kReplyBytesMax);
  beast_http::response_parser<beast_http::string_body> parser;
  parser.header_limit(kReplyHeaderBytesMax);
  parser.body_limit(kReplyBytesMax);
  co_await beast_http::async_read(stream, buffer, parser, use_awaitable);
  co_return HttpReply{static_cast<int>(parser.get().result_int()), std::move(parser.get().body())};
}

asio::awaitable<HttpReply> SendOver(const Url& url, const std::string& ca_file, const Message& message) {
  const auto executor = co_await asio::this_coro::executor;
  tcp::resolver resolver(executor);
  const auto addresses = co_await resolver.async_resolve(url.host, url.port, use_awaitable);
  if (!url.tls) {
    tcp::socket socket(executor);
    co_await asio::async_connect(socket, addresses, use_awaitable);
    co_return co_await Exchange(socket, message);
  }
  asio::ssl::context context(asio::ssl::context::tls_client);
  context.set_options(asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1);
  if (ca_file.empty()) {
    context.set_default_verify_paths();
  } else {
    context.load_verify_file(ca_file);
  }
  asio::ssl::stream<tcp::socket> stream(executor, context);
  stream.set_verify_mode(asio::ssl::verify_peer);
  stream.set_verify_callback(asio::ssl::host_name_verification(url.host));
  std::string server_name = url.host;
  SSL_ctrl(stream.native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
           server_name.data());
  co_await asio::async_connect(stream.lowest_layer(), addresses, use_awaitable);
  co_await stream.async_handshake(asio::ssl::stream_base::client, use_awaitable);
  // No close of TLS at the end: the reply says by itself how long it is.
  co_return co_await Exchange(stream, message);
}

}  // namespace

base::Result<HttpReply> HttpsClient::Send(const HttpRequest& request) {
  const auto url = ParseUrl(request.url);
  if (!url) return std::unexpected(url.error());
  const Message message = MessageOf(request, *url);
  base::Result<HttpReply> result =
      base::Fail(base::ErrorKind::kUnavailable, url->host + " didn't answer in time");
  asio::io_context io;
  asio::co_spawn(
      io, SendOver(*url, options_.ca_file, message), [&](const std::exception_ptr& fault, HttpReply reply) {
        if (!fault) {
          result = std::move(reply);
          return;
        }
        try {
          std::rethrow_exception(fault);
        } catch (const std::exception& error) {
          result = base::Fail(base::ErrorKind::kUnavailable, url->host + " can't be asked: " + error.what());
        }
      });
  io.run_for(options_.timeout);
  return result;
}

}  // namespace ei::tokens
