#include "builder-images/artifact/transfer/place_reference.hpp"

#include <gtest/gtest.h>

#include "builder-images/artifact/transfer/upload_place.hpp"
#include "support/error.hpp"

namespace overdrive {
namespace {

const std::string kDigest = "sha256:" + std::string(64, 'a');

TEST(PlaceReference, ReadsTheThreeKinds) {
    const PlaceReference image = PlaceReference::parse("docker://r.example:5000/a/b:tag@" + kDigest);
    EXPECT_EQ(image.place.host, "r.example:5000");
    EXPECT_EQ(image.place.repository, "a/b");
    EXPECT_EQ(image.tag, "tag");
    EXPECT_EQ(image.digest->text(), kDigest);

    const PlaceReference layout = PlaceReference::parse("oci:/some.where/layout:tag");
    EXPECT_EQ(layout.place.path, "/some.where/layout");
    EXPECT_EQ(layout.tag, "tag");

    const PlaceReference archive = PlaceReference::parse("oci-archive:relative.tar");
    EXPECT_EQ(archive.place.path, "relative.tar");
    EXPECT_EQ(archive.tag, "");
}

TEST(PlaceReference, IsWrittenAsItWasRead) {
    for (const std::string& text :
         {std::string{"docker://r.example/a:t"}, "docker://r.example/a@" + kDigest, std::string{"oci:dir:t"},
          std::string{"oci-archive:/x/y.tar"}, std::string{"docker://[::1]:5000/a"}})
        EXPECT_EQ(PlaceReference::parse(text).text(), text);
}

TEST(PlaceReference, TakesAColonInADirectoryAboveForNoTag) {
    EXPECT_EQ(PlaceReference::parse("oci:/a:b/layout").place.path, "/a:b/layout");
}

TEST(PlaceReference, RefusesWhatIsNone) {
    for (const char* text :
         {"", "file", "oci:", "oci:dir:", "oci:dir:not a tag", "docker://r.example", "docker:///a",
          "docker://user:secret@r.example/a", "docker://r.example/A", "docker://r.example/a@sha256:x",
          "oci-archive:", "http://r.example/a", "docker://r.example/../a"})
        EXPECT_THROW(static_cast<void>(PlaceReference::parse(text)), Error) << text;
}

TEST(PlaceReference, NeverRepeatsALogin) {
    try {
        static_cast<void>(PlaceReference::parse("docker://user:secret@r.example/a"));
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(std::string{error.what()}.find("secret"), std::string::npos);
    }
}

TEST(UploadPlace, FollowsARegistryToWhereItSendsUs) {
    const Endpoint endpoint{.host = "r.example", .repository = "a/b"};
    EXPECT_EQ(absolute_url(endpoint, "/v2/x?_state=1"), "https://r.example/v2/x?_state=1");
    EXPECT_EQ(absolute_url(endpoint, "https://other.example/x"), "https://other.example/x");
    for (const char* field : {"", "//other.example/x", "file:///etc/passwd", "x", "https://a/\nb"})
        EXPECT_THROW(static_cast<void>(absolute_url(endpoint, field)), Error) << field;
}

TEST(UploadPlace, AddsTheDigestBehindWhatIsThere) {
    const Digest digest = Digest::parse(kDigest);
    EXPECT_EQ(with_digest("https://r/u", digest), "https://r/u?digest=sha256%3A" + std::string(64, 'a'));
    EXPECT_EQ(with_digest("https://r/u?s=1", digest), "https://r/u?s=1&digest=sha256%3A" + std::string(64, 'a'));
}

TEST(UploadPlace, RangesIncludeTheirLastByte) {
    EXPECT_EQ(piece_range(0, 1), "0-0");
    EXPECT_EQ(piece_range(16, 16), "16-31");
}

TEST(UploadPlace, ListsGoOnInTheirOwnRepositoryOnly) {
    const Endpoint endpoint{.host = "r.example", .repository = "a/b"};
    EXPECT_TRUE(is_on_endpoint(endpoint, "https://r.example/v2/a/b/tags/list?last=x"));
    EXPECT_FALSE(is_on_endpoint(endpoint, "https://r.example/v2/a/bc/tags/list"));
    EXPECT_FALSE(is_on_endpoint(endpoint, "http://r.example/v2/a/b/tags/list"));
    EXPECT_FALSE(is_on_endpoint(endpoint, "https://r.example.evil/v2/a/b/tags/list"));
}

}  // namespace
}  // namespace overdrive
