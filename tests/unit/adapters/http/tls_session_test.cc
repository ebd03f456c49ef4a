#include "adapters/http/tls_session.h"

#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "system/openssl.h"
#include "unit/adapters/http/http_client.h"
#include "unit/adapters/http/tls_files.h"

namespace ei::http {
namespace {

using Step = TlsSession::Step;

// A server's session and a client of OpenSSL on the two ends of a socket, in one thread.
class Pair {
 public:
  Pair(std::shared_ptr<const TlsContext> context, ClientAuth auth = ClientAuth::kOff,
       SSL_SESSION* resumed = nullptr, int version_max = TLS1_3_VERSION)
      : context_(SSL_CTX_new(TLS_client_method())) {
    ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets_);
    SSL_CTX_set_max_proto_version(context_, version_max);
    client_ = SSL_new(context_);
    SSL_set_fd(client_, sockets_[1]);
    SSL_set_connect_state(client_);
    // A copy, because OpenSSL resumes a session of TLS 1.3 only once.
    if (resumed != nullptr) {
      SSL_SESSION* const copy = SSL_SESSION_dup(resumed);
      SSL_set_session(client_, copy);
      SSL_SESSION_free(copy);
    }
    server_.emplace(std::move(context), auth, sockets_[0]);
  }
  ~Pair() {
    server_.reset();
    SSL_free(client_);
    SSL_CTX_free(context_);
    for (const int socket : sockets_) ::close(socket);
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  // Call it before the handshake.
  void ShowCertificate(const support::IssuedCertificate& issued) {
    const system::BioPointer certificate = system::BioOf(issued.certificate);
    const system::BioPointer key = system::BioOf(issued.key);
    SSL_use_certificate(
        client_,
        system::CertificatePointer(PEM_read_bio_X509(certificate.get(), nullptr, nullptr, nullptr)).get());
    SSL_use_PrivateKey(
        client_,
        system::PrivateKeyPointer(PEM_read_bio_PrivateKey(key.get(), nullptr, nullptr, nullptr)).get());
  }

  // Returns the server's last step.
  Step Handshake() {
    Step step = Step::kWantsRead;
    for (int i = 0; i < 10 && (step == Step::kWantsRead || step == Step::kWantsWrite); ++i) {
      SSL_do_handshake(client_);
      step = server_->Handshake();
    }
    SSL_do_handshake(client_);
    return step;
  }

  std::string ServerReads() {
    char bytes[65536];
    size_t size = 0;
    last_ = server_->Read(bytes, size);
    return {bytes, size};
  }
  void ClientWrites(const std::string& text) {
    SSL_write(client_, text.data(), static_cast<int>(text.size()));
  }
  std::string ClientReads() {
    char bytes[65536];
    const int size = SSL_read(client_, bytes, sizeof bytes);
    return {bytes, static_cast<size_t>(std::max(0, size))};
  }

  // A session of the client that can be resumed; reads the tickets.
  std::shared_ptr<SSL_SESSION> Session() {
    ClientReads();
    return {SSL_get1_session(client_), [](SSL_SESSION* session) { SSL_SESSION_free(session); }};
  }

  TlsSession& Server() { return *server_; }
  SSL* Client() { return client_; }
  int ServerSocket() const { return sockets_[0]; }
  int ClientSocket() const { return sockets_[1]; }
  Step Last() const { return last_; }

 private:
  int sockets_[2] = {-1, -1};
  SSL_CTX* const context_;
  SSL* client_ = nullptr;
  std::optional<TlsSession> server_;
  Step last_ = Step::kDone;
};

class TlsSessionTest : public testing::Test {
 protected:
  std::shared_ptr<const TlsContext> Make(ClientAuth auth = ClientAuth::kOff) const {
    auto made = TlsContext::Make(files_.Options(auth), keys_);
    if (!made) {
      ADD_FAILURE() << made.error().message;
      std::abort();
    }
    return *made;
  }
  bool Resumes(std::shared_ptr<const TlsContext> context, const std::shared_ptr<SSL_SESSION>& session,
               ClientAuth auth = ClientAuth::kOff, int version_max = TLS1_3_VERSION) const {
    Pair pair(std::move(context), auth, session.get(), version_max);
    EXPECT_EQ(pair.Handshake(), Step::kDone);
    EXPECT_EQ(pair.Server().Resumed(), SSL_session_reused(pair.Client()) == 1);
    return pair.Server().Resumed();
  }

  support::CertificateAuthority authority_;
  TlsFiles files_{authority_};
  base::SteadyTime now_{};
  std::shared_ptr<TlsTicketKeys> keys_ = std::make_shared<TlsTicketKeys>(now_);
};

TEST_F(TlsSessionTest, BytesPassInBothDirections) {
  Pair pair(Make());
  ASSERT_EQ(pair.Handshake(), Step::kDone);
  EXPECT_EQ(pair.ServerReads(), "");
  EXPECT_EQ(pair.Last(), Step::kWantsRead);
  pair.ClientWrites("hello");
  EXPECT_EQ(pair.ServerReads(), "hello");
  size_t written = 0;
  EXPECT_EQ(pair.Server().Write("reply", written), Step::kDone);
  EXPECT_EQ(written, 5U);
  EXPECT_EQ(pair.ClientReads(), "reply");
}

TEST_F(TlsSessionTest, RecordsThatArriveTogetherAreReadTogether) {
  Pair pair(Make());
  ASSERT_EQ(pair.Handshake(), Step::kDone);
  for (const char* const text : {"a", "b", "c"}) pair.ClientWrites(text);
  EXPECT_EQ(pair.ServerReads(), "abc");
}

TEST_F(TlsSessionTest, BytesThatOthersHaveReadFromTheSocketComeFirst) {
  Pair pair(Make());
  ASSERT_EQ(pair.Handshake(), Step::kDone);
  for (const char* const text : {"a", "b"}) pair.ClientWrites(text);
  char bytes[30];  // more than the first record, less than both
  ASSERT_EQ(::recv(pair.ServerSocket(), bytes, sizeof bytes, 0), ssize_t{sizeof bytes});
  pair.Server().Supply(bytes);
  EXPECT_TRUE(pair.Server().HasUnread());
  pair.ClientWrites("c");
  EXPECT_EQ(pair.ServerReads(), "ab");
  EXPECT_FALSE(pair.Server().HasUnread());
  EXPECT_EQ(pair.ServerReads(), "c");
}

TEST_F(TlsSessionTest, SuppliedBytesThatTheReaderHadNoRoomForAreUnread) {
  Pair pair(Make());
  ASSERT_EQ(pair.Handshake(), Step::kDone);
  const std::string text(12 << 10, 't');
  for (int i = 0; i < 2; ++i) pair.ClientWrites(text);  // together more than the session keeps
  std::string bytes(64 << 10, '\0');
  const ssize_t received = ::recv(pair.ServerSocket(), bytes.data(), bytes.size(), 0);
  ASSERT_GT(received, ssize_t{24 << 10});
  pair.Server().Supply(std::span(bytes).first(static_cast<size_t>(received)));
  std::string read;
  while (read.size() < 2 * text.size()) {
    EXPECT_TRUE(pair.Server().HasUnread()) << read.size();
    char some[1000];
    size_t size = 0;
    ASSERT_EQ(pair.Server().Read(some, size), Step::kDone);
    read.append(some, size);
  }
  EXPECT_EQ(read, text + text);
  EXPECT_FALSE(pair.Server().HasUnread());
}

TEST_F(TlsSessionTest, APartOfARecordIsKnownToBeHeld) {
  Pair pair(Make());
  ASSERT_EQ(pair.Handshake(), Step::kDone);
  EXPECT_FALSE(pair.Server().HoldsPartOfRecord());
  for (const std::string_view part : {"\x17\x03", "\x03\x10", "\x00", "0123456789"}) {
    ASSERT_GT(::send(pair.ClientSocket(), part.data(), std::max<size_t>(1, part.size()), 0), 0);
    EXPECT_EQ(pair.ServerReads(), "");
    EXPECT_TRUE(pair.Server().HoldsPartOfRecord()) << part.size();
  }
}

TEST_F(TlsSessionTest, AWriteThatTheSocketDoesNotTakeGoesOnLater) {
  Pair pair(Make());
  ASSERT_EQ(pair.Handshake(), Step::kDone);
  std::string reply(4 << 20, 'r');
  std::string_view left = reply;
  std::string received;
  while (!left.empty()) {
    size_t written = 0;
    const Step step = pair.Server().Write(left, written);
    left.remove_prefix(written);
    EXPECT_EQ(pair.Server().HasUnsent(), !left.empty());
    if (step == Step::kDone) continue;
    ASSERT_EQ(step, Step::kWantsWrite);
    const std::string moved(left);  // the bytes may be elsewhere when they are passed again
    received += pair.ClientReads();
    EXPECT_NE(pair.Server().Write(moved, written), Step::kFailed);
    left.remove_prefix(written);
  }
  while (received.size() < reply.size()) received += pair.ClientReads();
  EXPECT_EQ(received, reply);
}

TEST_F(TlsSessionTest, TheEndOfTheClientsBytesIsNotAFault) {
  for (const bool notify : {true, false}) {
    Pair pair(Make());
    ASSERT_EQ(pair.Handshake(), Step::kDone);
    pair.ClientWrites("last");
    if (notify) SSL_shutdown(pair.Client());
    ::shutdown(pair.ClientSocket(), SHUT_WR);
    EXPECT_EQ(pair.ServerReads(), "last");
    EXPECT_EQ(pair.ServerReads(), "");
    EXPECT_EQ(pair.Last(), Step::kEnded);
    size_t written = 0;
    EXPECT_EQ(pair.Server().Write("reply", written), Step::kDone);
    EXPECT_EQ(pair.ClientReads(), "reply");
    pair.Server().SendCloseNotify();
    EXPECT_EQ(pair.ClientReads(), "");
    EXPECT_EQ(SSL_get_shutdown(pair.Client()) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
  }
}

TEST_F(TlsSessionTest, BrokenRecordsEndIt) {
  Pair pair(Make());
  ASSERT_EQ(pair.Handshake(), Step::kDone);
  const std::string broken = std::string("\x17\x03\x03\x00\x20", 5) + std::string(32, 'x');
  ASSERT_GT(::send(pair.ClientSocket(), broken.data(), broken.size(), 0), 0);
  EXPECT_EQ(pair.ServerReads(), "");
  EXPECT_EQ(pair.Last(), Step::kFailed);
}

TEST_F(TlsSessionTest, ASessionIsResumedAcrossCertificates) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    Pair first(Make(), ClientAuth::kOff, nullptr, version);
    ASSERT_EQ(first.Handshake(), Step::kDone);
    EXPECT_FALSE(first.Server().Resumed());
    const auto session = first.Session();
    EXPECT_EQ(SSL_SESSION_get_max_early_data(session.get()), 0U);
    files_.Replace({.name = "second"});
    EXPECT_TRUE(Resumes(Make(), session, ClientAuth::kOff, version)) << version;
  }
}

TEST_F(TlsSessionTest, ATicketLivesAsLongAsItsKeyAndTheNextOne) {
  const auto context = Make();
  Pair first(context);
  ASSERT_EQ(first.Handshake(), Step::kDone);
  const auto session = first.Session();
  keys_->RotateIfDue(now_ + TlsTicketKeys::kLife - std::chrono::seconds(1));
  EXPECT_TRUE(Resumes(context, session));
  keys_->RotateIfDue(now_ + TlsTicketKeys::kLife);
  EXPECT_TRUE(Resumes(context, session));
  keys_->RotateIfDue(now_ + 2 * TlsTicketKeys::kLife);
  EXPECT_FALSE(Resumes(context, session));
}

TEST_F(TlsSessionTest, AKeyThatIsTooOldIsNotKeptAfterAPause) {
  const auto context = Make();
  Pair first(context);
  ASSERT_EQ(first.Handshake(), Step::kDone);
  const auto session = first.Session();
  keys_->RotateIfDue(now_ + 3 * TlsTicketKeys::kLife);
  EXPECT_FALSE(Resumes(context, session));
}

// A resumed session sends no certificate. One of a port that asks for none must not lead into one that does,
// and a client that another CA verified must show its certificate again.
TEST_F(TlsSessionTest, ASessionIsNotResumedWhereClientsAreVerifiedOtherwise) {
  const auto context = Make(ClientAuth::kRequired);
  Pair first(context, ClientAuth::kOptional);
  ASSERT_EQ(first.Handshake(), Step::kDone);
  const auto session = first.Session();
  EXPECT_TRUE(Resumes(context, session, ClientAuth::kOptional));
  EXPECT_FALSE(Resumes(context, session, ClientAuth::kOff));
  Pair required(context, ClientAuth::kRequired, session.get());
  EXPECT_EQ(required.Handshake(), Step::kFailed);
  EXPECT_EQ(required.Server().Fault(), tls_fault::kNoCertificate);

  const support::CertificateAuthority other("other CA");
  files_.Store(authority_.Issue({.name = "server"}), other.Certificate());
  EXPECT_FALSE(Resumes(Make(ClientAuth::kOptional), session, ClientAuth::kOptional));
}

// It waits for the end, because OpenSSL compares with the time of the machine.
TEST_F(TlsSessionTest, ASessionEndsWithTheCertificateOfItsClient) {
  const auto context = Make(ClientAuth::kRequired);
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    Pair first(context, ClientAuth::kRequired, nullptr, version);
    first.ShowCertificate(authority_.Issue({.name = "client", .valid_for = std::chrono::seconds(3)}));
    ASSERT_EQ(first.Handshake(), Step::kDone);
    const auto session = first.Session();
    EXPECT_TRUE(Resumes(context, session, ClientAuth::kRequired, version)) << version;
    const auto next_certificate = authority_.Issue({.name = "client"});
    EXPECT_TRUE(Eventually([&] {
      Pair next(context, ClientAuth::kRequired, session.get(), version);
      next.ShowCertificate(next_certificate);
      EXPECT_EQ(next.Handshake(), Step::kDone);
      return !next.Server().Resumed();
    })) << version;
  }
}

TEST_F(TlsSessionTest, UpdatesOfKeysAreFollowed) {
  Pair pair(Make());
  ASSERT_EQ(pair.Handshake(), Step::kDone);
  for (int i = 0; i < 100; ++i) {
    SSL_key_update(pair.Client(), SSL_KEY_UPDATE_REQUESTED);
    pair.ClientWrites("x");
    EXPECT_EQ(pair.ServerReads(), "x");
    size_t written = 0;
    EXPECT_EQ(pair.Server().Write("y", written), Step::kDone);
    EXPECT_EQ(pair.ClientReads(), "y");
  }
}

TEST_F(TlsSessionTest, AFloodOfUpdatesOfKeysEndsIt) {
  Pair pair(Make());
  ASSERT_EQ(pair.Handshake(), Step::kDone);
  int updates = 0;
  while (pair.Last() != Step::kFailed && updates < 1000) {
    SSL_key_update(pair.Client(), SSL_KEY_UPDATE_REQUESTED);
    SSL_do_handshake(pair.Client());
    pair.ServerReads();
    ++updates;
  }
  EXPECT_LT(updates, 100);
}

TEST_F(TlsSessionTest, RenegotiationIsRefused) {
  Pair pair(Make(), ClientAuth::kOff, nullptr, TLS1_2_VERSION);
  ASSERT_EQ(pair.Handshake(), Step::kDone);
  SSL_renegotiate(pair.Client());
  SSL_do_handshake(pair.Client());
  pair.ServerReads();
  pair.ClientWrites("x");
  EXPECT_LE(SSL_do_handshake(pair.Client()), 0);
}

}  // namespace
}  // namespace ei::http
