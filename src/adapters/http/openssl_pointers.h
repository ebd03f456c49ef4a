#pragma once

#include <memory>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace ei::http {

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};

using BioPointer = std::unique_ptr<BIO, Freed<&BIO_free_all>>;
using CertificatePointer = std::unique_ptr<X509, Freed<&X509_free>>;
using KeyPointer = std::unique_ptr<EVP_PKEY, Freed<&EVP_PKEY_free>>;
using NamesPointer = std::unique_ptr<GENERAL_NAMES, Freed<&GENERAL_NAMES_free>>;

}  // namespace ei::http
