#include "adapters/auth/jwt_key.h"

#include <gtest/gtest.h>

#include <optional>

#include <openssl/err.h>

#include "base/base64.h"
#include "support/signing_key.h"

namespace ei::auth {
namespace {

using support::Rsa;
using support::SigningKey;

std::string Decode(std::string_view text) { return base::DecodeBase64Url(text).value(); }

std::string Member(const nlohmann::json& jwk, const char* name) {
  return Decode(jwk.at(name).get<std::string>());
}

JwtKey KeyOf(const SigningKey& key) {
  const nlohmann::json jwk = key.Jwk();
  if (jwk["kty"] == "RSA") return JwtKey::Rsa(Member(jwk, "n"), Member(jwk, "e")).value();
  if (jwk["kty"] == "EC") return JwtKey::P256(Member(jwk, "x"), Member(jwk, "y")).value();
  return JwtKey::Ed25519(Member(jwk, "x")).value();
}

std::string FromHex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

constexpr std::string_view kText = "header.payload";
// Of P-256: the order, and half of the bytes of a signature.
constexpr std::string_view kOrder = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
constexpr size_t kHalf = 32;

constexpr std::string_view kRfc7515Payload =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

TEST(JwtKey, Rfc7515ExampleOfRs256) {
  const auto key = JwtKey::Rsa(
      Decode(
          "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-"
          "yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-"
          "KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_"
          "h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"),
      Decode("AQAB"));
  ASSERT_TRUE(key.has_value());
  EXPECT_TRUE(key->Verify(
      JwtAlgorithm::kRs256, std::string("eyJhbGciOiJSUzI1NiJ9.").append(kRfc7515Payload),
      Decode(
          "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_"
          "O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L0"
          "7Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6L"
          "bgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw")));
}

TEST(JwtKey, Rfc7515ExampleOfEs256) {
  const auto key = JwtKey::P256(Decode("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"),
                                Decode("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"));
  ASSERT_TRUE(key.has_value());
  EXPECT_TRUE(key->Verify(
      JwtAlgorithm::kEs256, std::string("eyJhbGciOiJFUzI1NiJ9.").append(kRfc7515Payload),
      Decode("DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q")));
}

TEST(JwtKey, Rfc8037ExampleOfEdDsa) {
  const auto key = JwtKey::Ed25519(Decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"));
  ASSERT_TRUE(key.has_value());
  EXPECT_TRUE(key->Verify(
      JwtAlgorithm::kEdDsa, "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
      Decode("hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg")));
}

class JwtKeyOfEachKind : public testing::TestWithParam<std::pair<std::string, JwtAlgorithm>> {
 protected:
  static SigningKey Make() {
    const std::string& algorithm = GetParam().first;
    if (algorithm == "ES256") return SigningKey::P256();
    return algorithm == "EdDSA" ? SigningKey::Ed25519() : Rsa();
  }
};

TEST_P(JwtKeyOfEachKind, OnlyTheExactSignatureOfTheExactTextIsValid) {
  const auto& [name, algorithm] = GetParam();
  const SigningKey signer = Make();
  const JwtKey key = KeyOf(signer);
  const std::string signature = signer.Sign(name, kText);
  EXPECT_TRUE(key.Verify(algorithm, kText, signature));
  EXPECT_FALSE(key.Verify(algorithm, "header.payloae", signature));
  EXPECT_FALSE(key.Verify(algorithm, "", signature));
  for (size_t i = 0; i < signature.size(); ++i) {
    std::string changed = signature;
    changed[i] = static_cast<char>(changed[i] ^ 0x10);
    EXPECT_FALSE(key.Verify(algorithm, kText, changed)) << i;
  }
  for (const size_t size : {size_t{0}, size_t{1}, signature.size() / 2, signature.size() - 1}) {
    EXPECT_FALSE(key.Verify(algorithm, kText, signature.substr(0, size))) << size;
  }
  EXPECT_FALSE(key.Verify(algorithm, kText, signature + '\0'));
  EXPECT_FALSE(key.Verify(algorithm, kText, '\0' + signature));
  EXPECT_FALSE(key.Verify(algorithm, kText, std::string(signature.size(), '\0')));
  EXPECT_FALSE(key.Verify(algorithm, kText, std::string(signature.size(), '\xff')));
  EXPECT_EQ(ERR_peek_error(), 0U) << "the errors of OpenSSL stay in the thread's queue";
}

TEST_P(JwtKeyOfEachKind, ASignatureOfAnotherAlgorithmIsInvalid) {
  const auto& [name, algorithm] = GetParam();
  const SigningKey signer = Make();
  const std::string signature = signer.Sign(name, kText);
  for (const JwtAlgorithm other :
       {JwtAlgorithm::kRs256, JwtAlgorithm::kPs256, JwtAlgorithm::kEs256, JwtAlgorithm::kEdDsa}) {
    EXPECT_EQ(KeyOf(signer).Verify(other, kText, signature), other == algorithm);
  }
}

INSTANTIATE_TEST_SUITE_P(Algorithms, JwtKeyOfEachKind,
                         testing::Values(std::pair{"RS256", JwtAlgorithm::kRs256},
                                         std::pair{"PS256", JwtAlgorithm::kPs256},
                                         std::pair{"ES256", JwtAlgorithm::kEs256},
                                         std::pair{"EdDSA", JwtAlgorithm::kEdDsa}),
                         [](const auto& test) { return test.param.first; });

TEST(JwtKey, TheHashAndTheSaltHaveToBeThoseOfTheAlgorithm) {
  const JwtKey key = KeyOf(Rsa());
  for (const int salt : {0, 20, 31, 33, RSA_PSS_SALTLEN_MAX}) {
    EXPECT_FALSE(key.Verify(JwtAlgorithm::kPs256, kText, Rsa().Sign("PS256", kText, salt))) << salt;
  }
  for (const EVP_MD* digest : {EVP_sha1(), EVP_sha384(), EVP_sha512()}) {
    EXPECT_FALSE(key.Verify(JwtAlgorithm::kRs256, kText, Rsa().Sign("RS256", kText, 0, digest)));
    EXPECT_FALSE(
        key.Verify(JwtAlgorithm::kPs256, kText, Rsa().Sign("PS256", kText, RSA_PSS_SALTLEN_DIGEST, digest)));
  }
}

TEST(JwtKey, TheHalvesOfAnEs256SignatureHaveToBeInRange) {
  const SigningKey signer = SigningKey::P256();
  const JwtKey key = KeyOf(signer);
  const std::string signature = signer.Sign("ES256", kText);
  const std::string zero(kHalf, '\0');
  const std::string order = FromHex(kOrder);
  for (const std::string& bad : {zero, order, std::string(kHalf, '\xff')}) {
    EXPECT_FALSE(key.Verify(JwtAlgorithm::kEs256, kText, bad + signature.substr(kHalf)));
    EXPECT_FALSE(key.Verify(JwtAlgorithm::kEs256, kText, signature.substr(0, kHalf) + bad));
    EXPECT_FALSE(key.Verify(JwtAlgorithm::kEs256, kText, bad + bad));
  }
}

TEST(JwtKey, ADerSignatureIsNotAnEs256Signature) {
  // 70 to 72 bytes, as most libraries return it.
  const std::string der =
      "\x30\x44\x02\x20" + std::string(kHalf, '\x11') + "\x02\x20" + std::string(kHalf, '\x11');
  EXPECT_FALSE(KeyOf(SigningKey::P256()).Verify(JwtAlgorithm::kEs256, kText, der));
}

TEST(JwtKey, RsaKeysOfUnsafeSizesAreRejected) {
  const std::string e("\x01\x00\x01", 3);
  const auto modulus = [](size_t bytes) { return '\xff' + std::string(bytes - 2, '\x55') + '\xff'; };
  EXPECT_TRUE(JwtKey::Rsa(modulus(256), e).has_value());
  EXPECT_TRUE(JwtKey::Rsa('\0' + modulus(256), e).has_value()) << "as some libraries write numbers";
  EXPECT_TRUE(JwtKey::Rsa(modulus(1024), e).has_value());
  EXPECT_FALSE(JwtKey::Rsa(modulus(1025), e).has_value());
  EXPECT_FALSE(JwtKey::Rsa(modulus(10'000), e).has_value());
  EXPECT_FALSE(JwtKey::Rsa(modulus(128), e).has_value());
  EXPECT_FALSE(JwtKey::Rsa('\x7f' + modulus(256).substr(1), e).has_value()) << "2047 bits";
  EXPECT_FALSE(JwtKey::Rsa(modulus(255) + '\x02', e).has_value()) << "even";
  EXPECT_FALSE(JwtKey::Rsa("", e).has_value());
}

TEST(JwtKey, RsaExponentsThatProveNothingAreRejected) {
  const std::string n = Member(Rsa().Jwk(), "n");
  EXPECT_TRUE(JwtKey::Rsa(n, "\x03").has_value());
  EXPECT_TRUE(JwtKey::Rsa(n, "\xff\xff\xff\xff").has_value());
  for (const std::string& bad : {std::string(), std::string(1, '\0'), std::string("\x01"),
                                 std::string("\x02"), std::string("\x01\x01\x01\x01\x01"), n}) {
    EXPECT_FALSE(JwtKey::Rsa(n, bad).has_value());
  }
}

TEST(JwtKey, PointsThatAreNotOnTheCurveAreRejected) {
  const nlohmann::json jwk = SigningKey::P256().Jwk();
  const std::string x = Member(jwk, "x");
  const std::string y = Member(jwk, "y");
  const std::string zero(kHalf, '\0');
  std::string off = y;
  off.back() = static_cast<char>(off.back() ^ 1);
  EXPECT_TRUE(JwtKey::P256(x, y).has_value());
  EXPECT_FALSE(JwtKey::P256(x, off).has_value());
  EXPECT_FALSE(JwtKey::P256(y, x).has_value());
  EXPECT_FALSE(JwtKey::P256(zero, zero).has_value());
  EXPECT_FALSE(JwtKey::P256(std::string(kHalf, '\xff'), y).has_value());
  EXPECT_FALSE(JwtKey::P256(x.substr(1), y).has_value());
  EXPECT_FALSE(JwtKey::P256(x, '\0' + y).has_value());
  EXPECT_FALSE(JwtKey::P256("", "").has_value());
  EXPECT_EQ(ERR_peek_error(), 0U);
}

TEST(JwtKey, Ed25519KeysForWhichAnyoneCanSignAreRejected) {
  const std::string zeros(kHalf, '\0');
  // With such a key the signature R = 1, S = 0 is valid for one text in four.
  const std::string forged = '\x01' + std::string(63, '\0');
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr,
                                  reinterpret_cast<const unsigned char*>(zeros.data()), zeros.size()),
      EVP_PKEY_free);
  bool valid = false;
  for (unsigned char i = 0; i < 100; ++i) {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    ASSERT_EQ(EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()), 1);
    valid = valid || EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(forged.data()),
                                      forged.size(), &i, 1) == 1;
  }
  ERR_clear_error();
  EXPECT_TRUE(valid) << "OpenSSL rejects such keys by itself now";

  for (const std::string_view y : {"0000000000000000000000000000000000000000000000000000000000000000",
                                   "0100000000000000000000000000000000000000000000000000000000000000",
                                   "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
                                   "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
                                   "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                                   "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                                   "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"}) {
    std::string point = FromHex(y);
    EXPECT_FALSE(JwtKey::Ed25519(point).has_value()) << y;
    point.back() = static_cast<char>(point.back() ^ 0x80);
    EXPECT_FALSE(JwtKey::Ed25519(point).has_value()) << y;
  }
  EXPECT_FALSE(JwtKey::Ed25519("").has_value());
  EXPECT_FALSE(JwtKey::Ed25519(std::string(31, '\x02')).has_value());
}

}  // namespace
}  // namespace ei::auth
