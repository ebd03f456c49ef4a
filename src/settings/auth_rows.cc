#include "settings/auth_rows.h"

#include "settings/text.h"

namespace ei::service {

namespace {

using namespace std::chrono_literals;
using Group = AuthSettings;
constexpr auto kGroup = &Settings::auth;

Text Path() { return {.fallback = "", .allowed = "a path, or empty", .read = ReadOptionalPath}; }

}  // namespace

std::vector<Setting> AuthRows() {
  return {
      Declare({.key = "auth.methods",
               .env = "AUTH",
               .text = "How clients prove who they are. none: anyone who reaches the port may send anything. "
                       "Otherwise one or more of keys (API keys), jwt (tokens of an issuer) and mtls (client "
                       "certificates); events without valid credentials are then rejected with 401.",
               .example = "keys,jwt"},
              Text{.fallback = "none",
                   .allowed = "none, or some of keys, jwt, mtls, separated by commas",
                   .read = ReadAuthMethods},
              kGroup, &Group::methods),
      Declare(
          {.key = "auth.clients_file",
           .env = "AUTH_CLIENTS_FILE",
           .text = "YAML file with the clients: their keys, the names in their certificates, the claims in "
                   "their tokens, their rights and limits. It is read again when it changes. With jwt "
                   "alone it may be unset: each valid token then has a client, with all rights.",
           .example = "/etc/event-ingestor/clients.yaml"},
          Path(), kGroup, &Group::clients_file),
      Declare(
          {.key = "auth.jwks_file",
           .env = "AUTH_JWKS_FILE",
           .text = "File with the public keys of the issuer of tokens, as a JWK Set (RFC 7517). It is read "
                   "again when it changes.",
           .example = "/etc/event-ingestor/jwks.json"},
          Path(), kGroup, &Group::jwks_file),
      Declare(
          {.key = "auth.jwks_url",
           .env = "AUTH_JWKS_URL",
           .text = "URL from which the public keys of the issuer are fetched, and fetched again every five "
                   "minutes and when a token names an unknown key. It must be https, except for localhost "
                   "and 127.0.0.1. While it can't be reached, the last keys stay in force.",
           .example = "https://login.example.com/keys"},
          Text{.fallback = "", .allowed = "an https:// URL, or empty", .read = ReadTokenUrl}, kGroup,
          &Group::jwks_url),
      Declare({.key = "auth.jwks_ca_file",
               .env = "AUTH_JWKS_CA_FILE",
               .text = "PEM file with the certificate authorities that may sign the certificate of "
                       "auth.jwks_url. Empty means the authorities of the system.",
               .example = "/run/secrets/login-ca.pem"},
              Path(), kGroup, &Group::jwks_ca_file),
      Declare({.key = "auth.jwt_issuer",
               .env = "AUTH_JWT_ISSUER",
               .text = "The issuer of tokens: the claim iss has to be exactly this.",
               .example = "https://login.example.com"},
              Text{.fallback = "", .allowed = "text of at most 1024 bytes", .read = ReadShortText}, kGroup,
              &Group::jwt_issuer),
      Declare({.key = "auth.jwt_audience",
               .env = "AUTH_JWT_AUDIENCE",
               .text = "The audience of tokens: the claim aud has to be, or to contain, exactly this.",
               .example = "event-ingestor"},
              Text{.fallback = "", .allowed = "text of at most 1024 bytes", .read = ReadShortText}, kGroup,
              &Group::jwt_audience),
      Declare({.key = "auth.jwt_client_claim",
               .env = "AUTH_JWT_CLIENT_CLAIM",
               .text = "Without auth.clients_file: the claim of a token that names its client.",
               .example = "azp"},
              Text{.fallback = "sub", .allowed = "text of at most 1024 bytes", .read = ReadShortText}, kGroup,
              &Group::jwt_client_claim),
      Declare({.key = "auth.jwt_leeway",
               .env = "AUTH_JWT_LEEWAY",
               .text = "How far the clocks of the issuer and of this machine may differ when the times in a "
                       "token are checked.",
               .example = "10s",
               .bounds_nothing = "How far clocks may differ; it bounds nothing"},
              Duration{.fallback = 60s, .min = 0s, .max = 10min}, kGroup, &Group::jwt_leeway),
  };
}

}  // namespace ei::service
