#include "adapters/http/reply.h"

#include <array>
#include <charconv>
#include <cstdio>
#include <ctime>

namespace ei::http {

namespace {

void AppendNumber(std::string& out, uint64_t number) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

}  // namespace

void Reply::Clear() {
  status = 500;
  content_type = "application/json";
  headers.clear();
  body.clear();
  code = {};
  over_share = {};
}

void Reply::AddHeader(std::string_view name, std::string_view value) {
  headers.append(name).append(": ").append(value).append("\r\n");
}

void Reply::Refuse(const Problem& problem, std::string_view detail, std::chrono::seconds retry_after) {
  status = problem.status;
  content_type = "application/problem+json";
  code = problem.code;
  body.clear();
  AppendProblem(body, problem, detail);
  if (retry_after.count() > 0) AddHeader("Retry-After", std::to_string(retry_after.count()));
}

std::string FormatHttpDate(std::chrono::system_clock::time_point time) {
  constexpr std::array kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 64> text;
  const int size = std::snprintf(text.data(), text.size(), "%s, %02d %s %04d %02d:%02d:%02d GMT",
                                 kDays[static_cast<size_t>(utc.tm_wday)], utc.tm_mday,
                                 kMonths[static_cast<size_t>(utc.tm_mon)], utc.tm_year + 1900, utc.tm_hour,
                                 utc.tm_min, utc.tm_sec);
  return {text.data(), static_cast<size_t>(size)};
}

void AppendToWire(std::string& out, const Reply& reply, const WireOptions& options) {
  if (reply.status == 202) {
    out.append("HTTP/1.1 202 Accepted\r\nDate: ");
  } else {
    out.append("HTTP/1.1 ");
    AppendNumber(out, reply.status);
    out.append(" ").append(ReasonPhrase(reply.status)).append("\r\nDate: ");
  }
  out.append(options.date).append("\r\nX-Request-ID: ").append(options.request_id);
  out.append("\r\nContent-Type: ").append(reply.content_type).append("\r\n").append(reply.headers);
  if (options.close) {
    out.append("Connection: close\r\n");
  } else if (options.keep_alive) {
    out.append("Connection: keep-alive\r\n");
  }
  out.append("Content-Length: ");
  AppendNumber(out, reply.body.size());
  out.append("\r\n\r\n");
  if (!options.head) out.append(reply.body);
}

}  // namespace ei::http
