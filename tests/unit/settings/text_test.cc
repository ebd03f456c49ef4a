#include "settings/text.h"

#include <gtest/gtest.h>

#include <string>

namespace ei::service {
namespace {

std::string Outcome(const base::Result<std::string>& read) { return read ? *read : read.error().message; }

TEST(IpAddress, HostNamesAndHalfAddressesAreRejected) {
  for (const char* text : {"", "localhost", "127.0.0", "127.0.0.256", "127.0.0.1:80", "[::1]",
                           ":::", "0.0.0.0 ", "fe80::1%lo"}) {
    EXPECT_EQ(Outcome(ReadIpAddress(text)), "is not an IP address (a host name is not looked up)") << text;
  }
  EXPECT_FALSE(ReadIpAddress(std::string_view("0.0.0.0\0x", 9)).has_value());
}

TEST(IpAddress, BothFamiliesAreTaken) {
  for (const char* text : {"127.0.0.1", "0.0.0.0", "::", "::1", "2001:db8::7"})
    EXPECT_EQ(Outcome(ReadIpAddress(text)), text);
}

TEST(Brokers, BrokenListsAreRejected) {
  constexpr const char* kNotAList = "is not a list of host:port, as in broker-1:9092,broker-2:9092";
  for (const char* text : {"", ",", "a:1,", ",a:1", "a:1,,b:2", "a", "a:1,b", " "})
    EXPECT_EQ(Outcome(ReadBrokers(text)), kNotAList) << text;
  for (const char* text :
       {":9092", "a b:1", "http://a:1", "a:1;b:2:3", "::1:9092", "[::g]:9092", "[]:1", "b\xc3\xbc:1"}) {
    EXPECT_EQ(Outcome(ReadBrokers(text)), "names a broker with a bad host name") << text;
  }
  for (const char* text : {"a:", "a:0", "a:65536", "a:-1", "a:x", "a:1x", "[::1]:"}) {
    EXPECT_EQ(Outcome(ReadBrokers(text)), "names a broker with a bad port (1 to 65535)") << text;
  }
  EXPECT_EQ(Outcome(ReadBrokers(std::string(254, 'h') + ":1")), "names a broker with a bad host name");
}

TEST(Brokers, MoreThanAHundredAreRejected) {
  std::string list = "h:1";
  for (int i = 1; i < 100; ++i) list += ",h:1";
  EXPECT_EQ(Outcome(ReadBrokers(list)), list);
  EXPECT_EQ(Outcome(ReadBrokers(list + ",h:1")), "names more than 100 brokers; a few are enough");
}

TEST(Brokers, NamesAndAddressesAreTakenAndSpacesDropped) {
  EXPECT_EQ(Outcome(ReadBrokers("localhost:9092")), "localhost:9092");
  EXPECT_EQ(Outcome(ReadBrokers(" b-1.x.amazonaws.com:9098 , 10.0.0.7:9092,[::1]:65535")),
            "b-1.x.amazonaws.com:9098,10.0.0.7:9092,[::1]:65535");
}

TEST(Topic, NamesThatKafkaDoesNotAllowAreRejected) {
  EXPECT_EQ(Outcome(ReadTopic("")), "is empty");
  EXPECT_EQ(Outcome(ReadTopic(".")), "is a name that Kafka does not allow");
  EXPECT_EQ(Outcome(ReadTopic("..")), "is a name that Kafka does not allow");
  EXPECT_EQ(Outcome(ReadTopic(std::string(250, 't'))), "is longer than 249 characters");
  for (const char* text : {"a b", "a/b", "a,b", "t\xc3\xa9", "a\n", "a:b"}) {
    EXPECT_EQ(Outcome(ReadTopic(text)), "has a character that Kafka does not allow in a topic name") << text;
  }
}

TEST(Topic, AllOtherNamesAreTaken) {
  const std::string longest(249, 't');
  EXPECT_EQ(Outcome(ReadTopic(longest)), longest);
  for (const char* text : {"events", "Az09._-", "...", "-"}) EXPECT_EQ(Outcome(ReadTopic(text)), text);
}

TEST(KafkaKey, OtherWordsAreRejected) {
  for (const char* text : {"", "ID", "payload/user", "$.id"}) {
    EXPECT_EQ(Outcome(ReadKafkaKey(text)), "is not id, none, header, or a JSON Pointer, which starts with /")
        << text;
  }
}

TEST(KafkaKey, BrokenEscapesAreRejected) {
  for (const char* text : {"/a~", "/~", "/~2", "/a~b/c", "/~~0"}) {
    EXPECT_EQ(Outcome(ReadKafkaKey(text)),
              "has a ~ that is not followed by 0 or 1 (RFC 6901: ~0 is ~, ~1 is /)")
        << text;
  }
}

TEST(KafkaKey, PointersAreBounded) {
  std::string pointer;
  for (int i = 0; i < 16; ++i) pointer += "/a";
  EXPECT_EQ(Outcome(ReadKafkaKey(pointer)), pointer);
  EXPECT_EQ(Outcome(ReadKafkaKey(pointer + "/a")), "has more than 16 tokens");
  EXPECT_EQ(Outcome(ReadKafkaKey("/" + std::string(1024, 'a'))), "is longer than 1024 bytes");
  EXPECT_EQ(Outcome(ReadKafkaKey("/a\nb")), "has a control character");
}

TEST(KafkaKey, PointersAreTakenAsTheyStand) {
  for (const char* text : {"id", "none", "/", "/payload/user_id", "/a~0b/c~1d", "/a//b", "/0"}) {
    EXPECT_EQ(Outcome(ReadKafkaKey(text)), text);
  }
}

TEST(Path, EmptyLongAndControlCharactersAreRejected) {
  EXPECT_EQ(Outcome(ReadPath("")), "is empty");
  EXPECT_EQ(Outcome(ReadPath(std::string(1025, 'p'))), "is longer than 1024 bytes");
  EXPECT_EQ(Outcome(ReadPath("a\tb")), "has a control character");
  EXPECT_EQ(Outcome(ReadPath(std::string_view("a\0b", 3))), "has a control character");
  EXPECT_EQ(Outcome(ReadPath("/var/lib/my events/\xc3\xa9")), "/var/lib/my events/\xc3\xa9");
}

TEST(TokenUrl, SecretsTravelEncryptedOrNotAtAll) {
  for (const char* url :
       {"", "https://h", "https://h.example:8443/a?b=c", "http://localhost:1/t", "http://127.0.0.1/t"}) {
    EXPECT_EQ(ReadTokenUrl(url).value_or("refused"), url);
  }
  for (const char* url : {"h", "ftp://h", "http://h", "http://localhost.evil/t", "https://", "https://h:0",
                          "https://h:x", "https://u@h", "https://h/a b", "https://h/#f", "https://h/\n"}) {
    EXPECT_FALSE(ReadTokenUrl(url)) << url;
  }
}

TEST(Extensions, NamesAreDeadLettersAndNotAuth) {
  for (const char* text : {"", "a=b", "a=,b=c=d", "logicalCluster=lkc-1,identityPoolId=pool-1"}) {
    EXPECT_TRUE(ReadExtensions(text)) << text;
  }
  for (const char* text : {"a", "=b", "a=b,,c=d", "a1=b", "auth=x", "a=b\x01"})
    EXPECT_FALSE(ReadExtensions(text)) << text;
}

TEST(AwsRegion, IsPartOfAHostName) {
  for (const char* text : {"", "eu-central-1"}) EXPECT_TRUE(ReadAwsRegion(text)) << text;
  for (const char* text : {"EU", "a.b", "a/b", "a@b", "eu central 1"})
    EXPECT_FALSE(ReadAwsRegion(text)) << text;
  EXPECT_FALSE(ReadAwsRegion(std::string(33, 'a')));
}

TEST(OptionalText, IsBoundedAndPlain) {
  EXPECT_EQ(ReadOptionalPath("").value_or("refused"), "");
  EXPECT_FALSE(ReadOptionalPath("a\n"));
  EXPECT_EQ(ReadShortText("$ConnectionString").value_or("refused"), "$ConnectionString");
  EXPECT_FALSE(ReadShortText(std::string(1025, 'a')));
  EXPECT_FALSE(ReadShortText("a\n"));
}

}  // namespace
}  // namespace ei::service
