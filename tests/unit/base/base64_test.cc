#include "base/base64.h"

#include <gtest/gtest.h>

namespace ei::base {
namespace {

TEST(Base64, VectorsOfRfc4648) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    EXPECT_EQ(EncodeBase64(bytes), text);
    EXPECT_EQ(DecodeBase64(text), bytes);
  }
}

TEST(Base64, EveryByteIsDecodedAtEveryPlace) {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) {
    bytes += static_cast<char>(byte);
    EXPECT_EQ(DecodeBase64(EncodeBase64(bytes)), bytes);
  }
}

TEST(Base64, TextThatTheEncoderNeverWritesIsRejected) {
  for (const char* text : {"Z",     "Zg",      "Zg=",      "Zg===",    "Zh==",     "Zm9=", "Zm 8",
                           "Zm8\n", "=Zm8",    "Zg==Zg==", "Zm-_",     "====",     "Z===", "=",
                           "Z=g=",  " Zm9vYg", "\nZm9",    "Zm9v    ", "Zm9v----", "    ", "Zm9\xff"}) {
    EXPECT_EQ(DecodeBase64(text), std::nullopt) << text;
  }
}

TEST(Base64, TheUrlSafeFormHasNoPaddingAndItsOwnAlphabet) {
  for (const auto& [bytes, text] :
       {std::pair{"", ""}, {"f", "Zg"}, {"fo", "Zm8"}, {"foo", "Zm9v"}, {"\xfb\xff\xbf", "-_-_"}}) {
    EXPECT_EQ(EncodeBase64Url(bytes), text);
    EXPECT_EQ(DecodeBase64Url(text), bytes);
  }
}

TEST(Base64, UrlSafeTextThatTheEncoderNeverWritesIsRejected) {
  for (const char* text : {"Z", "Zg==", "Zm8=", "Zh", "Zm9", "Zm+_", "Zm/_", "Zm 8", "Zm8\n", " Zg", "=",
                           "====", "Zm9vZ", "Zm9\xff"}) {
    EXPECT_EQ(DecodeBase64Url(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace ei::base
