#include "trust/trust.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "model/config.hpp"
#include "support/error.hpp"
#include "support/temporary_root.hpp"
#include "unit/trust/test_keys.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;
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
        return check_trust(policy_, load_trusted_keys(policy_.keys, root), kDriverJson, signature, {});
    }

    std::vector<std::string> signers(const std::string& signature) {
        const Vouching vouching = check(signature).vouching;
        EXPECT_EQ(vouching.kind, Vouching::Kind::driver_json);
        return vouching.keys;
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
    TrustPolicy policy_;
};

TEST_F(Trust, NamesTheKeyThatVouches) {
    policy_.keys = {kFirst, kSecond};
    EXPECT_THAT(signers(sign(kDriverJson, first_.private_pem)), ElementsAre(kFirst));
    EXPECT_THAT(signers(sign(kDriverJson, second_.private_pem)), ElementsAre(kSecond));
}

TEST_F(Trust, RefusesASignatureByAKeyThatIsNotConfigured) {
    policy_.keys = {kFirst};
    EXPECT_THAT(refusal(sign(kDriverJson, second_.private_pem)).what(),
                HasSubstr("by no configured key (tried '/etc/overdrive/keys/first.pub')"));
}

TEST_F(Trust, RefusesASignatureOverOtherBytes) {
    policy_.keys = {kFirst};
    EXPECT_THAT(refusal(sign("{}", first_.private_pem)).what(), HasSubstr("by no configured key"));
}

TEST_F(Trust, RefusesAnUnsignedArtifactWithTheLinesToAdd) {
    policy_.keys = {kFirst};
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
    policy_.allow_unsigned = true;
    const TrustResult result = check(std::nullopt);
    EXPECT_EQ(result.vouching, Vouching{});
    EXPECT_THAT(result.reason, testing::AllOf(HasSubstr("allow-unsigned"), HasSubstr("has no signature")));
}

TEST_F(Trust, PrefersTheKeyOverTheAllowance) {
    policy_.allow_unsigned = true;
    policy_.keys = {kFirst};
    EXPECT_THAT(signers(sign(kDriverJson, first_.private_pem)), ElementsAre(kFirst));
}

TEST_F(Trust, AKeyThatCannotBeUsedDoesNotKeepAnotherFromVouching) {
    host_.write("etc/overdrive/keys/private.pub", first_.private_pem);
    policy_.keys = {"/etc/overdrive/keys/absent.pub", "/etc/overdrive/keys/private.pub", kSecond};
    EXPECT_THAT(signers(sign(kDriverJson, second_.private_pem)), ElementsAre(kSecond));
}

TEST_F(Trust, NamesEveryKeyThatCannotBeUsedWhenNoneVouches) {
    host_.write("etc/overdrive/keys/private.pub", first_.private_pem);
    policy_.keys = {"/etc/overdrive/keys/absent.pub", "/etc/overdrive/keys/private.pub"};
    EXPECT_THAT(refusal(sign(kDriverJson, second_.private_pem)).what(),
                testing::AllOf(HasSubstr("'/etc/overdrive/keys/absent.pub' does not exist"),
                               HasSubstr("'/etc/overdrive/keys/private.pub' is a private key")));
}

TEST_F(Trust, ReadsKeysInsideTheHostRootOnly) {
    policy_.keys = {"../../../../../../etc/overdrive/keys/first.pub"};
    EXPECT_EQ(signers(sign(kDriverJson, first_.private_pem)), policy_.keys);
}

TEST_F(Trust, EveryLineIsASignatureAndAllThatCountAreNamed) {
    policy_.keys = {kFirst, kSecond};
    const std::string both =
        sign(kDriverJson, second_.private_pem) + "\n\n" + sign(kDriverJson, first_.private_pem) + "\n";
    EXPECT_THAT(signers(both), ElementsAre(kFirst, kSecond));
    EXPECT_THAT(signers("damaged\n" + both), ElementsAre(kFirst, kSecond));
}

TEST_F(Trust, WhereAllKeysAreRequiredEachMustSign) {
    policy_ = {.keys = {kFirst, kSecond}, .require_all = true};
    const std::string first = sign(kDriverJson, first_.private_pem);
    EXPECT_THAT(refusal(first).what(),
                HasSubstr("not by '/etc/overdrive/keys/second.pub', and the policy requires all"));
    EXPECT_THAT(refusal(first + "\n" + first).what(), HasSubstr("requires all"));
    EXPECT_THAT(signers(first + "\n" + sign(kDriverJson, second_.private_pem)), ElementsAre(kFirst, kSecond));
}

TEST_F(Trust, WhereAllKeysAreRequiredOneThatCannotBeReadIsARefusal) {
    policy_ = {.keys = {kFirst, "/etc/overdrive/keys/absent.pub"}, .require_all = true};
    EXPECT_THAT(refusal(sign(kDriverJson, first_.private_pem)).what(), HasSubstr("absent.pub' does not exist"));
    policy_.require_all = false;
    EXPECT_THAT(signers(sign(kDriverJson, first_.private_pem)), ElementsAre(kFirst));
}

TEST_F(Trust, WithoutKeysAllOfNoneIsNotEnough) {
    policy_.require_all = true;
    EXPECT_THAT(refusal(sign(kDriverJson, first_.private_pem)).what(), HasSubstr("no usable key is configured"));
}

TEST_F(Trust, D5TenThousandLinesAreNotAllTried) {
    policy_.keys = {kFirst};
    std::string lines;
    for (int i = 0; i < 10'000; ++i) lines += "AAAA\n";
    EXPECT_THAT(refusal(lines + sign(kDriverJson, first_.private_pem)).what(), HasSubstr("by no configured key"));
}

TEST_F(Trust, TheLinesToAddAreThoseOfThePolicyThatApplies) {
    policy_ = {.prefix = "registry.example/overdrive", .keys = {kFirst}};
    const std::string remedy = refusal(std::nullopt).remedy();
    const std::string lines = "[[trust.policy]]\nprefix = \"registry.example/overdrive\"\n";
    EXPECT_THAT(remedy, HasSubstr(lines + "keys = [\"/etc/overdrive/keys/NAME.pub\"]\n"));
    EXPECT_THAT(remedy, HasSubstr(lines + "allow-unsigned = true"));
    Config config;
    apply_config(config, lines + "allow-unsigned = true", "config.toml", Strictness::interactive);
    EXPECT_TRUE(config.policy_for("registry.example/overdrive/x").allow_unsigned);
}

}  // namespace
}  // namespace overdrive
