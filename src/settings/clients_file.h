#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "clients/client_directory.h"
#include "settings/settings_fault.h"

namespace ei::service {

inline constexpr std::string_view kClientsFileKey = "auth.clients_file";
inline constexpr std::size_t kClientsFileBytesMax = 32 * 1024 * 1024;
inline constexpr std::size_t kClientsMax = 100'000;

// Reads a clients file; docs/CLIENTS.md describes it. Returns all faults, each with its line. `name` is for
// messages. What is returned can be given to a ClientDirectory. An empty text is a fault, because the file
// may be in the middle of being written.
std::expected<std::vector<ClientEntry>, std::vector<SettingFault>> ReadClients(std::string_view name,
                                                                               std::string_view text);

// The same from the file `path`.
std::expected<std::vector<ClientEntry>, std::vector<SettingFault>> LoadClients(const std::string& path);

// The text of the file. Fails if it is no regular file, larger than kClientsFileBytesMax, or was changed
// while it was read. The message is the end of a sentence that begins with the file.
base::Result<std::string> ReadClientsText(const std::string& path);

}  // namespace ei::service
