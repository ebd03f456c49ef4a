#include "system/openssl.h"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/pem.h>

namespace ei::system {
namespace {

TEST(Openssl, TheErrorIsTheNewestOneAndIsTakenOnce) {
  EXPECT_EQ(TakeOpensslError(), "unknown fault");
  ERR_raise(ERR_LIB_PEM, PEM_R_BAD_END_LINE);
  ERR_raise(ERR_LIB_PEM, PEM_R_NO_START_LINE);
  const std::string error = TakeOpensslError();
  EXPECT_NE(error.find("no start line"), std::string::npos) << error;
  EXPECT_EQ(TakeOpensslError(), "unknown fault");
}

TEST(Openssl, BytesAreReadToTheirEndAlsoBehindAZero) {
  const std::string bytes("a\0b", 3);
  const BioPointer bio = BioOf(bytes);
  char read[8];
  ASSERT_EQ(BIO_read(bio.get(), read, sizeof read), 3);
  EXPECT_EQ(std::string(read, 3), bytes);
  EXPECT_LE(BIO_read(bio.get(), read, sizeof read), 0);
}

}  // namespace
}  // namespace ei::system
