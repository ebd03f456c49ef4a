#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "base/time.h"

namespace ei::tokens {

struct AwsCredentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;  // empty for a permanent key of a user
};

struct PresignedGet {
  std::string host;
  std::string path = "/";
  std::string region;
  std::string service;
  std::vector<std::pair<std::string, std::string>> query = {};
  std::string payload_hash;  // in hex, or the constant that the service requires instead
  std::chrono::seconds valid{900};
};

// Returns the key that signs requests of this day (yyyymmdd) to the service.
std::string SigningKey(const std::string& secret, const std::string& day, const std::string& region,
                       const std::string& service);

// Returns the https:// URL of a GET request with AWS Signature Version 4 in its query.
std::string Presign(const PresignedGet& request, const AwsCredentials& credentials, base::WallTime now);

}  // namespace ei::tokens
