#include "adapters/http/tls_peer_certificate.h"

#include <gtest/gtest.h>

#include <openssl/pem.h>

#include "support/certificates.h"
#include "system/openssl.h"

namespace ei::http {
namespace {

using Names = std::vector<std::string>;

PeerCertificate NamesIn(const std::string& name, const std::string& alternatives) {
  const support::CertificateAuthority authority;
  const std::string pem = authority.Issue({.name = name, .alternatives = alternatives}).certificate;
  const system::BioPointer bio = system::BioOf(pem);
  const system::CertificatePointer certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  return NamesOf(*certificate);
}

TEST(TlsPeerCertificate, SubjectAndAlternativeNamesAreFound) {
  const auto names =
      NamesIn("orders, east",
              "DNS:orders.example.org,DNS:b,URI:spiffe://example.org/orders,email:a@example.org,"
              "IP:192.0.2.1");
  EXPECT_EQ(names.subject, "CN=orders\\, east,O=Example");
  EXPECT_EQ(names.dns, (Names{"orders.example.org", "b"}));
  EXPECT_EQ(names.uris, Names{"spiffe://example.org/orders"});
  EXPECT_EQ(names.emails, Names{"a@example.org"});
}

TEST(TlsPeerCertificate, ACertificateMayHaveNoAlternativeNames) {
  const auto names = NamesIn("a", "");
  EXPECT_EQ(names.subject, "CN=a,O=Example");
  EXPECT_TRUE(names.dns.empty() && names.uris.empty() && names.emails.empty());
}

TEST(TlsPeerCertificate, TheNumberAndTheSizeOfNamesAreBounded) {
  std::string many = "DNS:n0";
  for (int i = 1; i < 100; ++i) many += ",DNS:n" + std::to_string(i);
  EXPECT_EQ(NamesIn("a", many).dns.size(), 32U);
  EXPECT_EQ(NamesIn("a", "URI:x:" + std::string(5000, 'a') + ",URI:x:b").uris, Names{"x:b"});
}

}  // namespace
}  // namespace ei::http
