#include "commands/clients_commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/auth/api_key.h"
#include "clients/client_directory.h"
#include "commands/clients_report.h"
#include "commands/clients_text.h"
#include "commands/settings_commands.h"
#include "settings/clients_file.h"
#include "system/edited_file.h"

namespace ei::service {
namespace {

using base::ErrorKind;
using base::Result;

struct NewKey {
  std::string secret;  // the whole key
  WrittenKey written;
};

Result<NewKey> MakeKey(std::optional<base::WallTime> expires_at) {
  auto key = auth::GenerateApiKey();
  if (!key) return std::unexpected(std::move(key.error()));
  auto hash = auth::HashApiKey(*key);
  if (!hash) return std::unexpected(std::move(hash.error()));
  WrittenKey written{std::string(auth::IdOfApiKey(*key).value_or("")), auth::ToText(*hash), expires_at};
  return NewKey{std::move(*key), std::move(written)};
}

class ClientsCommand {
 public:
  ClientsCommand(const CommandLine& line, const std::string& file, const Clock& clock, std::ostream& out,
                 std::ostream& errors)
      : line_(line), file_(file), now_(clock.WallNow()), out_(out), errors_(errors) {}

  int Run() {
    if (const auto expiry = ExpiryOf(line_.clients, now_); expiry && *expiry <= now_) {
      return Fail("--expires " + ToSeconds(*expiry) + " is not in the future", kExitSettings);
    }
    if (file_.empty())
      return Fail("which clients file? Give --file=PATH, or set auth.clients_file (AUTH_CLIENTS_FILE)",
                  kExitSettings);
    switch (line_.subcommand) {
      case Subcommand::kClientsAdd: return Add();
      case Subcommand::kClientsRotate: return Rotate();
      case Subcommand::kClientsRevoke: return Revoke();
      default: return Report();
    }
  }

 private:
  // Makes the new text of the file from its text and what that says.
  using Edit =
      std::function<Result<std::string>(std::string_view text, const std::vector<ClientEntry>& entries)>;

  const std::string& Named() const { return line_.clients.client; }

  int Add() {
    if (!IsClientName(Named())) {
      return Fail(fmt::format("{} is not a name of 1 to {} characters of A-Z a-z 0-9 . _ -", Quoted(Named()),
                              kClientNameBytesMax),
                  kExitSettings);
    }
    const auto key = MakeKey(ExpiryOf(line_.clients, now_));
    if (!key) return Fail(key.error().message);
    const int status =
        Change([&](std::string_view text, const auto&) { return AddClient(text, Named(), key->written); });
    return status == kExitClean ? Print(*key, "was added") : status;
  }

  int Rotate() {
    const auto key = MakeKey(ExpiryOf(line_.clients, now_));
    if (!key) return Fail(key.error().message);
    const base::WallTime others_until = now_ + line_.clients.grace;
    const int status = Change([&](std::string_view text, const auto&) {
      return AddKey(text, Named(), key->written, others_until, now_);
    });
    if (status != kExitClean) return status;
    return Print(*key, "has a new key; others are valid until " + ToSeconds(others_until) + " at most");
  }

  int Revoke() {
    bool is_client = false;
    const auto edit = [&](std::string_view text, const std::vector<ClientEntry>& entries) {
      const auto has_key = [this](const ClientEntry& entry) {
        return std::ranges::find(entry.keys, Named(), &ClientKey::id) != entry.keys.end();
      };
      const auto has_name = [this](const ClientEntry& entry) { return entry.client.name == Named(); };
      const bool is_key = std::ranges::any_of(entries, has_key);
      is_client = std::ranges::any_of(entries, has_name);
      if (is_client != is_key) return is_client ? RemoveClient(text, Named()) : RemoveKey(text, Named());
      return Result<std::string>(
          base::Fail(ErrorKind::kInvalid,
                     (is_client ? "has both a client and a key " : "has neither a client nor a key ") +
                         Quoted(Named())));
    };
    const int status = Change(edit);
    if (status != kExitClean) return status;
    errors_ << fmt::format("{}: the {} {} was removed\n", PrintableLong(file_), is_client ? "client" : "key",
                           Named());
    return kExitClean;
  }

  int Report() {
    const auto clients = LoadClients(file_);
    if (!clients) return Fail(clients.error());
    out_ << (line_.subcommand == Subcommand::kClientsCheck ? ClientsSummary(*clients, now_)
             : line_.json                                  ? ClientsAsJson(*clients, now_)
                                                           : ClientsTable(*clients, now_));
    out_.flush();
    return out_ ? kExitClean : kExitFailure;
  }

  // Replaces the text of the file. The lock is held from before it is read until it was replaced.
  int Change(const Edit& edit) {
    auto file = system::EditedFile::Open(file_, system::RealFileCalls());
    if (!file) return Fail(AboutFile(file.error().message));
    const bool is_new = !file->Exists() && line_.subcommand == Subcommand::kClientsAdd;
    const auto text = is_new ? std::string("clients: []\n") : ReadClientsText(file->Path());
    if (!text) return Fail(AboutFile(text.error().message));
    const auto entries = ReadClients(file_, *text);
    if (!entries) return Fail(entries.error());
    const auto changed = edit(*text, *entries);
    if (!changed) return Fail(AboutFile(changed.error().message));
    if (const auto faulty = ReadClients(file_, *changed); !faulty) return Fail(faulty.error());
    const auto replaced = file->Replace(*changed);
    return replaced ? kExitClean : Fail(AboutFile(replaced.error().message));
  }

  int Print(const NewKey& key, const std::string& what) {
    errors_ << fmt::format("{}: the client {} {}\n", PrintableLong(file_), Named(), what);
    const auto& expires_at = key.written.expires_at;
    errors_ << fmt::format("This is its key {}, valid {}. It is shown only now:\n", key.written.id,
                           expires_at ? "until " + ToSeconds(*expires_at) : "until it is revoked");
    errors_.flush();
    out_ << key.secret << '\n';
    out_.flush();
    if (out_) return kExitClean;
    return Fail("the key could not be printed; remove it with `event-ingestor clients revoke " +
                key.written.id + "`");
  }

  std::string AboutFile(const std::string& what) const { return PrintableLong(file_) + " " + what; }

  int Fail(const std::string& message, int status = kExitFailure) {
    errors_ << "event-ingestor: " << message << '\n';
    return status;
  }
  int Fail(const std::vector<SettingFault>& faults) {
    PrintFaults(errors_, faults);
    return kExitSettings;
  }

  const CommandLine& line_;
  const std::string& file_;
  const base::WallTime now_;
  std::ostream& out_;
  std::ostream& errors_;
};

}  // namespace

int RunClientsCommand(const CommandLine& line, const std::string& file, const Clock& clock, std::ostream& out,
                      std::ostream& errors) {
  return ClientsCommand(line, file, clock, out, errors).Run();
}

}  // namespace ei::service
