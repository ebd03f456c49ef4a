#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace ei::service {

// A key as it is written to a clients file.
struct WrittenKey {
  std::string id;
  std::string hash;
  std::optional<base::WallTime> expires_at;  // to the second
};

// These functions edit the text of a clients file that has no fault. They change, add and remove whole lines,
// and the rest stays as it is, with its comments. Each reads the new text again: if that doesn't say exactly
// what it should, the file has a layout that can't be edited in this way, such as clients in one line, and
// the result is an error. Errors are of kind kInvalid; the message is the end of a sentence that begins with
// the file.

// Adds a client with a key at the end.
base::Result<std::string> AddClient(std::string_view text, std::string_view name, const WrittenKey& key);

// Adds a key to a client. Those of its keys that are valid after `others_until` are valid until then only;
// those that have expired at `now` are removed.
base::Result<std::string> AddKey(std::string_view text, std::string_view client, const WrittenKey& key,
                                 base::WallTime others_until, base::WallTime now);

// Removes a client, also with the comments between its lines.
base::Result<std::string> RemoveClient(std::string_view text, std::string_view name);

// Removes a key of a client.
base::Result<std::string> RemoveKey(std::string_view text, std::string_view id);

// "2027-01-01T00:00:00Z"
std::string ToSeconds(base::WallTime time);

}  // namespace ei::service
