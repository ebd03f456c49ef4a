#include "adapters/auth/jwt_key.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "system/openssl.h"

namespace ei::auth {

namespace {

constexpr int kRsaBitsMin = 2048;
constexpr int kRsaBitsMax = 8192;  // a larger key makes each verification slow
constexpr int kRsaExponentBitsMax = 32;
constexpr size_t kCoordinateBytes = 32;  // of P-256 and Ed25519

// The order of P-256: both halves of a signature are between 0 and this.
constexpr std::array<unsigned char, kCoordinateBytes> kP256Order = {
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};

using system::Freed;
using BigNumber = std::unique_ptr<BIGNUM, Freed<BN_free>>;
using ParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, Freed<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, Freed<OSSL_PARAM_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;
using EcdsaSignature = std::unique_ptr<ECDSA_SIG, Freed<ECDSA_SIG_free>>;

// Removes the errors that OpenSSL reports meanwhile: on a thread that also does TLS, an error in the queue
// looks like one of a connection.
class ErrorsIgnored {
 public:
  ErrorsIgnored() { ERR_set_mark(); }
  ~ErrorsIgnored() { ERR_pop_to_mark(); }
  ErrorsIgnored(const ErrorsIgnored&) = delete;
  ErrorsIgnored& operator=(const ErrorsIgnored&) = delete;
};

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

BigNumber Number(std::string_view bytes) {
  return BigNumber(BN_bin2bn(Bytes(bytes), static_cast<int>(bytes.size()), nullptr));
}

std::unexpected<base::Error> Unusable(std::string message) {
  return base::Fail(base::ErrorKind::kInvalid, std::move(message));
}

// Null if OpenSSL rejects the key.
EVP_PKEY* KeyOf(const char* type, OSSL_PARAM_BLD* builder) {
  const Params params(OSSL_PARAM_BLD_to_param(builder));
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1) return nullptr;
  if (EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) return nullptr;
  return key;
}

// Whether the point has one of the orders 1, 2, 4 and 8: for such a key anyone can make signatures, and one
// of them is the key of zeros. These are all y coordinates, also those that are not reduced; the highest bit
// is the sign of x.
bool HasSmallOrder(std::string_view point) {
  constexpr unsigned char kYs[][kCoordinateBytes] = {
      {0x00},
      {0x01},
      {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
       0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
      {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
       0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
      {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
       0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
      {0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
       0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
      {0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
       0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}};
  std::string y(point);
  y.back() = static_cast<char>(y.back() & 0x7f);
  return std::ranges::any_of(kYs, [&y](const auto& small) {
    return std::ranges::equal(small, y, {}, {}, [](char c) { return static_cast<unsigned char>(c); });
  });
}

// Turns r and s, one after the other, into DER; nullopt unless both are within their range.
std::optional<std::string> DerOf(std::string_view signature) {
  if (signature.size() != 2 * kCoordinateBytes) return std::nullopt;
  const auto half = [signature](size_t offset) -> BigNumber {
    const std::string_view bytes = signature.substr(offset, kCoordinateBytes);
    const bool zero = std::ranges::all_of(bytes, [](char c) { return c == '\0'; });
    const bool below = std::ranges::lexicographical_compare(
        bytes, kP256Order, {}, [](char c) { return static_cast<unsigned char>(c); });
    return zero || !below ? nullptr : Number(bytes);
  };
  BigNumber r = half(0);
  BigNumber s = half(kCoordinateBytes);
  const EcdsaSignature numbers(ECDSA_SIG_new());
  if (r == nullptr || s == nullptr || numbers == nullptr) return std::nullopt;
  ECDSA_SIG_set0(numbers.get(), r.release(), s.release());
  std::string der(static_cast<size_t>(std::max(0, i2d_ECDSA_SIG(numbers.get(), nullptr))), '\0');
  auto* end = reinterpret_cast<unsigned char*>(der.data());
  if (i2d_ECDSA_SIG(numbers.get(), &end) <= 0) return std::nullopt;
  return der;
}

bool SetPadding(EVP_PKEY_CTX* context, JwtAlgorithm algorithm) {
  if (algorithm == JwtAlgorithm::kRs256) return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1;
  if (algorithm != JwtAlgorithm::kPs256) return true;
  // RFC 7518, section 3.5: the salt is as long as the hash, and MGF1 uses the same hash.
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_mgf1_md(context, EVP_sha256()) == 1 &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
}

}  // namespace

JwtKey::JwtKey(Type type, EVP_PKEY* key) : type_(type), key_(key, EVP_PKEY_free) {}

base::Result<JwtKey> JwtKey::Rsa(std::string_view modulus, std::string_view exponent) {
  const ErrorsIgnored ignored;
  if (modulus.size() > kRsaBitsMax / 8 + 1 || exponent.size() > kRsaBitsMax / 8) {
    return Unusable("the RSA key is too long");
  }
  const BigNumber n = Number(modulus);
  const BigNumber e = Number(exponent);
  const int bits = BN_num_bits(n.get());
  if (bits < kRsaBitsMin || bits > kRsaBitsMax) {
    return Unusable("the RSA key has " + std::to_string(bits) + " bits, not 2048 to 8192");
  }
  if (BN_is_odd(n.get()) == 0) return Unusable("the modulus of the RSA key is even");
  if (BN_is_odd(e.get()) == 0 || BN_is_one(e.get()) == 1 || BN_num_bits(e.get()) > kRsaExponentBitsMax) {
    return Unusable("the exponent of the RSA key is not an odd number from 3 to 4294967295");
  }
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get());
  EVP_PKEY* const key = KeyOf("RSA", builder.get());
  if (key == nullptr) return Unusable("OpenSSL rejects the RSA key");
  return JwtKey(Type::kRsa, key);
}

base::Result<JwtKey> JwtKey::P256(std::string_view x, std::string_view y) {
  const ErrorsIgnored ignored;
  if (x.size() != kCoordinateBytes || y.size() != kCoordinateBytes) {
    return Unusable("a coordinate of the P-256 key doesn't have 32 bytes");
  }
  const std::string point = std::string("\x04").append(x).append(y);
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0);
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size());
  EVP_PKEY* const key = KeyOf("EC", builder.get());
  if (key == nullptr) return Unusable("the P-256 key is not a point on the curve");
  return JwtKey(Type::kP256, key);
}

base::Result<JwtKey> JwtKey::Ed25519(std::string_view x) {
  const ErrorsIgnored ignored;
  if (x.size() != kCoordinateBytes) return Unusable("the Ed25519 key doesn't have 32 bytes");
  if (HasSmallOrder(x)) return Unusable("the Ed25519 key is one for which anyone can sign");
  EVP_PKEY* const key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, Bytes(x), x.size());
  if (key == nullptr) return Unusable("OpenSSL rejects the Ed25519 key");
  return JwtKey(Type::kEd25519, key);
}

bool JwtKey::Fits(JwtAlgorithm algorithm) const {
  switch (algorithm) {
    case JwtAlgorithm::kRs256:
    case JwtAlgorithm::kPs256: return type_ == Type::kRsa;
    case JwtAlgorithm::kEs256: return type_ == Type::kP256;
    case JwtAlgorithm::kEdDsa: return type_ == Type::kEd25519;
  }
  return false;
}

bool JwtKey::Verify(JwtAlgorithm algorithm, std::string_view text, std::string_view signature) const {
  if (!Fits(algorithm)) return false;
  const ErrorsIgnored ignored;
  std::string der;
  if (type_ == Type::kP256) {
    auto made = DerOf(signature);
    if (!made) return false;
    der = std::move(*made);
    signature = der;
  } else if (signature.size() != static_cast<size_t>(EVP_PKEY_get_size(key_.get()))) {
    return false;
  }
  const DigestContext context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* settings = nullptr;  // owned by `context`
  const EVP_MD* const digest = type_ == Type::kEd25519 ? nullptr : EVP_sha256();
  return context != nullptr &&
         EVP_DigestVerifyInit(context.get(), &settings, digest, nullptr, key_.get()) == 1 &&
         SetPadding(settings, algorithm) &&
         EVP_DigestVerify(context.get(), Bytes(signature), signature.size(), Bytes(text), text.size()) == 1;
}

}  // namespace ei::auth
