#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>

#include "system/openssl.h"

namespace ei::support {

// A certificate and its key, both in PEM form.
struct IssuedCertificate {
  std::string certificate;
  std::string key;
};

struct CertificateRequest {
  std::string name = {};                      // the common name
  std::string alternatives = {};              // as in "DNS:a,URI:spiffe://b/c"; empty: none
  std::chrono::seconds valid_from{-3600};     // from now
  std::chrono::seconds valid_for{24 * 3600};  // from now
};

// An authority with P-256 keys, in memory. Aborts if OpenSSL fails.
class CertificateAuthority {
 public:
  explicit CertificateAuthority(const std::string& name = "test CA") : key_(NewKey()) {
    certificate_ = Sign({.name = name}, key_.get(), true);
  }

  std::string Certificate() const { return PemOf(*certificate_); }

  IssuedCertificate Issue(const CertificateRequest& request) const {
    const Key key = NewKey();
    return {PemOf(*Sign(request, key.get(), false)), PemOf(*key)};
  }

 private:
  using Key = system::PrivateKeyPointer;
  using Signed = system::CertificatePointer;
  using Extension = std::unique_ptr<X509_EXTENSION, system::Freed<&X509_EXTENSION_free>>;

  static Key NewKey() { return Key(EVP_EC_gen("P-256")); }

  static void Check(bool done) {
    if (!done) std::abort();
  }

  Signed Sign(const CertificateRequest& request, EVP_PKEY* key, bool is_authority) const {
    Signed made(X509_new());
    X509_set_version(made.get(), X509_VERSION_3);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(made.get()), ++serial_);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), request.valid_from.count());
    X509_gmtime_adj(X509_getm_notAfter(made.get()), request.valid_for.count());
    X509_NAME* const subject = X509_get_subject_name(made.get());
    AddName(subject, "O", "Example");
    AddName(subject, "CN", request.name);
    X509_set_issuer_name(made.get(), is_authority ? subject : X509_get_subject_name(certificate_.get()));
    Check(X509_set_pubkey(made.get(), key) == 1);
    X509V3_CTX context;
    X509V3_set_ctx(&context, is_authority ? made.get() : certificate_.get(), made.get(), nullptr, nullptr, 0);
    AddExtension(made.get(), context, NID_basic_constraints,
                 is_authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (!request.alternatives.empty()) {
      AddExtension(made.get(), context, NID_subject_alt_name, request.alternatives);
    }
    Check(X509_sign(made.get(), key_.get(), EVP_sha256()) > 0);
    return made;
  }

  static void AddName(X509_NAME* name, const char* field, const std::string& value) {
    Check(X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                                     reinterpret_cast<const unsigned char*>(value.data()),
                                     static_cast<int>(value.size()), -1, 0) == 1);
  }

  static void AddExtension(X509* certificate, X509V3_CTX& context, int kind, const std::string& value) {
    const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
    Check(extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1);
  }

  static std::string TextOf(BIO* bio) {
    char* text = nullptr;
    const long size = BIO_get_mem_data(bio, &text);
    return {text, static_cast<size_t>(size)};
  }
  static std::string PemOf(const X509& certificate) {
    const system::BioPointer bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509(bio.get(), &certificate);
    return TextOf(bio.get());
  }
  static std::string PemOf(const EVP_PKEY& key) {
    const system::BioPointer bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_PrivateKey(bio.get(), &key, nullptr, nullptr, 0, nullptr, nullptr);
    return TextOf(bio.get());
  }

  mutable uint64_t serial_ = 0;
  const Key key_;
  Signed certificate_;
};

}  // namespace ei::support
