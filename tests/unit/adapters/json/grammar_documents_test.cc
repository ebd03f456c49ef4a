#include <gtest/gtest.h>

#include <string>

#include "unit/adapters/json/grammar_fixture.h"

namespace ei::json {
namespace {

class GrammarOfDocuments : public Grammar {};

INSTANTIATE_TEST_SUITE_P(Scanners, GrammarOfDocuments, ::testing::ValuesIn(support::JsonScannerNames()),
                         [](const auto& scanner) { return scanner.param; });

TEST_P(GrammarOfDocuments, BrokenArraysAreRefused) {
  // clang-format off
  for (const auto text :
       {"["sv, "]"sv, "[]]"sv, "[[]"sv, "[1"sv, "[1,"sv, "[1,]"sv, "[,]"sv, "[,1]"sv, "[1,,2]"sv, "[1 2]"sv,
        "[1;2]"sv, "[1:2]"sv, "[\"a\":1]"sv, "[1}"sv, "[1)"sv, "[1],"sv, "[1] 2"sv, "[1][2]"sv, "[tru]"sv, "[01]"sv,
        "[[1,],2]"sv, "[[1 2]]"sv, "[\"a\" \"b\"]"sv, "[\"a\\x\"]"sv, "[{}"sv, "[{]"sv, "[{]}"sv, "[1,\x0c]"sv,
        "[\x0c" "1]"sv, "[1\x1a" "2]"sv, "[1\x0c" "2]"sv, "[-]"sv, "[/*c*/1]"sv, "[1 //c\n]"sv, "[\"\t\"]"sv,
        "[...]"sv, "[:]"sv, "[null,:]"sv, "[1}]"sv, "{[1]}"sv}) {
    // clang-format on
    ExpectInvalid(text);
  }
  for (const auto text : {"[]"sv, "[ ]"sv, "[1]"sv, "[1,2]"sv, "[ 1 , 2 ]"sv, "[[]]"sv, "[[],[]]"sv,
                          "[[[[1]]]]"sv, "[{}]"sv, "[1,\"a\",true,null,{\"b\":[]}]"sv, "[\r\n1\t,\n2]"sv}) {
    ExpectValid(text);
  }
}

TEST_P(GrammarOfDocuments, BrokenObjectsAreRefused) {
  // clang-format off
  for (const auto text :
       {"{"sv, "}"sv, "{}}"sv, "{{}"sv, "{{}}"sv, "{\"a\""sv, "{\"a\":"sv, "{\"a\":1"sv, "{\"a\":1,"sv, "{\"a\":1,}"sv,
        "{,}"sv, "{,\"a\":1}"sv, "{\"a\"}"sv, "{\"a\":}"sv, "{:1}"sv, "{\"a\" 1}"sv, "{\"a\",1}"sv, "{\"a\"::1}"sv,
        "{\"a\":1 \"b\":2}"sv, "{\"a\":1;\"b\":2}"sv, "{\"a\":1,,\"b\":2}"sv, "{a:1}"sv, "{'a':1}"sv, "{1:1}"sv,
        "{null:1}"sv, "{true:1}"sv, "{[]:1}"sv, "{{}:1}"sv, "{\"a\":1]"sv, "{\"a\":[1}"sv, "{\"a\":[1}]"sv,
        "{\"a\":{\"b\":1}"sv, "{\"a\":1}}"sv, "{\"a\":1}{}"sv, "{\"a\":1} x"sv, "{\"a\":1},"sv, "{\"a\"=1}"sv,
        "{\"a\":\"\\x\"}"sv, "{\"\\x\":1}"sv, "{\"\\u12\":1}"sv, "{\"\t\":1}"sv, "{\"a\":tru}"sv, "{\"a\":01}"sv,
        "{\"a\":1 1}"sv, "{\"a\":\"b\" \"c\"}"sv, "{\"a\":\"b\"\"c\"}"sv, "{\"a\"\"b\":1}"sv, "{\"a\" \"b\":1}"sv,
        "{\"a\":\x0c" "1}"sv, "{\"a\"\x1a" "1}"sv, "{\"a\":1/*c*/}"sv, "{\"a\":-}"sv, "{\"a\":{\"b\":}}"sv,
        "{\"a\":{\"b\" 1}}"sv, "{\"a\":{b:1}}"sv, "{\"a\":{\"b\":1,}}"sv, "{\"a\":{,}}"sv, "{\"a\":[{\"\\q\":1}]}"sv,
        "{\"type\" 1}"sv, "{\"type\":}"sv, "{\"type\":\"\\q\"}"sv, "{\"id\":01}"sv, "{\"id\":\"a\" \"b\"}"sv,
        "{\"timestamp\":\"a\"b}"sv, "{\"type\":\"a\":1}"sv, "{\"a\":1\"b\":2}"sv, "{\"a\":1\"}"sv}) {
    // clang-format on
    ExpectInvalid(text);
  }
  for (const auto text : {"{}"sv, "{ }"sv, "{\"a\":1}"sv, "{ \"a\" : 1 , \"b\" : 2 }"sv, "{\"\":0}"sv,
                          "{\"a\":{\"b\":{\"c\":{}}}}"sv, "{\"a\":[],\"b\":{}}"sv, "{\"\\u0061\":\"\\n\"}"sv,
                          "{\"a\":1,\"a\":2}"sv, "{\r\n\"a\"\t:\n1}"sv}) {
    ExpectValid(text);
  }
}

TEST_P(GrammarOfDocuments, EmptyAndBlankDocumentsAreRefused) {
  for (const auto text : {""sv, " "sv, "\r\n\t "sv}) EXPECT_FALSE(DocumentIsValid(text));
}

// A parser may ignore a byte order mark (RFC 8259 section 8.1). The service passes bytes on to Kafka
// unchanged, so it rejects a byte order mark.
TEST_P(GrammarOfDocuments, ByteOrderMarksAndOtherEncodingsAreRefused) {
  for (const auto text : {"\xef\xbb\xbf{}"sv, "\xfe\xff\x00{\x00}"sv, "\xff\xfe{\x00}\x00"sv, "\x00{\x00}"sv,
                          "{\x00}\x00"sv, "\xef\xbb{}"sv, "\xef{}"sv}) {
    EXPECT_FALSE(DocumentIsValid(text)) << text;
    EXPECT_FALSE(LineIsValid(text)) << text;
  }
}

TEST_P(GrammarOfDocuments, BytesAfterTheDocumentAreRefused) {
  for (const auto text :
       {"{}x"sv, "{} x"sv, "{}{}"sv, "{}\n{}"sv, "{},"sv, "[]1"sv, "[] []"sv, "{}\x00"sv, "{}\x0c"sv,
        "{}\""sv, "{}//"sv, "[]\xef\xbb\xbf"sv, "1 1"sv, "\"a\" x"sv, "{}}"sv, "[]]"sv}) {
    EXPECT_FALSE(DocumentIsValid(text)) << text;
  }
}

// The scanner works on blocks of 64 bytes. This tries every fault and every end at every offset in a block.
TEST_P(GrammarOfDocuments, FaultsAreSeenAtEveryPlaceOfABlock) {
  for (size_t pad = 0; pad < 140; ++pad) {
    const std::string space(pad, ' ');
    const std::string letters(pad, 'x');
    ExpectValid(space + "{\"a\":\"" + letters + "\"}");
    ExpectValid("\"" + letters + "\\\"\\\\\"");
    ExpectValid("\"" + letters + "\xf0\x9f\x98\x80\"");
    ExpectInvalid(space + "\"" + letters);
    ExpectInvalid("\"" + letters + "\\\"");
    ExpectInvalid("\"" + letters + "\xf0\x9f\x98\"");
    ExpectInvalid("\"" + letters + "\n\"");
    ExpectInvalid("\"" + letters + "\\q\"");
    ExpectInvalid("[1," + space + "]");
    ExpectInvalid("[" + letters + "]x");
    ExpectInvalid("\"" + letters + "\xc3");
    ExpectInvalid("\"" + letters + "\xe2\x82");
    ExpectInvalid("\"" + letters + "\\");
  }
}

}  // namespace
}  // namespace ei::json
