#pragma once

#include <optional>
#include <string_view>

#include <nlohmann/json.hpp>

namespace ei::auth {

// Reads one JSON object. nullopt for everything else: text after it, invalid UTF-8, a member that is there
// twice in any object, or more than 16 levels. The caller bounds the size of the text.
std::optional<nlohmann::json> ReadJsonObject(std::string_view text);

// The member, if there is one and it is a string; it is valid as long as `object`.
std::optional<std::string_view> StringMember(const nlohmann::json& object, const char* name);

}  // namespace ei::auth
