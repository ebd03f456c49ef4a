#pragma once

// Checks which texts are JSON by RFC 8259, with every scanner that this machine can run. Each text is tried
// as a document, inside an event, and as a line. Every body ends at the end of readable memory.

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "adapters/json/event_decoder.h"
#include "support/guarded_bytes.h"
#include "support/json_scanners.h"

namespace ei::json {

using std::string_view_literals::operator""sv;

class Grammar : public ::testing::TestWithParam<std::string> {
 protected:
  Grammar() : active_(GetParam()), decoder_(MakeEventDecoder({})) {}

  bool DocumentIsValid(std::string_view text) {
    return decoder_->DecodeDocument(guarded_.Hold(text)).fault == DocumentFault::kNone;
  }
  bool LineIsValid(std::string_view text) {
    const auto request = decoder_->DecodeLines(guarded_.Hold(text));
    return request.events.size() == 1 && request.events[0].fault != EventFault::kMalformedJson;
  }
  void ExpectValid(std::string_view text) {
    EXPECT_TRUE(DocumentIsValid(text)) << text;
    EXPECT_TRUE(DocumentIsValid("{\"type\":\"t\",\"v\":" + std::string(text) + "}")) << text;
    EXPECT_TRUE(DocumentIsValid("[" + std::string(text) + "]")) << text;
    EXPECT_TRUE(DocumentIsValid("\r\n\t " + std::string(text) + " \t\r\n")) << text;
    if (text.find('\n') == std::string_view::npos) {
      EXPECT_TRUE(LineIsValid(text)) << text;
    }
  }
  void ExpectInvalid(std::string_view text) {
    EXPECT_FALSE(DocumentIsValid(text)) << text;
    EXPECT_FALSE(DocumentIsValid("{\"type\":\"t\",\"v\":" + std::string(text) + "}")) << text;
    EXPECT_FALSE(DocumentIsValid("[" + std::string(text) + "]")) << text;
    if (text.find_first_not_of(" \t\r") != std::string_view::npos &&
        text.find('\n') == std::string_view::npos) {
      EXPECT_FALSE(LineIsValid(text)) << text;
    }
  }

 private:
  support::ActiveJsonScanner active_;
  support::GuardedBytes guarded_{1 << 20};
  std::unique_ptr<EventDecoder> decoder_;
};

}  // namespace ei::json
