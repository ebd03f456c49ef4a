#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ingest/problems.h"

namespace ei::http {

// Appends the body of an application/problem+json reply (RFC 9457). `detail` is for people: it says what
// happened, and names the limit and its setting. The function escapes only quotes in it; `detail` must not
// contain anything else that JSON requires to be escaped.
void AppendProblem(std::string& out, const Problem& problem, std::string_view detail);

std::string_view ReasonPhrase(uint16_t status);

}  // namespace ei::http
