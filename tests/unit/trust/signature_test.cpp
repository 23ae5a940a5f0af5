#include "trust/signature.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "support/error.hpp"
#include "unit/trust/test_keys.hpp"

namespace overdrive {
namespace {

using testing::HasSubstr;

constexpr std::string_view kBytes = "{\"schema\": 1}\n";

/// Every claim holds for both kinds of keys.
class Signature : public testing::TestWithParam<const char*> {
protected:
    TestKey key_ = make_test_key(GetParam());
    std::string signature_ = sign(kBytes, key_.private_pem);
};

TEST_P(Signature, IsAcceptedFromTheKeyThatMadeIt) {
    EXPECT_TRUE(verify_signature(kBytes, signature_, key_.public_pem));
}

TEST_P(Signature, MayHaveWhiteSpaceAroundIt) {
    EXPECT_TRUE(verify_signature(kBytes, " \n" + signature_ + "\r\n\n", key_.public_pem));
}

TEST_P(Signature, OverEmptyBytesIsOne) {
    EXPECT_TRUE(verify_signature("", sign("", key_.private_pem), key_.public_pem));
}

TEST_P(Signature, IsRefusedFromAnotherKeyOfTheSameType) {
    EXPECT_FALSE(verify_signature(kBytes, signature_, make_test_key(GetParam()).public_pem));
}

TEST_P(Signature, IsRefusedFromAKeyOfTheOtherType) {
    const std::string other = std::string{GetParam()} == "ED25519" ? "P-256" : "ED25519";
    EXPECT_FALSE(verify_signature(kBytes, signature_, make_test_key(other).public_pem));
}

TEST_P(Signature, IsRefusedWhenAnyByteOfTheMessageChanges) {
    for (std::size_t i = 0; i < kBytes.size(); ++i) {
        std::string tampered{kBytes};
        tampered[i] = static_cast<char>(tampered[i] ^ 1);
        EXPECT_FALSE(verify_signature(tampered, signature_, key_.public_pem)) << "byte " << i;
    }
    EXPECT_FALSE(verify_signature(std::string{kBytes} + "\n", signature_, key_.public_pem));
    EXPECT_FALSE(verify_signature(kBytes.substr(1), signature_, key_.public_pem));
}

TEST_P(Signature, IsRefusedWhenAnyCharacterOfItIsMissing) {
    for (std::size_t i = 0; i < signature_.size(); ++i) {
        std::string shorter = signature_;
        shorter.erase(i, 1);
        EXPECT_FALSE(verify_signature(kBytes, shorter, key_.public_pem)) << "character " << i;
    }
}

TEST_P(Signature, IsRefusedWithSomethingInsideOrBehindIt) {
    for (const std::string extra : {"AAAA", "====", "=", "\n", " ", "\xff", "%"}) {
        EXPECT_FALSE(verify_signature(kBytes, signature_ + extra + "AAAA", key_.public_pem)) << "behind: " << extra;
        EXPECT_FALSE(verify_signature(kBytes, std::string{signature_}.insert(8, extra), key_.public_pem))
            << "inside: " << extra;
    }
    EXPECT_FALSE(verify_signature(kBytes, signature_ + std::string(1, '\0'), key_.public_pem));
}

TEST_P(Signature, IsRefusedWhenItIsNoSignatureAtAll) {
    for (const std::string garbage : {"", " ", "\n", "=", "====", "A===", "AAAA", "not base64!", "MEUCIQ==", "----"}) {
        EXPECT_FALSE(verify_signature(kBytes, garbage, key_.public_pem)) << "'" << garbage << "'";
    }
    EXPECT_FALSE(verify_signature(kBytes, std::string(10U << 20U, 'A'), key_.public_pem));
    EXPECT_FALSE(verify_signature(kBytes, std::string(10U << 20U, '\n'), key_.public_pem));
}

INSTANTIATE_TEST_SUITE_P(BothTypes, Signature, testing::Values("P-256", "ED25519"), [](const auto& parameter) {
    return std::string{parameter.param} == "ED25519" ? "Ed25519" : "EcdsaP256";
});

TEST(Ed25519, GivesTheSameSignatureEveryTime) {
    const TestKey key = make_test_key("ED25519");
    EXPECT_EQ(sign(kBytes, key.private_pem), sign(kBytes, key.private_pem));
}

/// The message of the Error config that `body` must throw.
template <typename Body>
std::string refusal(Body body) {
    try {
        body();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::config) << error.what();
        return error.what();
    }
    ADD_FAILURE() << "nothing was thrown";
    return {};
}

std::string refusal_of_public(const std::string& pem) {
    return refusal([&] { static_cast<void>(PublicKey::parse(pem, "/etc/a.pub")); });
}
std::string refusal_of_private(const std::string& pem) {
    return refusal([&] { static_cast<void>(PrivateKey::parse(pem, "a.key")); });
}

TEST(PublicKeyFile, ThatIsAPrivateKeyIsNamedAsOne) {
    EXPECT_THAT(refusal_of_public(make_test_key("ED25519").private_pem),
                testing::AllOf(HasSubstr("'/etc/a.pub'"), HasSubstr("is a private key")));
}

TEST(PublicKeyFile, OfAnotherTypeIsRefusedWithItsType) {
    EXPECT_THAT(refusal_of_public(make_test_key("RSA").public_pem), HasSubstr("type RSA"));
    EXPECT_THAT(refusal_of_public(make_test_key("P-384").public_pem), HasSubstr("curve 'secp384r1'"));
}

TEST(PublicKeyFile, ThatIsNoKeyIsRefused) {
    const std::string good = make_test_key("P-256").public_pem;
    EXPECT_THAT(refusal_of_public(""), HasSubstr("not PEM"));
    EXPECT_THAT(refusal_of_public("ssh-ed25519 AAAA"), HasSubstr("not PEM"));
    EXPECT_THAT(refusal_of_public("-----BEGIN PUBLIC KEY"), HasSubstr("not closed"));
    EXPECT_THAT(refusal_of_public("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
                HasSubstr("CERTIFICATE"));
    EXPECT_THAT(refusal_of_public("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"),
                HasSubstr("damaged"));
    EXPECT_THAT(refusal_of_public(good.substr(0, good.size() / 2)), HasSubstr("damaged"));
    EXPECT_THAT(refusal_of_public(good + good), HasSubstr("more than one"));
    EXPECT_THAT(refusal_of_public(std::string(1U << 20U, 'A')), HasSubstr("too large"));
}

TEST(PrivateKeyFile, ThatCannotSignIsRefused) {
    EXPECT_THAT(refusal_of_private(make_test_key("P-256").public_pem), HasSubstr("'PUBLIC KEY'"));
    EXPECT_THAT(refusal_of_private(make_test_key("RSA").private_pem), HasSubstr("type RSA"));
    EXPECT_THAT(refusal_of_private(make_test_key("P-521").private_pem), HasSubstr("curve 'secp521r1'"));
    EXPECT_THAT(
        refusal_of_private(
            "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n"),
        HasSubstr("cosign sign-blob"));
}

}  // namespace
}  // namespace overdrive
