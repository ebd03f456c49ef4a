#pragma once

#include <memory>
#include <string>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

namespace ei::system {

// Owners of OpenSSL's objects, each with OpenSSL's function that frees it.
template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using BioPointer = std::unique_ptr<BIO, Freed<&BIO_free_all>>;
using CertificatePointer = std::unique_ptr<X509, Freed<&X509_free>>;
using PrivateKeyPointer = std::unique_ptr<EVP_PKEY, Freed<&EVP_PKEY_free>>;
using SslPointer = std::unique_ptr<SSL, Freed<&SSL_free>>;
using SslContextPointer = std::unique_ptr<SSL_CTX, Freed<&SSL_CTX_free>>;

// Reads from `bytes`, which must outlive the result.
BioPointer BioOf(const std::string& bytes);

// The newest error of this thread, in OpenSSL's words. Empties the thread's queue of errors.
std::string TakeOpensslError();

}  // namespace ei::system
