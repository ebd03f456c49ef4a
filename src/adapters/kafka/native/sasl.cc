#include "adapters/kafka/native/sasl.h"

#include <array>
#include <charconv>
#include <cstdint>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/base64.h"

namespace ei::kafka::native {

namespace {

using Answered = base::Result<std::optional<std::string>>;

std::unexpected<base::Error> Invalid(std::string message) {
  return base::Fail(base::ErrorKind::kInvalid, std::move(message));
}

class Plain final : public SaslExchange {
 public:
  Plain(std::string_view username, std::string_view password) {
    message_.push_back('\0');
    message_.append(username);
    message_.push_back('\0');
    message_.append(password);
  }

  std::string First() override { return std::move(message_); }
  Answered Answer(std::string_view) override { return std::nullopt; }

 private:
  std::string message_;
};

// Control-A ends each part of a message; the token and extensions can't hold it.
class OAuthBearer final : public SaslExchange {
 public:
  OAuthBearer(std::string token, const std::vector<std::pair<std::string, std::string>>& extensions) {
    message_ =
        "n,,\x01"
        "auth=Bearer " +
        std::move(token) + "\x01";
    for (const auto& [name, value] : extensions)
      message_.append(name).append("=").append(value).append("\x01");
    message_ += "\x01";
  }

  std::string First() override { return std::move(message_); }

  // The broker sends a rejection as a challenge with the reason; it returns the error only after this client
  // has ended the exchange.
  Answered Answer(std::string_view message) override {
    if (message.empty() || refused_) return std::nullopt;
    refused_ = true;
    return std::optional<std::string>("\x01");
  }

 private:
  std::string message_;
  bool refused_ = false;
};

class Scram final : public SaslExchange {
 public:
  Scram(ScramHash hash, std::string_view username, std::string password, std::string nonce)
      : digest_(hash == ScramHash::kSha256 ? EVP_sha256() : EVP_sha512()),
        password_(std::move(password)),
        nonce_(std::move(nonce)),
        first_bare_("n=" + Escaped(username) + ",r=" + nonce_) {}

  std::string First() override { return "n,," + first_bare_; }

  Answered Answer(std::string_view message) override {
    if (step_++ == 0) return Prove(message);
    return Confirm(message);
  }

 private:
  // Brokers ask for 4,096 rounds or more. Very many rounds would block the thread.
  static constexpr int kRoundsMin = 4096;
  static constexpr int kRoundsMax = 1'000'000;

  static std::string Escaped(std::string_view username) {
    std::string escaped;
    for (const char one : username) {
      if (one == '=') {
        escaped += "=3D";
      } else if (one == ',') {
        escaped += "=2C";
      } else {
        escaped += one;
      }
    }
    return escaped;
  }

  // Removes the attribute at the front and returns its value; nullopt: another attribute is there.
  static std::optional<std::string_view> Take(std::string_view& message, char name) {
    if (message.size() < 2 || message[0] != name || message[1] != '=') return std::nullopt;
    const size_t end = std::min(message.find(','), message.size());
    const std::string_view value = message.substr(2, end - 2);
    message.remove_prefix(std::min(end + 1, message.size()));
    return value;
  }

  Answered Prove(std::string_view message) {
    const std::string server_first(message);
    const auto nonce = Take(message, 'r');
    const auto salt_text = Take(message, 's');
    const auto rounds_text = Take(message, 'i');
    if (!nonce || !salt_text || !rounds_text) return Invalid("the broker's SCRAM challenge can't be read");
    if (nonce->size() <= nonce_.size() || !nonce->starts_with(nonce_)) {
      return Invalid("the broker's SCRAM challenge doesn't extend our nonce");
    }
    const auto salt = base::DecodeBase64(*salt_text);
    int rounds = 0;
    const auto [end, fault] =
        std::from_chars(rounds_text->data(), rounds_text->data() + rounds_text->size(), rounds);
    const bool number = fault == std::errc() && end == rounds_text->data() + rounds_text->size();
    if (!salt || salt->empty() || !number || rounds < kRoundsMin || rounds > kRoundsMax) {
      return Invalid("the broker's SCRAM challenge has an invalid salt or number of rounds");
    }
    const std::string without_proof = "c=biws,r=" + std::string(*nonce);
    const std::string all = first_bare_ + "," + server_first + "," + without_proof;
    const std::string salted = Stretch(*salt, rounds);
    const std::string client_key = Mac(salted, "Client Key");
    std::string proof = Mac(Hash(client_key), all);
    for (size_t i = 0; i < proof.size(); ++i) proof[i] = static_cast<char>(proof[i] ^ client_key[i]);
    server_signature_ = Mac(Mac(salted, "Server Key"), all);
    return std::optional(without_proof + ",p=" + base::EncodeBase64(proof));
  }

  Answered Confirm(std::string_view message) {
    if (Take(message, 'e')) return Invalid("the broker rejects the user name or the password");
    const auto text = Take(message, 'v');
    const auto signature = text ? base::DecodeBase64(*text) : std::nullopt;
    const bool right = signature && signature->size() == server_signature_.size() &&
                       CRYPTO_memcmp(signature->data(), server_signature_.data(), signature->size()) == 0;
    if (!right) return Invalid("the broker doesn't prove that it knows the password");
    return std::nullopt;
  }

  std::string Stretch(const std::string& salt, int rounds) const {
    std::string out(static_cast<size_t>(EVP_MD_get_size(digest_)), '\0');
    PKCS5_PBKDF2_HMAC(password_.data(), static_cast<int>(password_.size()),
                      reinterpret_cast<const unsigned char*>(salt.data()), static_cast<int>(salt.size()),
                      rounds, digest_, static_cast<int>(out.size()),
                      reinterpret_cast<unsigned char*>(out.data()));
    return out;
  }

  std::string Mac(const std::string& key, std::string_view data) const {
    std::string out(static_cast<size_t>(EVP_MD_get_size(digest_)), '\0');
    HMAC(digest_, key.data(), static_cast<int>(key.size()),
         reinterpret_cast<const unsigned char*>(data.data()), data.size(),
         reinterpret_cast<unsigned char*>(out.data()), nullptr);
    return out;
  }

  std::string Hash(const std::string& data) const {
    std::string out(static_cast<size_t>(EVP_MD_get_size(digest_)), '\0');
    EVP_Digest(data.data(), data.size(), reinterpret_cast<unsigned char*>(out.data()), nullptr, digest_,
               nullptr);
    return out;
  }

  const EVP_MD* const digest_;
  const std::string password_;
  const std::string nonce_;
  const std::string first_bare_;
  std::string server_signature_;
  int step_ = 0;
};

}  // namespace

std::unique_ptr<SaslExchange> MakePlain(std::string_view username, std::string_view password) {
  return std::make_unique<Plain>(username, password);
}

std::unique_ptr<SaslExchange> MakeScram(ScramHash hash, std::string_view username, std::string password,
                                        std::string nonce) {
  return std::make_unique<Scram>(hash, username, std::move(password), std::move(nonce));
}

std::unique_ptr<SaslExchange> MakeOAuthBearer(
    std::string token, const std::vector<std::pair<std::string, std::string>>& extensions) {
  return std::make_unique<OAuthBearer>(std::move(token), extensions);
}

}  // namespace ei::kafka::native
