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
  std::string session_token;  // empty: a user's own key
};

struct PresignedGet {
  std::string host;
  std::string path = "/";
  std::string region;
  std::string service;
  std::vector<std::pair<std::string, std::string>> query = {};
  std::string payload_hash;  // in hex, or what the service wants instead
  std::chrono::seconds valid{900};
};

// The key that signs requests of this day (yyyymmdd) to the service.
std::string SigningKey(const std::string& secret, const std::string& day, const std::string& region,
                       const std::string& service);

// The https:// URL of a GET that is signed in its query, AWS Signature Version 4.
std::string Presign(const PresignedGet& request, const AwsCredentials& credentials, base::WallTime now);

}  // namespace ei::tokens
