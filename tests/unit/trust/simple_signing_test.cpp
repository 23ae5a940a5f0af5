#include "trust/simple_signing.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/error.hpp"

namespace overdrive {
namespace {

using testing::HasSubstr;

/// Written by cosign 2.5.0: `cosign sign --key`, and again with `-a` for a few annotations.
constexpr std::string_view kPlain =
    R"({"critical":{"identity":{"docker-reference":"127.0.0.1:5891/od/x"},"image":{"docker-manifest-digest":"sha256:418c30b6638cf7fbd7f8851059845330db9053d7b6b20a2b31259e37fe39a801"},"type":"cosign container image signature"},"optional":null})";
constexpr std::string_view kAnnotated =
    "{\"critical\":{\"identity\":{\"docker-reference\":\"127.0.0.1:5891/od/x\"},\"image\":{\"docker-manifest-digest\":"
    "\"sha256:418c30b6638cf7fbd7f8851059845330db9053d7b6b20a2b31259e37fe39a801\"},\"type\":\"cosign container image "
    "signature\"},\"optional\":{\"a\":\"b\",\"note\":\"\\u003ca\\u0026b\\u003e \xc3\xa9\\tx\\\\ "
    "\",\"org.overdrive.serial\":\"7\"}}";

/// A good payload in which one text is replaced.
std::string payload(const std::string& what = {}, const std::string& with = {}) {
    std::string text{kAnnotated};
    if (what.empty()) return text;
    const std::size_t at = text.find(what);
    EXPECT_NE(at, std::string::npos) << what;
    return text.replace(at, what.size(), with);
}

std::string refusal(const std::string& text) {
    try {
        static_cast<void>(SimpleSigning::parse(text));
        ADD_FAILURE() << "accepted: " << text.substr(0, 500);
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::untrusted) << error.what();
        return error.what();
    }
    return {};
}

TEST(SimpleSigning, ReadsWhatCosignWrites) {
    const SimpleSigning plain = SimpleSigning::parse(kPlain);
    EXPECT_EQ(plain.identity, "127.0.0.1:5891/od/x");
    EXPECT_EQ(plain.manifest_digest.hex().substr(0, 8), "418c30b6");
    EXPECT_EQ(plain.serial, std::nullopt);

    const SimpleSigning annotated = SimpleSigning::parse(kAnnotated);
    EXPECT_EQ(annotated.serial, 7U);
    EXPECT_EQ(annotated.annotations,
              (std::map<std::string, std::string>{{"a", "b"}, {"note", "<a&b> \xc3\xa9\tx\\ "}}));
}

TEST(SimpleSigning, WritesTheVeryBytesThatCosignWrites) {
    EXPECT_EQ(SimpleSigning::parse(kPlain).to_json(), kPlain);
    EXPECT_EQ(SimpleSigning::parse(kAnnotated).to_json(), kAnnotated);
}

TEST(SimpleSigning, EscapesAsGoDoes) {
    SimpleSigning signing = SimpleSigning::parse(kPlain);
    signing.annotations["k"] = "\xe2\x80\xa8\xe2\x80\xa9\b\f\n\r\x01\x7f/\"";
    EXPECT_THAT(signing.to_json(), HasSubstr("{\"k\":\"\\u2028\\u2029\\b\\f\\n\\r\\u0001\x7f/\\\"\"}"));
    EXPECT_EQ(SimpleSigning::parse(signing.to_json()).annotations, signing.annotations);
}

TEST(SimpleSigning, LeavesOutTheTimeThatPodmanAndSkopeoWrite) {
    const SimpleSigning signing =
        SimpleSigning::parse(payload(R"("a":"b")", R"("creator":"containers/image 5.20","timestamp":1700000000)"));
    EXPECT_EQ(signing.annotations.count("timestamp"), 0U);
    EXPECT_EQ(signing.annotations.at("creator"), "containers/image 5.20");
}

TEST(SimpleSigning, D5RefusesAnotherTypeOfPayload) {
    const std::string type = "cosign container image signature";
    EXPECT_THAT(refusal(payload(type, "atomic container signature")), HasSubstr("critical.type is not 'cosign"));
    EXPECT_THAT(refusal(payload(type, "Cosign container image signature")), HasSubstr("critical.type"));
    EXPECT_THAT(refusal(R"({"payloadType":"application/vnd.in-toto+json","payload":"e30=","signatures":[]})"),
                HasSubstr("payload is not known"));
    EXPECT_THAT(refusal(R"({"driver":"550.163.01"})"), HasSubstr("driver is not known"));
}

TEST(SimpleSigning, RefusesWhatItDoesNotKnow) {
    EXPECT_THAT(refusal(payload(R"("type":)", R"("until":"2030","type":)")), HasSubstr("critical.until is not known"));
    EXPECT_THAT(refusal(payload(R"("identity":{)", R"("identity":{"x":1,)")), HasSubstr("identity.x is not known"));
    EXPECT_THAT(refusal(payload(R"("image":{)", R"("image":{"x":null,)")), HasSubstr("image.x is not known"));
    EXPECT_THAT(refusal(payload(R"({"critical")", R"({"Critical":{},"critical")")), HasSubstr("Critical is not known"));
    EXPECT_THAT(refusal(payload(R"("a":"b")", R"("a":["b"])")), HasSubstr("optional.a is not a string"));
    EXPECT_THAT(refusal(payload(R"("a":"b")", R"("a":true)")), HasSubstr("optional.a is not a string"));
}

TEST(SimpleSigning, RefusesWhatIsMissing) {
    EXPECT_THAT(refusal("{}"), HasSubstr("critical is missing"));
    EXPECT_THAT(refusal(payload(R"("docker-reference":"127.0.0.1:5891/od/x")", "")), HasSubstr("is missing"));
    EXPECT_THAT(refusal(payload(R"("type":"cosign container image signature")", R"("type":null)")),
                HasSubstr("critical.type is missing"));
    EXPECT_THAT(refusal(""), HasSubstr("not JSON"));
    EXPECT_THAT(refusal("[]"), HasSubstr("not a JSON object"));
}

TEST(SimpleSigning, RefusesDoubledKeysDepthSizeAndInvalidText) {
    EXPECT_THAT(refusal(payload(R"("type":)", R"("type":"cosign container image signature","type":)")),
                HasSubstr("stands twice"));
    EXPECT_THAT(refusal(payload(R"("a":"b")", R"("a":)" + std::string(10'000, '[') + std::string(10'000, ']'))),
                HasSubstr("nested too deeply"));
    EXPECT_THAT(refusal(payload(R"("a":"b")", R"("a":")" + std::string(64U << 10U, 'x') + '"')),
                HasSubstr("larger than 65536 bytes"));
    EXPECT_THAT(refusal(payload(R"("a":"b")", "\"a\":\"\xff\"")), HasSubstr("not JSON"));
    EXPECT_THAT(refusal(std::string{kPlain} + "{}"), HasSubstr("not JSON"));
    std::string many;
    for (int i = 0; i < 100; ++i) many += "\"k" + std::to_string(i) + "\":\"v\",";
    EXPECT_THAT(refusal(payload(R"("a":"b")", many + R"("a":"b")")), HasSubstr("more than 64 members"));
}

TEST(SimpleSigning, D1RefusesADigestThatIsNone) {
    const std::string good = "sha256:418c30b6638cf7fbd7f8851059845330db9053d7b6b20a2b31259e37fe39a801";
    for (const std::string& digest : std::initializer_list<std::string>{
             "", "sha256:../../etc/passwd", "sha256:" + std::string(64, 'A'), "sha256:" + std::string(63, 'a'),
             "sha512:" + std::string(64, 'a'), "md5:" + std::string(32, 'a'), good + " "}) {
        EXPECT_THAT(refusal(payload(good, digest)), HasSubstr("docker-manifest-digest is not a sha256 digest"));
    }
}

TEST(SimpleSigning, RefusesASerialWithTwoSpellings) {
    const std::string good = R"("7")";
    for (const char* serial : {"7", R"("")", R"("07")", R"("-7")", R"("+7")", R"("7 ")", R"("0x7")", R"("1e3")",
                               R"("1000000000000000000")", R"("18446744073709551616")", "null"}) {
        EXPECT_THAT(refusal(payload(good, serial)), HasSubstr("org.overdrive.serial")) << serial;
    }
    EXPECT_EQ(SimpleSigning::parse(payload(good, R"("0")")).serial, 0U);
    EXPECT_EQ(SimpleSigning::parse(payload(good, R"("999999999999999999")")).serial, 999'999'999'999'999'999U);
}

TEST(SimpleSigning, RefusesAnIdentityThatCouldNotBeARepository) {
    const std::string good = "127.0.0.1:5891/od/x";
    for (const std::string& identity : {std::string{}, std::string{"a b"}, std::string{"a\\u001b[2J"},
                                        std::string{"a\\u0000"}, std::string{"\xc3\xa9"}, std::string(513, 'a')}) {
        EXPECT_THAT(refusal(payload(good, identity)), HasSubstr("docker-reference is not a repository")) << identity;
    }
}

}  // namespace
}  // namespace overdrive
