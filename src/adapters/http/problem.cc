#include "adapters/http/problem.h"

namespace ei::http {

void AppendProblem(std::string& out, const Problem& problem, std::string_view detail) {
  out.append(R"({"type":")").append(problem.type).append(R"(","title":")").append(problem.title);
  out.append(R"(","status":)").append(std::to_string(problem.status));
  out.append(R"(,"code":")").append(problem.code).append(R"(","detail":")");
  for (const char c : detail) {
    if (c == '"') out.push_back('\\');
    out.push_back(c);
  }
  out.append("\"}");
}

std::string_view ReasonPhrase(uint16_t status) {
  switch (status) {
    case 200: return "OK";
    case 202: return "Accepted";
    case 207: return "Multi-Status";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    default: return "Unknown";
  }
}

}  // namespace ei::http
