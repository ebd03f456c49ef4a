#include "commands/health_command.h"

#include <fmt/format.h>

#include "commands/settings_commands.h"

namespace ei::service {
namespace {

// The wildcard addresses can be listened on, but not connected to.
std::string HostToConnect(const std::string& address) {
  if (address == "0.0.0.0") return "127.0.0.1";
  if (address == "::") return "[::1]";
  return address.find(':') == std::string::npos ? address : "[" + address + "]";
}

}  // namespace

base::Result<std::string> HealthUrl(const Settings& settings, bool live) {
  const std::uint16_t port = settings.http.admin_port.value_or(settings.http.port);
  if (port == 0) {
    return base::Fail(
        base::ErrorKind::kInvalid,
        fmt::format("{} is 0 (any free port): set a fixed port for the health check",
                    settings.http.admin_port ? "admin.port (ADMIN_PORT)" : "http.port (HTTP_PORT)"));
  }
  return fmt::format("{}://{}:{}/{}", settings.http.tls.Enabled() ? "https" : "http",
                     HostToConnect(settings.http.address), port, live ? "livez" : "readyz");
}

int RunHealthCommand(const Settings& settings, bool live, tokens::HttpClient& http, std::ostream& out,
                     std::ostream& errors) {
  const auto url = HealthUrl(settings, live);
  if (!url) {
    errors << "event-ingestor: " << url.error().message << '\n';
    return kExitSettings;
  }
  const auto reply = http.Send({.method = "GET", .url = *url, .headers = {}, .body = {}});
  if (!reply) {
    errors << "event-ingestor: " << *url << ": " << reply.error().message << '\n';
    return kExitFailure;
  }
  if (reply->status != 200) {
    errors << "event-ingestor: " << *url << " answered " << reply->status << ": " << reply->body << '\n';
    return kExitFailure;
  }
  out << (live ? "alive\n" : "ready\n");
  return kExitClean;
}

}  // namespace ei::service
