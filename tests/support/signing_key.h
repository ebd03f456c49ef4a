#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <nlohmann/json.hpp>

#include "base/base64.h"

namespace ei::support {

// A key of an issuer of tokens, with its private part. Makes tokens, also such as no issuer would make.
class SigningKey {
 public:
  static SigningKey Rsa(size_t bits = 2048) { return SigningKey("RSA", EVP_RSA_gen(bits)); }
  static SigningKey P256() { return SigningKey("EC", EVP_EC_gen("P-256")); }
  static SigningKey Ed25519() { return SigningKey("OKP", EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")); }

  // The public key in the form of a JWK Set, with these further members.
  nlohmann::json Jwk(const nlohmann::json& further = nlohmann::json::object()) const {
    nlohmann::json jwk = {{"kty", type_}};
    if (type_ == "RSA") {
      jwk["n"] = base::EncodeBase64Url(Number(OSSL_PKEY_PARAM_RSA_N, 0));
      jwk["e"] = base::EncodeBase64Url(Number(OSSL_PKEY_PARAM_RSA_E, 0));
    } else if (type_ == "EC") {
      jwk["crv"] = "P-256";
      jwk["x"] = base::EncodeBase64Url(Number(OSSL_PKEY_PARAM_EC_PUB_X, 32));
      jwk["y"] = base::EncodeBase64Url(Number(OSSL_PKEY_PARAM_EC_PUB_Y, 32));
    } else {
      std::string point(32, '\0');
      size_t size = point.size();
      Must(EVP_PKEY_get_raw_public_key(key_.get(), Bytes(point), &size));
      jwk["crv"] = "Ed25519";
      jwk["x"] = base::EncodeBase64Url(point);
    }
    jwk.update(further);
    return jwk;
  }

  // The signature of `text` as the algorithm demands; `salt` and `digest` are for those that don't.
  std::string Sign(std::string_view algorithm, std::string_view text, int salt = RSA_PSS_SALTLEN_DIGEST,
                   const EVP_MD* digest = EVP_sha256()) const {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    EVP_PKEY_CTX* settings = nullptr;
    Must(
        EVP_DigestSignInit(context.get(), &settings, type_ == "OKP" ? nullptr : digest, nullptr, key_.get()));
    if (type_ == "RSA" && algorithm == "PS256") {
      Must(EVP_PKEY_CTX_set_rsa_padding(settings, RSA_PKCS1_PSS_PADDING));
      Must(EVP_PKEY_CTX_set_rsa_pss_saltlen(settings, salt));
    }
    const auto* const data = reinterpret_cast<const unsigned char*>(text.data());
    size_t size = 0;
    Must(EVP_DigestSign(context.get(), nullptr, &size, data, text.size()));
    std::string signature(size, '\0');
    Must(EVP_DigestSign(context.get(), Bytes(signature), &size, data, text.size()));
    signature.resize(size);
    return type_ == "EC" ? FromDer(signature) : signature;
  }

  std::string Token(const nlohmann::json& header, const nlohmann::json& claims) const {
    return TokenOf(header.dump(), claims.dump());
  }
  // The same from texts that need not be JSON.
  std::string TokenOf(std::string_view header, std::string_view claims) const {
    const std::string text = base::EncodeBase64Url(header) + "." + base::EncodeBase64Url(claims);
    return text + "." + base::EncodeBase64Url(Sign(Algorithm(header), text));
  }

 private:
  SigningKey(std::string type, EVP_PKEY* key) : type_(std::move(type)), key_(key, EVP_PKEY_free) {
    Must(key != nullptr);
  }

  static void Must(int result) {
    if (result <= 0) throw std::runtime_error("OpenSSL failed");
  }
  static unsigned char* Bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

  static std::string Algorithm(std::string_view header) {
    const auto json = nlohmann::json::parse(header, nullptr, false);
    return json.is_object() && json.contains("alg") && json["alg"].is_string() ? json["alg"] : "";
  }

  // `size` 0: as many bytes as it needs.
  std::string Number(const char* name, size_t size) const {
    BIGNUM* number = nullptr;
    Must(EVP_PKEY_get_bn_param(key_.get(), name, &number));
    std::string bytes(size == 0 ? static_cast<size_t>(BN_num_bytes(number)) : size, '\0');
    BN_bn2binpad(number, Bytes(bytes), static_cast<int>(bytes.size()));
    BN_free(number);
    return bytes;
  }

  static std::string FromDer(const std::string& der) {
    const auto* start = reinterpret_cast<const unsigned char*>(der.data());
    ECDSA_SIG* const numbers = d2i_ECDSA_SIG(nullptr, &start, static_cast<long>(der.size()));
    Must(numbers != nullptr);
    std::string signature(64, '\0');
    BN_bn2binpad(ECDSA_SIG_get0_r(numbers), Bytes(signature), 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(numbers), Bytes(signature) + 32, 32);
    ECDSA_SIG_free(numbers);
    return signature;
  }

  std::string type_;
  std::shared_ptr<EVP_PKEY> key_;
};

// Keys that tests share, as making one takes a while.
inline const SigningKey& Rsa() {
  static const SigningKey key = SigningKey::Rsa();
  return key;
}
inline const SigningKey& P256() {
  static const SigningKey key = SigningKey::P256();
  return key;
}
inline const SigningKey& Ed25519() {
  static const SigningKey key = SigningKey::Ed25519();
  return key;
}

}  // namespace ei::support
