#include "registry/layout_source.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "registry/make_source.hpp"
#include "support/loopback_access.hpp"
#include "support/temporary_root.hpp"
#include "unit/archive/sample_artifact.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
namespace fs = std::filesystem;

/// The same layout as a directory and as a tar file.
class LayoutSource : public testing::TestWithParam<bool> {
protected:
    LayoutSource() { digest_ = sample_.write_layout(dir_.path() + "/layout", {"4081.2.1-900.1.0", "other"}); }

    OciLayoutSource open() {
        if (!GetParam()) return OciLayoutSource{parse_source_name("oci:" + dir_.path() + "/layout")};
        TarMaker tar;
        for (const auto& entry : fs::recursive_directory_iterator{dir_.path() + "/layout"}) {
            const std::string name = fs::relative(entry.path(), dir_.path() + "/layout").string();
            if (entry.is_directory()) tar.directory(name);
            if (entry.is_regular_file()) tar.file(name, dir_.root().read_file("layout/" + name).value());
        }
        dir_.write("layout.tar", tar.tar());
        return OciLayoutSource{parse_source_name("oci-archive:" + dir_.path() + "/layout.tar")};
    }
    std::string blob_path(const std::string& digest) { return "layout/blobs/sha256/" + digest.substr(7); }
    static std::string read(ArtifactSource& source, const LayerDescriptor& layer) {
        std::string bytes;
        source.read_blob(layer, [&](std::string_view part) { bytes += part; });
        return bytes;
    }
    static void expect_refused(Errc code, const std::string& words, const std::function<void()>& body) {
        try {
            body();
            ADD_FAILURE() << "accepted";
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), code) << error.what();
            EXPECT_THAT(error.what(), HasSubstr(words));
        }
    }

    TemporaryRoot dir_;
    SampleArtifact sample_;
    std::string digest_;
};

TEST_P(LayoutSource, FindsATagAndReadsItsBlobs) {
    OciLayoutSource source = open();
    const auto artifact = source.resolve("4081.2.1-900.1.0", "amd64");
    ASSERT_TRUE(artifact);
    EXPECT_EQ(artifact->manifest_digest.text(), digest_);
    EXPECT_THAT(artifact->reference, HasSubstr(":4081.2.1-900.1.0"));
    ASSERT_EQ(artifact->layers.size(), 3U);
    EXPECT_EQ(read(source, artifact->layers[1]), sample_.user_space_layer());
    EXPECT_EQ(read(source, artifact->layers[0]), sample_.program_layer());
}

TEST_P(LayoutSource, HasNothingForAnUnknownTagOrArchitecture) {
    OciLayoutSource source = open();
    EXPECT_FALSE(source.resolve("4081.2.2-900.1.0", "amd64"));
    EXPECT_FALSE(source.resolve("4081.2.1-900.1.0", "arm64"));
    EXPECT_FALSE(source.resolve("900.1.0", "amd64"));  // the end of a tag is not the tag
}

TEST_P(LayoutSource, AnswersForThePinnedImageAlone) {
    OciLayoutSource source = open();
    EXPECT_FALSE(source.find_pair_index());
    const Digest there = source.resolve("other", "amd64")->manifest_digest;
    EXPECT_EQ(source.resolve_pinned({"other", there}, "amd64")->manifest_digest, there);
    EXPECT_FALSE(source.resolve_pinned({"4081.9.9-900.1.0", there}, "amd64"));
    expect_refused(Errc::bad_manifest, "the pair index names", [&] {
        static_cast<void>(source.resolve_pinned({"other", Digest::from_hex(std::string(64, '0'))}, "amd64"));
    });
}

TEST_P(LayoutSource, NamesABlobThatIsDamaged) {
    const auto layer = open().resolve("other", "amd64")->layers[2];
    std::string bytes = dir_.root().read_file(blob_path(layer.digest.text())).value();
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
    dir_.write(blob_path(layer.digest.text()), bytes);
    OciLayoutSource source = open();
    expect_refused(Errc::digest_mismatch, layer.digest.text(), [&] { read(source, layer); });
}

TEST_P(LayoutSource, NamesABlobThatIsCut) {
    const auto layer = open().resolve("other", "amd64")->layers[2];
    fs::resize_file(dir_.path() + "/" + blob_path(layer.digest.text()), 1000);
    OciLayoutSource source = open();
    expect_refused(Errc::truncated, layer.digest.text(), [&] { read(source, layer); });
}

TEST_P(LayoutSource, NamesABlobThatIsMissing) {
    const auto layer = open().resolve("other", "amd64")->layers[2];
    fs::remove(dir_.path() + "/" + blob_path(layer.digest.text()));
    OciLayoutSource source = open();
    expect_refused(Errc::incomplete_artifact, layer.digest.text(), [&] { read(source, layer); });
}

TEST_P(LayoutSource, RefusesADamagedManifest) {
    const std::string path = blob_path(digest_);
    std::string bytes = dir_.root().read_file(path).value();
    bytes.back() = ' ';
    dir_.write(path, bytes);
    OciLayoutSource source = open();
    expect_refused(Errc::digest_mismatch, digest_, [&] { static_cast<void>(source.resolve("other", "amd64")); });
}

INSTANTIATE_TEST_SUITE_P(DirectoryAndArchive, LayoutSource, testing::Bool());

TEST(LayoutSourceMissing, IsUnreachable) {
    for (const char* name : {"oci:/nonexistent/overdrive", "oci-archive:/nonexistent/overdrive.tar"}) {
        OciLayoutSource source{parse_source_name(name)};
        try {
            static_cast<void>(source.resolve("tag", "amd64"));
            FAIL() << "accepted";
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), Errc::unreachable);
            EXPECT_THAT(error.what(), HasSubstr("/nonexistent/overdrive"));
        }
        EXPECT_THROW(static_cast<void>(source.find_pair_index()), Error);
    }
}

TEST(LayoutSourceMissing, SaysThatACompressedArchiveIsNone) {
    TemporaryRoot dir;
    dir.write("layout.tar", zstd(TarMaker{}.file("index.json", "{}").tar()));
    OciLayoutSource source{parse_source_name("oci-archive:" + dir.path() + "/layout.tar")};
    try {
        static_cast<void>(source.resolve("tag", "amd64"));
        FAIL() << "accepted";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::bad_archive);
        EXPECT_THAT(error.what(), HasSubstr("uncompressed"));
    }
}

TEST(MakeSource, FillsTheTemplate) {
    NoTransport transport;
    LoopbackAccess access{transport};
    EXPECT_EQ(make_source("docker://registry.example/overdrive/nvidia-{os_id}", access, "debian")->name(),
              "docker://registry.example/overdrive/nvidia-debian");
    EXPECT_EQ(make_source("oci:/layouts/{os_id}", access, "flatcar")->name(), "oci:/layouts/flatcar");
    EXPECT_THROW(static_cast<void>(make_source("nonsense", access, "debian")), Error);
}

}  // namespace
}  // namespace overdrive
