#pragma once

#include <filesystem>
#include <string>

#include "adapters/http/tls_options.h"
#include "support/certificates.h"
#include "support/temp_folder.h"

namespace ei::http {

// The files of a server's TLS in a temporary folder, replaced as a volume of Kubernetes does it: each file is
// a link to a folder that is itself a link, which a rename replaces.
class TlsFiles {
 public:
  explicit TlsFiles(const support::CertificateAuthority& authority,
                    const support::CertificateRequest& request = {.name = "server"})
      : authority_(authority) {
    Replace(request);
    for (const char* const name : {"tls.crt", "tls.key", "ca.crt"}) {
      std::filesystem::create_symlink(std::filesystem::path("..data") / name, folder_.Path() / name);
    }
  }

  void Replace(const support::CertificateRequest& request) { Store(authority_.Issue(request)); }
  void Store(const support::IssuedCertificate& issued) { Store(issued, authority_.Certificate()); }
  void Store(const support::IssuedCertificate& issued, const std::string& client_ca) {
    const std::string version = "version" + std::to_string(++versions_);
    const auto folder = folder_.Path() / version;
    std::filesystem::create_directory(folder);
    support::WriteFile(folder / "tls.crt", issued.certificate);
    support::WriteFile(folder / "tls.key", issued.key);
    support::WriteFile(folder / "ca.crt", client_ca);
    std::filesystem::create_symlink(version, folder_.Path() / "..data_new");
    std::filesystem::rename(folder_.Path() / "..data_new", folder_.Path() / "..data");
  }

  TlsOptions Options(ClientAuth client_auth = ClientAuth::kOff) const {
    return {.certificate_file = Path("tls.crt"),
            .key_file = Path("tls.key"),
            .client_ca_file = Path("ca.crt"),
            .client_auth = client_auth};
  }
  std::string Path(const std::string& name) const { return (folder_.Path() / name).string(); }

 private:
  const support::CertificateAuthority& authority_;
  support::TempFolder folder_;
  int versions_ = 0;
};

}  // namespace ei::http
