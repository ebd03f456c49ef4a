#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace ei::service {

// Parsers for the text settings. Each returns the canonical form of the value, or an error whose message is
// the end of a sentence that begins with the value.

base::Result<std::string> ReadIpAddress(std::string_view text);
// Addresses and networks as in 10.0.0.0/8, separated by commas; may be empty.
base::Result<std::string> ReadNetworks(std::string_view text);
// host:port,host:port; spaces round the commas are dropped.
base::Result<std::string> ReadBrokers(std::string_view text);
// "none", or some of keys, jwt, mtls, separated by commas; in this order.
base::Result<std::string> ReadAuthMethods(std::string_view text);
base::Result<std::string> ReadTopic(std::string_view text);
// id, none, header, or a JSON Pointer (RFC 6901) of at most 16 tokens.
base::Result<std::string> ReadKafkaKey(std::string_view text);
base::Result<std::string> ReadPath(std::string_view text);
// May be empty, which means unset.
base::Result<std::string> ReadOptionalPath(std::string_view text);
base::Result<std::string> ReadShortText(std::string_view text);
// https://host[:port][/path], or http:// for localhost and 127.0.0.1.
base::Result<std::string> ReadTokenUrl(std::string_view text);
// name=value,name=value as the extensions of SASL OAUTHBEARER (RFC 7628, section 3.1).
base::Result<std::string> ReadExtensions(std::string_view text);
base::Result<std::string> ReadAwsRegion(std::string_view text);

}  // namespace ei::service
