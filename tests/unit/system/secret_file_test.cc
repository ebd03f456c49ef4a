#include "system/secret_file.h"

#include <gtest/gtest.h>

#include "support/temp_folder.h"

namespace ei::system {
namespace {

TEST(ReadSecret, FaultsNameTheSettingAndNeverTheContent) {
  const support::TempFolder folder;
  const auto fault = [&](const std::string& content) {
    const std::string path = (folder.Path() / "s").string();
    support::WriteFile(path, content);
    const auto read = ReadSecret({path, "kafka.security.password_file"});
    return read ? "read " + *read : read.error().message;
  };
  EXPECT_EQ(fault("secret \r\n\n"), "read secret ");
  EXPECT_NE(fault("").find("is empty"), std::string::npos);
  EXPECT_NE(fault(std::string("se\0cret", 7)).find("zero byte"), std::string::npos);
  EXPECT_EQ(fault(std::string("se\0cret", 7)).find("cret\n"), std::string::npos);
  EXPECT_NE(fault(std::string(kSecretBytesMax + 1, 'x')).find("larger than 1 MiB"), std::string::npos);
  EXPECT_EQ(fault(std::string(kSecretBytesMax, 'x')).size(), kSecretBytesMax + 5);
  EXPECT_TRUE(fault("").starts_with("kafka.security.password_file: /"));
  EXPECT_FALSE(ReadSecret({folder.Path().string(), "s"})) << "a folder";
  EXPECT_FALSE(ReadSecret({"/nonexistent", "s"}));
}

}  // namespace
}  // namespace ei::system
