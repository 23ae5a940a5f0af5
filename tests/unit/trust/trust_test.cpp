#include "trust/trust.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "support/error.hpp"
#include "support/temporary_root.hpp"
#include "unit/trust/test_keys.hpp"

namespace overdrive {
namespace {

using testing::HasSubstr;

constexpr std::string_view kDriverJson = "{\"driver\": \"550.163.01\"}\n";
constexpr const char* kFirst = "/etc/overdrive/keys/first.pub";
constexpr const char* kSecond = "/etc/overdrive/keys/second.pub";

class Trust : public testing::Test {
protected:
    Trust() {
        host_.write("etc/overdrive/keys/first.pub", first_.public_pem);
        host_.write("etc/overdrive/keys/second.pub", second_.public_pem);
    }

    TrustResult check(const std::optional<std::string>& signature) {
        const Root root{host_.path()};
        return check_trust(config_, load_trusted_keys(config_, root), kDriverJson, signature);
    }

    Error refusal(const std::optional<std::string>& signature) {
        try {
            const TrustResult result = check(signature);
            ADD_FAILURE() << "trusted: " << result.reason;
        } catch (const Error& error) {
            EXPECT_EQ(reason_code(error.code()), "untrusted");
            return error;
        }
        return {Errc::io, ""};
    }

    TemporaryRoot host_;
    TestKey first_ = make_test_key("ED25519");
    TestKey second_ = make_test_key("P-256");
    Config config_;
};

TEST_F(Trust, NamesTheKeyThatVouches) {
    config_.trust.keys = {kFirst, kSecond};
    EXPECT_EQ(check(sign(kDriverJson, first_.private_pem)).signed_by, kFirst);
    EXPECT_EQ(check(sign(kDriverJson, second_.private_pem)).signed_by, kSecond);
}

TEST_F(Trust, RefusesASignatureByAKeyThatIsNotConfigured) {
    config_.trust.keys = {kFirst};
    EXPECT_THAT(refusal(sign(kDriverJson, second_.private_pem)).what(),
                HasSubstr("by no configured key (tried '/etc/overdrive/keys/first.pub')"));
}

TEST_F(Trust, RefusesASignatureOverOtherBytes) {
    config_.trust.keys = {kFirst};
    EXPECT_THAT(refusal(sign("{}", first_.private_pem)).what(), HasSubstr("by no configured key"));
}

TEST_F(Trust, RefusesAnUnsignedArtifactWithTheLinesToAdd) {
    config_.trust.keys = {kFirst};
    const Error error = refusal(std::nullopt);
    EXPECT_THAT(error.what(), HasSubstr("has no signature"));
    EXPECT_THAT(error.remedy(), HasSubstr("/etc/overdrive/config.toml"));
    EXPECT_THAT(error.remedy(), HasSubstr("\n[trust]\nkeys = [\"/etc/overdrive/keys/NAME.pub\"]\n"));
    EXPECT_THAT(error.remedy(), HasSubstr("\n[trust]\nallow-unsigned = true"));
}

TEST_F(Trust, LinesToAddAreConfigurationThatIsUnderstood) {
    Config config;
    apply_config(config, "[trust]\nkeys = [\"/etc/overdrive/keys/NAME.pub\"]\n", "config.toml",
                 Strictness::interactive);
    EXPECT_THAT(config.trust.keys, testing::ElementsAre("/etc/overdrive/keys/NAME.pub"));
    apply_config(config, "[trust]\nallow-unsigned = true", "config.toml", Strictness::interactive);
    EXPECT_TRUE(config.trust.allow_unsigned);
}

TEST_F(Trust, RefusesWhenNothingIsConfigured) {
    EXPECT_THAT(refusal(sign(kDriverJson, first_.private_pem)).what(), HasSubstr("no usable key is configured"));
    EXPECT_THAT(refusal(std::nullopt).what(), HasSubstr("has no signature"));
}

TEST_F(Trust, AllowsUnsignedOnlyWhenItIsWrittenDownAndSaysWhy) {
    config_.trust.allow_unsigned = true;
    const TrustResult result = check(std::nullopt);
    EXPECT_EQ(result.signed_by, std::nullopt);
    EXPECT_THAT(result.reason, testing::AllOf(HasSubstr("allow-unsigned"), HasSubstr("has no signature")));
}

TEST_F(Trust, PrefersTheKeyOverTheAllowance) {
    config_.trust.allow_unsigned = true;
    config_.trust.keys = {kFirst};
    EXPECT_EQ(check(sign(kDriverJson, first_.private_pem)).signed_by, kFirst);
}

TEST_F(Trust, AKeyThatCannotBeUsedDoesNotKeepAnotherFromVouching) {
    host_.write("etc/overdrive/keys/private.pub", first_.private_pem);
    config_.trust.keys = {"/etc/overdrive/keys/absent.pub", "/etc/overdrive/keys/private.pub", kSecond};
    EXPECT_EQ(check(sign(kDriverJson, second_.private_pem)).signed_by, kSecond);
}

TEST_F(Trust, NamesEveryKeyThatCannotBeUsedWhenNoneVouches) {
    host_.write("etc/overdrive/keys/private.pub", first_.private_pem);
    config_.trust.keys = {"/etc/overdrive/keys/absent.pub", "/etc/overdrive/keys/private.pub"};
    EXPECT_THAT(refusal(sign(kDriverJson, second_.private_pem)).what(),
                testing::AllOf(HasSubstr("'/etc/overdrive/keys/absent.pub' does not exist"),
                               HasSubstr("'/etc/overdrive/keys/private.pub' is a private key")));
}

TEST_F(Trust, ReadsKeysInsideTheHostRootOnly) {
    config_.trust.keys = {"../../../../../../etc/overdrive/keys/first.pub"};
    EXPECT_EQ(check(sign(kDriverJson, first_.private_pem)).signed_by, config_.trust.keys.front());
}

}  // namespace
}  // namespace overdrive
