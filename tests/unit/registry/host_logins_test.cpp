#include "registry/host_logins.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "support/temporary_root.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

/// Answers as a credential helper, and keeps what it was asked.
class FakeHelper final : public ProcessRunner {
public:
    ProcessResult run(const ProcessRequest& request) override {
        requests.push_back(request);
        return answer;
    }
    ProcessResult answer{0, false, R"({"ServerURL": "h", "Username": "helped", "Secret": "hidden"})"};
    std::vector<ProcessRequest> requests;
};

class HostLoginsTest : public testing::Test {
protected:
    /// A file of logins in which `user` logs in to registry.example.
    void keep(const TemporaryRoot& root, const std::string& path, const std::string& base64) const {
        root.write(path, R"({"auths": {"registry.example": {"auth": ")" + base64 + "\"}}}");
    }
    void install_helper(const std::string& path) const {
        host_.write(path, "#!/bin/sh\n");
        ASSERT_EQ(chmod((host_.path() + "/" + path).c_str(), 0755), 0);
    }
    std::string user(const std::string& host = "registry.example") {
        HostLogins logins{host_.root(), helper_, environment_};
        const auto login = logins.find(host, "overdrive/a");
        return login ? login->user : "";
    }
    Error refusal() {
        try {
            static_cast<void>(user());
        } catch (const Error& error) {
            return error;
        }
        return {Errc::not_restored, "accepted"};
    }

    static constexpr const char* kOne = "b25lOnNlY3JldDE=";
    static constexpr const char* kTwo = "dHdvOnNlY3JldDI=";
    TemporaryRoot host_;
    TemporaryRoot own_;
    FakeHelper helper_;
    LoginEnvironment environment_;
};

TEST_F(HostLoginsTest, ThereIsNoneWhereNoFileIs) { EXPECT_EQ(user(), ""); }

TEST_F(HostLoginsTest, EachPlaceIsReadAndAnEarlierOneWins) {
    environment_.runtime_directory = own_.path() + "/runtime";
    // From the last place to the first: each that is added wins over those before.
    const std::vector<std::pair<const TemporaryRoot*, std::string>> places{
        {&host_, "root/.docker/config.json"},    {&host_, "root/.config/containers/auth.json"},
        {&host_, "etc/containers/auth.json"},    {&host_, "run/containers/0/auth.json"},
        {&own_, "runtime/containers/auth.json"},
    };
    for (std::size_t i = 0; i < places.size(); ++i) {
        const bool even = i % 2 == 0;
        keep(*places[i].first, places[i].second, even ? kOne : kTwo);
        EXPECT_EQ(user(), even ? "one" : "two") << places[i].second;
    }
}

TEST_F(HostLoginsTest, VariablesNameOtherFiles) {
    keep(own_, "docker/config.json", kOne);
    keep(host_, "root/.docker/config.json", kTwo);
    environment_.docker_config = own_.path() + "/docker";
    EXPECT_EQ(user(), "one");
    keep(own_, "config/containers/auth.json", kTwo);
    environment_.config_home = own_.path() + "/config";
    EXPECT_EQ(user(), "two");
    keep(own_, "mine.json", kOne);
    environment_.registry_auth_file = own_.path() + "/mine.json";
    EXPECT_EQ(user(), "one");
}

TEST_F(HostLoginsTest, TheAuthFileThatTheVariableNamesReplacesTheRuntimeOneAndOthersStillCount) {
    keep(host_, "run/containers/0/auth.json", kOne);
    own_.write("mine.json", "{}");
    environment_.registry_auth_file = own_.path() + "/mine.json";
    EXPECT_EQ(user(), "");
    keep(host_, "etc/containers/auth.json", kTwo);
    EXPECT_EQ(user(), "two");
}

TEST_F(HostLoginsTest, AnAuthFileThatTheVariableNamesMustBeThere) {
    environment_.registry_auth_file = own_.path() + "/mine.json";
    const Error error = refusal();
    EXPECT_EQ(error.code(), Errc::config);
    EXPECT_THAT(error.what(), HasSubstr("REGISTRY_AUTH_FILE"));
    EXPECT_THAT(error.what(), HasSubstr("mine.json"));
}

TEST_F(HostLoginsTest, AFileOfTheHostStaysInsideItsRoot) {
    keep(own_, "elsewhere.json", kOne);
    std::filesystem::create_directories(host_.path() + "/etc/containers");
    std::filesystem::create_symlink(own_.path() + "/elsewhere.json", host_.path() + "/etc/containers/auth.json");
    EXPECT_EQ(user(), "");
}

TEST_F(HostLoginsTest, ALoginSaysWhereItCameFrom) {
    keep(host_, "etc/containers/auth.json", kOne);
    HostLogins logins{host_.root(), helper_, environment_};
    const auto login = logins.find("registry.example", "a");
    EXPECT_EQ(login->origin, "'/etc/containers/auth.json' (auths.\"registry.example\")");
    EXPECT_EQ(login->password, "secret1");
}

TEST_F(HostLoginsTest, AFileThatCannotBeUnderstoodIsAnErrorEachTime) {
    host_.write("etc/containers/auth.json", "{");
    HostLogins logins{host_.root(), helper_, environment_};
    EXPECT_THROW(static_cast<void>(logins.find("registry.example", "a")), Error);
    EXPECT_THROW(static_cast<void>(logins.find("registry.example", "a")), Error);
}

TEST_F(HostLoginsTest, AHelperIsAskedOnItsStandardInput) {
    host_.write("etc/containers/auth.json", R"({"credHelpers": {"registry.example": "ecr-login"}})");
    install_helper("usr/local/bin/docker-credential-ecr-login");
    environment_.variables = {{"PATH", "/evil"}, {"AWS_REGION", "here"}};
    EXPECT_EQ(user(), "helped");
    ASSERT_EQ(helper_.requests.size(), 1U);
    const ProcessRequest& request = helper_.requests.front();
    EXPECT_THAT(request.arguments, ElementsAre(host_.path() + "/usr/local/bin/docker-credential-ecr-login", "get"));
    EXPECT_EQ(request.input, "registry.example");
    EXPECT_TRUE(request.errors_apart);
    EXPECT_THAT(request.environment.at("PATH"), Not(HasSubstr("evil")));
    EXPECT_EQ(request.environment.at("AWS_REGION"), "here");
    EXPECT_EQ(request.environment.at("HOME"), "/root");
}

TEST_F(HostLoginsTest, AHelperMayAnswerWithATokenOrHaveNothing) {
    host_.write("etc/containers/auth.json", R"({"credHelpers": {"registry.example": "x"}})");
    install_helper("usr/bin/docker-credential-x");
    helper_.answer.output = R"({"Username": "<token>", "Secret": "refresh"})";
    EXPECT_EQ(HostLogins(host_.root(), helper_, environment_).find("registry.example", "a")->identity_token, "refresh");
    helper_.answer = {1, false, "credentials not found in native keychain\n"};
    EXPECT_EQ(user(), "");
    keep(host_, "root/.docker/config.json", kTwo);
    EXPECT_EQ(user(), "two");
}

TEST_F(HostLoginsTest, AHelperThatIsMissingIsNamedWithTheFileThatAsksForIt) {
    host_.write("root/.docker/config.json", R"({"credsStore": "desktop"})");
    const Error error = refusal();
    EXPECT_EQ(error.code(), Errc::login_refused);
    EXPECT_THAT(error.what(), HasSubstr("'/root/.docker/config.json' (credsStore)"));
    EXPECT_THAT(error.what(), HasSubstr("docker-credential-desktop"));
    EXPECT_THAT(error.remedy(), HasSubstr("podman login --authfile"));
}

TEST_F(HostLoginsTest, AHelperThatFailsOrHangsIsNamedAndItsWordsAreNotRepeated) {
    host_.write("etc/containers/auth.json", R"({"credHelpers": {"registry.example": "x"}})");
    install_helper("usr/bin/docker-credential-x");
    for (const ProcessResult& answer :
         {ProcessResult{7, false, "secret"}, ProcessResult{137, true, "secret"}, ProcessResult{0, false, "secret"}}) {
        helper_.answer = answer;
        const Error error = refusal();
        EXPECT_NE(error.code(), Errc::not_restored);
        EXPECT_THAT(error.what(), HasSubstr("docker-credential-x"));
        EXPECT_THAT(error.what(), Not(HasSubstr("secret")));
    }
}

TEST_F(HostLoginsTest, InAContainerAHelperOfTheHostCannotRunAndTheMessageSaysSo) {
    host_.write("etc/containers/auth.json", R"({"credHelpers": {"registry.example": "x"}})");
    install_helper("usr/bin/docker-credential-x");
    environment_.in_container = true;
    const Error error = refusal();
    EXPECT_EQ(error.code(), Errc::login_refused);
    EXPECT_THAT(error.what(), HasSubstr("cannot run in a container"));
    EXPECT_TRUE(helper_.requests.empty());
}

}  // namespace
}  // namespace overdrive
