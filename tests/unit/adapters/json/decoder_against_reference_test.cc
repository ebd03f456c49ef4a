// Compares the decoder with another parser (nlohmann::json) on documents that were damaged at random. Both
// must agree on which documents are JSON, and on the members of those. The intended differences, which
// Reference() handles:
//  - a byte order mark: the reference skips it, the decoder rejects it;
//  - a NUL outside strings: the reference takes it as the end of the text, the decoder rejects it;
//  - a number beyond a double: the reference rejects it, the decoder passes it on unchanged.

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "adapters/json/event_decoder.h"
#include "support/guarded_bytes.h"
#include "support/json_scanners.h"
#include "support/random.h"

namespace ei::json {
namespace {

// Records the names at the top level, and whether a fault was a number out of range.
struct Reader : nlohmann::json_sax<nlohmann::json> {
  bool out_of_range = false;
  size_t depth = 0;
  std::vector<std::string> names;

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return ++depth > 0; }
  bool end_object() override { return depth-- > 0; }
  bool start_array(std::size_t) override { return ++depth > 0; }
  bool end_array() override { return depth-- > 0; }
  bool key(string_t& name) override {
    if (depth == 1) names.push_back(name);
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& fault) override {
    out_of_range = fault.id == 406;
    return false;
  }
};

// Replaces the digits of exponents, and digits of a number after the 300th, with 0, so that numbers fit into
// a double. This doesn't change whether the text is JSON.
std::string WithSmallNumbers(std::string text) {
  bool exponent = false;
  size_t digits = 0;
  for (char& c : text) {
    if (c >= '0' && c <= '9') {
      if (exponent || ++digits > 300) c = '0';
      continue;
    }
    digits = 0;
    exponent = c == 'e' || c == 'E' || (exponent && (c == '+' || c == '-'));
  }
  return text;
}

bool Reference(const std::string& text) {
  if (text.find('\0') != std::string::npos || text.starts_with("\xef\xbb\xbf")) return false;
  Reader reader;
  if (nlohmann::json::sax_parse(text, &reader)) return true;
  return reader.out_of_range && nlohmann::json::accept(WithSmallNumbers(text));
}

const std::vector<std::string>& Originals() {
  static const std::vector<std::string> originals = {
      R"({"id":"order-7","type":"order.created","timestamp":"2026-01-31T12:00:00Z","payload":{"n":1,"items":[1,2,3]}})",
      R"({"type":"t","payload":{"user_id":"u\u00e9\n","ok":true,"no":false,"nil":null,"list":[[],{},[{}]]}})",
      R"([{"id":"1","type":"a"},{"id":"2","type":"b","x":-0.5e-10},{"type":"\"\\\/\b\f\n\r\t"}])",
      R"({"a":1e308,"b":-1E+5,"c":0,"d":-0.0,"e":123456789012345678901234567890,"f":1.0000000000000001})",
      "{\"s\":\"\xf0\x9f\x98\x80 \xe2\x82\xac \xc3\xa9\",\"e\":\"\\ud83d\\ude00\",\"\xc3\xa9\":\"\\u0000\"}",
      " \t\r\n{ \"id\" : \"x\" , \"type\" : \"y\" , \"p\" : [ 1 , 2 , { \"q\" : { } } ] } \r\n",
      R"([1,"two",null,true,false,[],{},[[[[]]]],{"a":{"b":{"c":{}}}}])",
      R"({"":"","a":"","b":{"":{"":""}}})",
      R"({"p":"a fairly long string, so that a block of sixty-four bytes ends within it, and another \\\" one","q":[]})",
      R"("just \u0041 string")",
      "-12.5e+3",
  };
  return originals;
}

std::string Damage(support::Random& random) {
  static const std::vector<std::string> kPieces = {"{",     "}",       "[",        "]",
                                                   ",",     ":",       "\"",       "\\",
                                                   "\\u",   "\\ud83d", "\\ude00",  "\\n",
                                                   "0",     "1",       "-",        "+",
                                                   ".",     "e",       "E",        "true",
                                                   "false", "null",    " ",        "\n",
                                                   "\t",    "\r",      "\"id\":",  "\"type\":\"t\"",
                                                   "{}",    "[]",      "\"\"",     ",\"a\":1",
                                                   "\xc3",  "\xa9",    "\xf0\x9f", "\xff",
                                                   "\x0c",  "\x1a",    "\x7f",     "\xe2\x80\xa8",
                                                   "/",     "'",       "\x01",     "1e999",
                                                   "\\\""};
  const auto& originals = Originals();
  std::string text = originals[random.Below(originals.size())];
  for (uint64_t rounds = random.Between(1, 3); rounds > 0; --rounds) {
    const size_t at = random.Below(text.size() + 1);
    const size_t size = std::min(text.size() - at, random.Between(1, random.OneIn(4) ? 40 : 3));
    switch (random.Below(7)) {
      case 0:
        if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << random.Below(8)));
        break;
      case 1:
        if (at < text.size()) text[at] = static_cast<char>(random.Below(256));
        break;
      case 2: text.erase(at, size); break;
      case 3: text.insert(at, kPieces[random.Below(kPieces.size())]); break;
      case 4: text.insert(random.Below(text.size() + 1), text.substr(at, size)); break;
      case 5: {
        const std::string& other = originals[random.Below(originals.size())];
        const size_t from = random.Below(other.size());
        text.replace(at, size, other.substr(from, random.Between(1, 30)));
        break;
      }
      default:
        if (at < text.size()) text.replace(at, 1, kPieces[random.Below(kPieces.size())]);
        break;
    }
    if (text.empty()) return text;
  }
  return text;
}

void ExpectMember(const nlohmann::json& object, const char* name, const Member& member) {
  if (!object.contains(name)) {
    EXPECT_EQ(member.kind, Member::Kind::kAbsent) << name;
  } else if (!object[name].is_string()) {
    EXPECT_EQ(member.kind, Member::Kind::kOther) << name;
  } else {
    EXPECT_EQ(member.kind, Member::Kind::kString) << name;
    EXPECT_EQ(member.text, object[name].get_ref<const std::string&>()) << name;
  }
}

// `text` is valid JSON with an object at the top level; `event` is the decoder's result.
void ExpectSameEvent(const std::string& text, const DecodedEvent& event) {
  Reader reader;
  if (!nlohmann::json::sax_parse(text, &reader)) return;  // a number beyond a double
  const size_t distinct = std::set<std::string>(reader.names.begin(), reader.names.end()).size();
  ASSERT_EQ(event.fault, distinct < reader.names.size() ? EventFault::kDuplicateMember : EventFault::kNone);
  if (event.fault != EventFault::kNone) return;
  const nlohmann::json object = nlohmann::json::parse(text);
  ExpectMember(object, "id", event.id);
  ExpectMember(object, "type", event.type);
  ExpectMember(object, "timestamp", event.timestamp);
  EXPECT_EQ(event.json.front(), '{');
  EXPECT_EQ(event.json.back(), '}');
  EXPECT_EQ(nlohmann::json::parse(event.json), object);
}

// A decoder on each scanner of this machine.
class Decoders {
 public:
  Decoders() {
    const std::string filling = "\"" + std::string(64 << 10, 'x') + "\"";
    for (const std::string& name : support::JsonScannerNames()) {
      const support::ActiveJsonScanner active(name);
      names_.push_back(name);
      decoders_.push_back(MakeEventDecoder({}));
      decoders_.back()->DecodeDocument(filling);  // allocates now, with `active` selected
    }
  }

  // Fails unless every decoder agrees with the reference on `text`. Returns whether `text` is valid.
  bool Check(const std::string& text) {
    const bool valid = Reference(text);
    const std::string_view held = guarded_.Hold(text);
    for (size_t i = 0; i < decoders_.size(); ++i) {
      SCOPED_TRACE(testing::Message() << names_[i] << ": " << text);
      const auto document = decoders_[i]->DecodeDocument(held);
      EXPECT_NE(document.fault, DocumentFault::kTooDeep);
      EXPECT_EQ(document.fault == DocumentFault::kNone, valid) << document.what;
      EXPECT_LE(document.offset, text.size());
      if (valid && !document.batch && document.events.size() == 1 &&
          document.events[0].fault != EventFault::kNotAnObject) {
        ExpectSameEvent(text, document.events[0]);
      }
      if (valid && document.batch) ExpectElements(text, document.events);
      const bool one_line = text.find('\n') == std::string::npos;
      const bool blank = text.find_first_not_of(" \t\r") == std::string::npos;
      const auto lines = decoders_[i]->DecodeLines(held);
      if (one_line && !blank) {
        EXPECT_EQ(lines.events.size(), 1U);
        if (lines.events.size() == 1) {
          EXPECT_EQ(lines.events[0].fault != EventFault::kMalformedJson, valid);
        }
      }
    }
    return valid;
  }

 private:
  static void ExpectElements(const std::string& text, std::span<const DecodedEvent> events) {
    if (!nlohmann::json::accept(text)) return;
    const nlohmann::json array = nlohmann::json::parse(text);
    ASSERT_EQ(events.size(), array.size());
    for (size_t i = 0; i < events.size(); ++i) {
      ASSERT_EQ(events[i].fault == EventFault::kNotAnObject, !array[i].is_object());
      if (array[i].is_object()) ExpectSameEvent(std::string(events[i].json), events[i]);
    }
  }

  support::GuardedBytes guarded_{64 << 10};
  std::vector<std::string> names_;
  std::vector<std::unique_ptr<EventDecoder>> decoders_;
};

TEST(DecoderAgainstReference, AgreesOnDamagedDocuments) {
  const uint64_t seed = support::SeedOr(11);
  SCOPED_TRACE(testing::Message() << "EI_SEED=" << seed);
  support::Random random(seed);
  Decoders decoders;
  for (const std::string& text : Originals()) ASSERT_TRUE(decoders.Check(text)) << text;
  constexpr int kDocuments = support::Repeats(200'000);
  int valid = 0;
  for (int i = 0; i < kDocuments && !HasFailure(); ++i) valid += decoders.Check(Damage(random)) ? 1 : 0;
  EXPECT_GT(valid, kDocuments / 50) << "the damage must not always make the document invalid";
  EXPECT_LT(valid, kDocuments / 2) << "nor always leave it valid";
}

TEST(DecoderAgainstReference, AgreesOnEverySingleByteChanged) {
  Decoders decoders;
  const std::string& original = Originals()[1];
  for (size_t at = 0; at < original.size() && !HasFailure(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string text = original;
      text[at] = static_cast<char>(byte);
      decoders.Check(text);
    }
  }
}

TEST(DecoderAgainstReference, AgreesOnEveryTruncationAndEveryByteMissing) {
  Decoders decoders;
  for (const std::string& original : Originals()) {
    for (size_t at = 0; at < original.size() && !HasFailure(); ++at) {
      decoders.Check(original.substr(0, at));
      decoders.Check(original.substr(at));
      decoders.Check(std::string(original).erase(at, 1));
    }
  }
}

}  // namespace
}  // namespace ei::json
