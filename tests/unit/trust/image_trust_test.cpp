#include "trust/image_trust.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/error.hpp"
#include "trust/simple_signing.hpp"
#include "unit/trust/test_keys.hpp"

namespace overdrive {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kRepository = "registry.example/overdrive/nvidia-coreos";
constexpr const char* kTag = "4081.2.1-900.1.0";

Digest digest(char digit) { return Digest::from_hex(std::string(64, digit)); }

class ImageTrust : public testing::Test {
protected:
    ImageTrust() {
        for (const auto& [path, key] : {std::pair{"/first.pub", &first_}, std::pair{"/second.pub", &second_}})
            trusted_.keys.push_back({path, PublicKey::parse(key->public_pem, path)});
    }

    static ImageSignature sign_payload(const std::string& payload, const TestKey& key) {
        return {.payload = payload, .base64 = sign(payload, key.private_pem)};
    }
    /// A signature as cosign makes it.
    ImageSignature good(const TestKey& key, std::optional<std::uint64_t> serial = {},
                        const std::string& identity = kRepository, const Digest& image = digest('a')) {
        return sign_payload(SimpleSigning{.identity = identity, .manifest_digest = image, .serial = serial}.to_json(),
                            key);
    }
    ImageAnswer ask(const std::vector<ImageSignature>& signatures) {
        return ask_signatures(policy_, trusted_, claim_, signatures);
    }
    std::string refusal(const std::vector<ImageSignature>& signatures) {
        const ImageAnswer answer = ask(signatures);
        EXPECT_EQ(answer.vouching, std::nullopt) << to_text(answer.vouching.value_or(Vouching{}));
        EXPECT_LT(answer.why_not.size(), 2000U);
        return answer.why_not;
    }

    TestKey first_ = make_test_key("P-256");
    TestKey second_ = make_test_key("ED25519");
    TestKey stranger_ = make_test_key("P-256");
    TrustedKeys trusted_;
    TrustPolicy policy_{.keys = {"/first.pub", "/second.pub"}};
    ImageClaim claim_{.repository = kRepository, .tag = kTag, .digests = {digest('a'), digest('b')}};
};

TEST_F(ImageTrust, ASignatureOverTheManifestOrItsIndexVouches) {
    EXPECT_EQ(ask({good(first_, 7)}).vouching, (Vouching{.kind = Vouching::Kind::manifest,
                                                         .keys = {"/first.pub"},
                                                         .serial = 7,
                                                         .serial_of = std::string{kRepository} + ":" + kTag}));
    EXPECT_THAT(ask({good(second_, {}, kRepository, digest('b'))}).vouching->keys, ElementsAre("/second.pub"));
}

TEST_F(ImageTrust, D5AnUnsignedImageIsToldAsOne) { EXPECT_THAT(refusal({}), HasSubstr("has no signature")); }

TEST_F(ImageTrust, D5ASignatureByAnotherKeyDoesNotCount) {
    EXPECT_THAT(refusal({good(stranger_), good(stranger_)}),
                AllOf(HasSubstr("none of the image's 2 signatures counts"),
                      HasSubstr("each of 2 is by no configured key (tried '/first.pub', '/second.pub')")));
}

TEST_F(ImageTrust, D5ASignatureForAnotherImageDoesNotCount) {
    EXPECT_THAT(refusal({good(first_, {}, kRepository, digest('c'))}),
                HasSubstr("by '/first.pub', but for another image, " + digest('c').text()));
}

TEST_F(ImageTrust, D5ASignatureForAnotherRepositoryDoesNotCount) {
    EXPECT_THAT(refusal({good(first_, {}, "registry.example/overdrive/nvidia-debian")}),
                HasSubstr("but for 'registry.example/overdrive/nvidia-debian', not for '" + std::string{kRepository}));
    for (const char* other : {"registry.example/overdrive", "registry.example/overdrive/nvidia-coreos/x",
                              "registry.example:5000/overdrive/nvidia-coreos", "overdrive/nvidia-coreos",
                              "REGISTRY.example/overdrive/nvidia-coreos"}) {
        EXPECT_THAT(refusal({good(first_, {}, other)}), HasSubstr("but for '")) << other;
    }
}

TEST_F(ImageTrust, D5APayloadThatWasChangedDoesNotCount) {
    ImageSignature signature = good(first_, 7);
    signature.payload.replace(signature.payload.find("\"7\""), 3, "\"8\"");
    EXPECT_THAT(refusal({signature}), HasSubstr("by no configured key"));
}

TEST_F(ImageTrust, D5APayloadOfAnotherTypeDoesNotCountThoughATrustedKeySignedIt) {
    EXPECT_THAT(refusal({sign_payload(R"({"driver":"900.1.0"})", first_)}),
                HasSubstr("by '/first.pub', but not to be understood: signature payload: driver is not known"));
    std::string atomic = good(first_).payload;
    atomic.replace(atomic.find("cosign container"), 16, "atomic container");
    EXPECT_THAT(refusal({sign_payload(atomic, first_)}), HasSubstr("critical.type"));
}

TEST_F(ImageTrust, D5APayloadIsReadOnlyOnceATrustedKeySignedIt) {
    EXPECT_THAT(refusal({sign_payload("\x1b[2J not JSON", stranger_)}),
                AllOf(HasSubstr("by no configured key"), Not(HasSubstr("\x1b"))));
}

TEST_F(ImageTrust, D5OfManySignaturesTheLastAreHeardAndTheRefusalStaysShort) {
    std::vector<ImageSignature> many{good(first_)};
    for (std::size_t i = 0; i < kMostSignatures; ++i)
        many.push_back(good(second_, {}, "registry.example/other" + std::to_string(i)));
    EXPECT_THAT(refusal(many), AllOf(HasSubstr("none of the image's 64"), HasSubstr("; and others")));
    many.push_back(good(first_));
    EXPECT_TRUE(ask(many).vouching);
}

TEST_F(ImageTrust, OneGoodSignatureAmongBadOnesIsEnough) {
    EXPECT_THAT(
        ask({good(stranger_), {"", ""}, {"x", "===="}, good(second_), good(first_, {}, "x.example/y")}).vouching->keys,
        ElementsAre("/second.pub"));
}

TEST_F(ImageTrust, WhereAllKeysAreRequiredEachMustSign) {
    policy_.require_all = true;
    EXPECT_THAT(refusal({good(first_), good(first_)}),
                HasSubstr("signed not by '/second.pub', and the policy requires"));
    EXPECT_THAT(ask({good(first_), good(second_)}).vouching->keys, ElementsAre("/first.pub", "/second.pub"));
    trusted_.problems = {"key '/third.pub' does not exist"};
    EXPECT_THAT(refusal({good(first_), good(second_)}), HasSubstr("'/third.pub' does not exist"));
}

TEST_F(ImageTrust, AKeyThatCannotBeReadDoesNotKeepAnotherFromVouching) {
    trusted_.problems = {"key '/third.pub' does not exist"};
    EXPECT_TRUE(ask({good(first_)}).vouching);
}

TEST_F(ImageTrust, TheHighestSerialCountsAndWhereAllAreRequiredTheOneThatAllReach) {
    const std::vector<ImageSignature> signatures{good(first_, 9), good(second_, 5), good(second_, 7),
                                                 good(stranger_, 99)};
    EXPECT_EQ(ask(signatures).vouching->serial, 9U);
    policy_.require_all = true;
    EXPECT_EQ(ask(signatures).vouching->serial, 7U);
    EXPECT_EQ(ask({good(first_, 9), good(second_)}).vouching->serial, std::nullopt);
}

TEST_F(ImageTrust, ATagOrDigestInTheReferenceMustBeTheOneThatIsPulled) {
    const std::string repository = kRepository;
    EXPECT_TRUE(is_for(repository + ":" + kTag, claim_, policy_));
    EXPECT_TRUE(is_for(repository + "@" + digest('b').text(), claim_, policy_));
    EXPECT_TRUE(is_for(repository + ":" + kTag + "@" + digest('a').text(), claim_, policy_));
    EXPECT_FALSE(is_for(repository + ":4081.2.1-900.2.0", claim_, policy_));
    EXPECT_FALSE(is_for(repository + "@" + digest('c').text(), claim_, policy_));
}

TEST_F(ImageTrust, IdentityAllowsOtherRepositoriesWholeOrWithWhatFollowsThePrefix) {
    policy_.identity = {"origin.example/drivers"};
    EXPECT_TRUE(is_for("origin.example/drivers", claim_, policy_));
    EXPECT_FALSE(is_for("origin.example/drivers/nvidia-coreos", claim_, policy_));
    policy_.prefix = "registry.example/overdrive";
    EXPECT_TRUE(is_for("origin.example/drivers/nvidia-coreos", claim_, policy_));
    EXPECT_FALSE(is_for("origin.example/drivers/nvidia-debian", claim_, policy_));
    EXPECT_TRUE(is_for(kRepository, claim_, policy_));
}

TEST_F(ImageTrust, APlaceWithoutARepositoryTakesEveryRepositoryUnlessIdentityNamesSome) {
    claim_.repository.clear();
    EXPECT_TRUE(is_for("any.example/where", claim_, policy_));
    EXPECT_FALSE(is_for("any.example/where:another-tag", claim_, policy_));
    policy_.identity = {"origin.example/drivers"};
    EXPECT_FALSE(is_for("any.example/where", claim_, policy_));
    EXPECT_TRUE(is_for("origin.example/drivers/nvidia-coreos", claim_, policy_));
    EXPECT_EQ(ask({good(first_, 4, "origin.example/drivers/x")}).vouching->serial_of,
              std::string{"origin.example/drivers/x:"} + kTag);
}

TEST_F(ImageTrust, TheNamesOfDockersRegistryAreOne) {
    claim_.repository = "docker.io/overdrive/nvidia";
    EXPECT_TRUE(is_for("index.docker.io/overdrive/nvidia", claim_, policy_));
    claim_.repository = "index.docker.io/overdrive/nvidia";
    EXPECT_TRUE(is_for("docker.io/overdrive/nvidia", claim_, policy_));
}

}  // namespace
}  // namespace overdrive
