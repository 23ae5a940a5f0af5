// HostLogins with real processes. The helpers are scripts that stand in for docker-credential-*.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "process/boost_process_runner.hpp"
#include "registry/host_logins.hpp"
#include "support/temporary_root.hpp"

namespace overdrive {
namespace {

using testing::HasSubstr;
using testing::Not;

class CredentialHelper : public testing::Test {
protected:
    void SetUp() override {
        host_.write("etc/containers/auth.json", R"({"credHelpers": {"registry.example": "stand-in"}})");
    }
    void install(const std::string& script) {
        const std::string path = "usr/local/bin/docker-credential-stand-in";
        host_.write(path, "#!/bin/sh\n" + script);
        ASSERT_EQ(chmod((host_.path() + "/" + path).c_str(), 0755), 0);
    }
    std::optional<Login> find() {
        HostLogins logins{host_.root(), processes_, {}};
        return logins.find("registry.example", "overdrive/a");
    }

    TemporaryRoot host_;
    BoostProcessRunner processes_;
};

TEST_F(CredentialHelper, IsToldTheRegistryOnStandardInputAndNothingByArguments) {
    install(R"(read -r server || true
echo "chatter" >&2
printf '{"ServerURL": "%s", "Username": "%s", "Secret": "from %s"}' "$server" "$*" "$server")");
    const auto login = find();
    ASSERT_TRUE(login);
    EXPECT_EQ(login->user, "get");
    EXPECT_EQ(login->password, "from registry.example");
}

TEST_F(CredentialHelper, ThatFindsNothingMeansNoLogin) {
    install("cat >/dev/null; echo 'credentials not found in native keychain'; exit 1");
    EXPECT_FALSE(find());
}

TEST_F(CredentialHelper, ThatFailsIsNamedAndItsWordsStayWithIt) {
    install("echo 'the secret is hunter2'; echo hunter2 >&2; exit 9");
    try {
        static_cast<void>(find());
        FAIL() << "accepted";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::login_refused);
        EXPECT_THAT(error.what(), HasSubstr("docker-credential-stand-in, which failed with exit code 9"));
        EXPECT_THAT(std::string{error.what()} + error.remedy(), Not(HasSubstr("hunter2")));
    }
}

}  // namespace
}  // namespace overdrive
