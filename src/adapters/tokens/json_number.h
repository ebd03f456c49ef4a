#pragma once

#include <optional>

#include <nlohmann/json.hpp>

namespace ei::tokens {

// The number that a member holds, also as a decimal string, as some servers send it; nullopt for anything
// else.
std::optional<double> NumberOf(const nlohmann::json& member);

}  // namespace ei::tokens
