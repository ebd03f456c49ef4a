#include "adapters/tokens/msk_iam_tokens.h"

#include "adapters/tokens/encoding.h"
#include "base/base64.h"

namespace ei::tokens {

base::Result<AccessToken> MskIamTokens::Fetch() {
  const auto credentials = credentials_.Fetch();
  if (!credentials) return std::unexpected(credentials.error());
  PresignedGet request;
  request.host = "kafka." + region_ + ".amazonaws.com";
  request.region = region_;
  request.service = "kafka-cluster";
  request.query = {{"Action", "kafka-cluster:Connect"}};
  request.payload_hash = Hex(Sha256(""));
  const base::WallTime now = clock_.WallNow();
  // The broker's log names the client by this user agent; it is not signed.
  const std::string url = Presign(request, *credentials, now) + "&User-Agent=event-ingestor";
  return AccessToken{base::EncodeBase64Url(url), now + request.valid, {}};
}

}  // namespace ei::tokens
