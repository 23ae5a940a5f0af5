#include "registry/image_reference.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/error.hpp"

namespace overdrive {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string kDigest = "sha256:" + std::string(64, 'a');

TEST(ImageReferenceTest, HasHostRepositoryTagAndDigest) {
    const std::string text = "docker://registry.example:5000/overdrive/nvidia-coreos:4081.2.1-550.163.01_b@" + kDigest;
    const ImageReference image = parse_image_reference(text);
    EXPECT_EQ(image.host, "registry.example:5000");
    EXPECT_EQ(image.repository, "overdrive/nvidia-coreos");
    EXPECT_EQ(image.tag, "4081.2.1-550.163.01_b");
    EXPECT_EQ(image.digest->text(), kDigest);
    EXPECT_EQ(image.text(), text);
}

TEST(ImageReferenceTest, TagAndDigestMayBeLeftOut) {
    EXPECT_EQ(parse_image_reference("docker://[::1]:5000/a").tag, "");
    EXPECT_FALSE(parse_image_reference("docker://host/a:b").digest);
    EXPECT_EQ(parse_image_reference("docker://host/a@" + kDigest).tag, "");
    EXPECT_EQ(parse_image_reference("docker://host/a@" + kDigest).text(), "docker://host/a@" + kDigest);
}

class RefusedImage : public testing::TestWithParam<const char*> {};

TEST_P(RefusedImage, IsABadReference) {
    try {
        static_cast<void>(parse_image_reference(GetParam()));
        FAIL() << "accepted";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::bad_reference);
    }
}

INSTANTIATE_TEST_SUITE_P(ImageReferences, RefusedImage,
                         testing::Values("", "docker://", "docker://host", "docker://host/", "docker://host/:tag",
                                         "host/a:tag", "oci:directory", "docker://host/a:", "docker://host/a:.tag",
                                         "docker://host/a:-tag", "docker://host/a:ta/g", "docker://host/a:ta g",
                                         "docker://host/a:b:c", "docker://host/a@", "docker://host/a@sha256:00",
                                         "docker://host/a@md5:d41d8cd98f00b204e9800998ecf8427e",
                                         "docker://host/a@sha256:../../x", "docker://host/../a:b",
                                         "docker://host/a/..:b", "docker://host/A:b", "docker://host/a\nb:c",
                                         "docker://host/a?x:b", "docker://user:secret@host/a:b"));

TEST(ImageReferenceTest, DigestsAreSha256InLowerCase) {
    for (const std::string& digest :
         {"sha256:" + std::string(64, 'A'), "sha256:" + std::string(63, 'a'), "sha512:" + std::string(128, 'a')})
        EXPECT_THROW(static_cast<void>(parse_image_reference("docker://host/a@" + digest)), Error) << digest;
}

TEST(ImageReferenceTest, ATagHasAtMost128Characters) {
    EXPECT_TRUE(is_tag(std::string(128, 'a')));
    EXPECT_FALSE(is_tag(std::string(129, 'a')));
    EXPECT_TRUE(is_tag("_a.-B9"));
    EXPECT_FALSE(is_tag(""));
}

TEST(ImageReferenceTest, NoMessageRepeatsALogin) {
    for (const char* text : {"docker://user:secret@host/a", "docker://user:se/secret@host/a",
                             "https://user:secret@host/a", "user:secret@host/a"}) {
        try {
            static_cast<void>(parse_image_reference(text));
            FAIL() << "accepted";
        } catch (const Error& error) {
            EXPECT_THAT(error.what(), Not(HasSubstr("secret"))) << text;
        }
    }
}

}  // namespace
}  // namespace overdrive
