#pragma once

#include <optional>

#include <nlohmann/json.hpp>

namespace ei::tokens {

// Returns the number in a member. A decimal number in a string also counts, because some servers send that;
// nullopt for anything else.
std::optional<double> NumberOf(const nlohmann::json& member);

}  // namespace ei::tokens
