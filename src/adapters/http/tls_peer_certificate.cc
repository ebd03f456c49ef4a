#include "adapters/http/tls_peer_certificate.h"

#include <algorithm>
#include <ctime>
#include <string_view>

#include <openssl/x509v3.h>

#include "system/openssl.h"

namespace ei::http {

namespace {

using NamesPointer = std::unique_ptr<GENERAL_NAMES, system::Freed<&GENERAL_NAMES_free>>;

constexpr size_t kSubjectBytesMax = 1024;
constexpr size_t kAlternativeNamesMax = 32;
constexpr size_t kAlternativeNameBytesMax = 4 << 10;  // of all together

bool IsName(std::string_view text) {
  return !text.empty() && std::ranges::none_of(text, [](unsigned char c) { return c < ' ' || c == 0x7f; });
}

}  // namespace

std::string SubjectOf(const X509& certificate) {
  const system::BioPointer bio(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), X509_get_subject_name(&certificate), 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  if (size <= 0 || static_cast<size_t>(size) > kSubjectBytesMax) return {};
  return {text, static_cast<size_t>(size)};
}

base::WallTime TimeOf(const ASN1_TIME* time) {
  std::tm utc{};
  if (ASN1_TIME_to_tm(time, &utc) != 1) return base::WallTime::min();
  // A certificate may be valid until 9999, which a WallTime can't hold.
  const auto seconds = std::chrono::seconds(timegm(&utc));
  constexpr auto kMax = std::chrono::floor<std::chrono::seconds>(base::WallTime::max().time_since_epoch());
  return base::WallTime(std::clamp(seconds, -kMax, kMax));
}

PeerCertificate NamesOf(const X509& certificate) {
  PeerCertificate names;
  names.expires_at = TimeOf(X509_get0_notAfter(&certificate));
  names.subject = SubjectOf(certificate);
  const NamesPointer all(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
  if (all == nullptr) return names;
  size_t count = 0;
  size_t bytes = 0;
  for (int i = 0; i < sk_GENERAL_NAME_num(all.get()) && count < kAlternativeNamesMax; ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(all.get(), i);
    std::vector<std::string>* list = nullptr;
    if (name->type == GEN_DNS) list = &names.dns;
    if (name->type == GEN_URI) list = &names.uris;
    if (name->type == GEN_EMAIL) list = &names.emails;
    if (list == nullptr) continue;
    const ASN1_IA5STRING* const value = name->d.ia5;
    const std::string_view text(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                                static_cast<size_t>(ASN1_STRING_length(value)));
    if (!IsName(text) || bytes + text.size() > kAlternativeNameBytesMax) continue;
    ++count;
    bytes += text.size();
    list->emplace_back(text);
  }
  return names;
}

}  // namespace ei::http
