#include "adapters/auth/jwt_json.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

namespace ei::auth {

namespace {

constexpr size_t kDepthMax = 16;

// Reads a document without building it, and stops at the first fault.
class Checker final : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return false; }
  bool start_object(size_t) override { return Open(); }
  bool key(string_t& name) override { return names_.back().insert(std::move(name)).second; }
  bool end_object() override { return Close(); }
  bool start_array(size_t) override { return Open(); }
  bool end_array() override { return Close(); }
  bool parse_error(size_t, const std::string&, const nlohmann::json::exception&) override { return false; }

 private:
  bool Open() {
    names_.emplace_back();
    return names_.size() <= kDepthMax;
  }
  bool Close() {
    names_.pop_back();
    return true;
  }

  std::vector<std::set<std::string>> names_;  // of each object that is open; empty for an array
};

}  // namespace

// The parser's own callbacks could do the same in one pass, but they take quadratic time for a list of
// objects.
std::optional<nlohmann::json> ReadJsonObject(std::string_view text) {
  // The library takes a zero byte for the end of the text, and ignores a byte order mark.
  if (text.find('\0') != std::string_view::npos || text.starts_with("\xef\xbb\xbf")) return std::nullopt;
  Checker checker;
  if (!nlohmann::json::sax_parse(text, &checker)) return std::nullopt;
  auto object = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return std::nullopt;
  return object;
}

std::optional<std::string_view> StringMember(const nlohmann::json& object, const char* name) {
  const auto member = object.find(name);
  if (member == object.end() || !member->is_string()) return std::nullopt;
  return member->get_ref<const std::string&>();
}

}  // namespace ei::auth
