// The vectors are AWS's own, from the public documentation of Signature Version 4.

#include "adapters/tokens/sigv4.h"

#include <gtest/gtest.h>

#include "adapters/tokens/encoding.h"
#include "base/base64.h"

namespace ei::tokens {
namespace {

using std::chrono::sys_days;
using namespace std::chrono_literals;

TEST(Sigv4, SigningKeyOfTheDocumentation) {
  EXPECT_EQ(Hex(SigningKey("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20120215", "us-east-1", "iam")),
            "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d");
}

TEST(Sigv4, PresignedUrlOfTheDocumentation) {
  PresignedGet request;
  request.host = "examplebucket.s3.amazonaws.com";
  request.path = "/test.txt";
  request.region = "us-east-1";
  request.service = "s3";
  request.payload_hash = "UNSIGNED-PAYLOAD";
  request.valid = 86400s;
  const AwsCredentials credentials{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ""};
  EXPECT_EQ(
      Presign(request, credentials, sys_days{2013y / 5 / 24}),
      "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential="
      "AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z"
      "&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature="
      "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

TEST(Encoding, HasTheFormsOfItsStandards) {
  EXPECT_EQ(PercentEncode("a b/c=d~e_f-g.h+\xc3\xa9"), "a%20b%2Fc%3Dd~e_f-g.h%2B%C3%A9");
  for (const auto& [bytes, text] : std::vector<std::pair<std::string, std::string>>{
           {"", ""}, {"f", "Zg"}, {"fo", "Zm8"}, {"foo", "Zm9v"}, {"foob", "Zm9vYg"}, {"\xfb\xff", "-_8"}}) {
    EXPECT_EQ(base::EncodeBase64Url(bytes), text);
    EXPECT_EQ(FromBase64Url(text), bytes);
  }
  EXPECT_EQ(FromBase64Url("Zg=="), "f");
  for (const char* text : {"Zm9v!", "Z", "+_8", "-/8", "Zh", "Z=g", "Zm8 ", "Zm8\n"}) {
    EXPECT_EQ(FromBase64Url(text), "") << text;
  }
}

}  // namespace
}  // namespace ei::tokens
