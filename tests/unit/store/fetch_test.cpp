#include "store/fetch.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "store/reuse.hpp"
#include "support/temporary_root.hpp"
#include "unit/archive/sample_artifact.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
namespace fs = std::filesystem;

class FetchTest : public testing::Test {
protected:
    FetchTest() { store_.prepare(); }

    FetchResult fetch(const SampleArtifact& sample, const Staging& staging, const ManifestCheck& check = {}) {
        source_.asked.clear();
        sample.put_into(source_);
        return fetch_artifact(source_, *source_.artifact, staging, store_, progress_, check);
    }
    void install(const SampleArtifact& sample) {
        Staging staging = store_.make_staging();
        const FetchResult fetched = fetch(sample, staging);
        store_.publish(std::move(staging),
                       describe_generation(fetched, &*source_.artifact, "test", std::chrono::seconds{1}));
    }
    void expect_refused(Errc code, const std::string& words, const std::function<void(const Staging&)>& body) {
        try {
            const Staging staging = store_.make_staging();
            body(staging);
            ADD_FAILURE() << "accepted; wanted " << reason_code(code);
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), code) << error.what();
            EXPECT_THAT(error.what(), HasSubstr(words));
        }
        EXPECT_THAT(dir_.tree("opt/nvidia/.overdrive/staging"), IsEmpty());
        EXPECT_THAT(store_.list_generations(), IsEmpty());
    }
    ino_t inode(const std::string& path) { return dir_.root().status(path).value().st_ino; }

    TemporaryRoot dir_;
    Store store_{dir_.root()};
    FakeSource source_;
    FakeProgress progress_;
};

TEST_F(FetchTest, BringsEveryFileOfDriverJsonAndItsSignature) {
    const SampleArtifact sample;
    const Staging staging = store_.make_staging();
    const FetchResult fetched = fetch(sample, staging);
    EXPECT_EQ(fetched.driver_json, sample.manifest().to_json());
    EXPECT_EQ(fetched.signature, sample.signature);
    EXPECT_EQ(fetched.bytes_downloaded, sample.user_space_layer().size() + sample.modules_layer().size());
    EXPECT_FALSE(fetched.reused_user_space);
    EXPECT_THAT(source_.asked, ElementsAre(LayerRole::modules, LayerRole::user_space));
    const std::string top = staging.path().substr(1);
    std::size_t files = 0;
    for (const auto& [path, content] : dir_.tree(top)) {
        if (content != "/") ++files;
    }
    EXPECT_EQ(files, sample.user_space.size() + sample.links.size() + sample.modules.size() + 2);
    EXPECT_EQ(dir_.root().read_file(top + "/lib64/libcuda.so.1"), sample.user_space.at("lib64/libcuda.so.900.1.0"));
}

TEST_F(FetchTest, DownloadsOnlyTheModulesForTheNextKernel) {
    install(SampleArtifact{});
    const SampleArtifact next{"6.1.0-2-test", "4081.3.0"};
    Staging staging = store_.make_staging();
    const FetchResult fetched = fetch(next, staging);
    EXPECT_TRUE(fetched.reused_user_space) << fetched.not_reused;
    EXPECT_EQ(fetched.bytes_downloaded, next.modules_layer().size());
    EXPECT_THAT(source_.asked, ElementsAre(LayerRole::modules));
    EXPECT_EQ(dir_.root().read_file(staging.path() + "/lib64/libcuda.so.900.1.0"),
              next.user_space.at("lib64/libcuda.so.900.1.0"));
    store_.publish(std::move(staging),
                   describe_generation(fetched, &*source_.artifact, "test", std::chrono::seconds{1}));
    EXPECT_EQ(store_.list_generations().size(), 2U);
}

TEST_F(FetchTest, DownloadsUserSpaceAgainWhenTheRetainedOneIsDamaged) {
    install(SampleArtifact{});
    dir_.write("opt/nvidia/900.1.0/4081.2.1/lib/firmware/nvidia/900.1.0/gsp_tu10x.bin", std::string(200'000, 'x'));
    const SampleArtifact next{"6.1.0-2-test", "4081.3.0"};
    const Staging staging = store_.make_staging();
    const FetchResult fetched = fetch(next, staging);
    EXPECT_FALSE(fetched.reused_user_space);
    EXPECT_THAT(fetched.not_reused, HasSubstr("gsp_tu10x.bin' is damaged"));
    EXPECT_THAT(source_.asked, ElementsAre(LayerRole::modules, LayerRole::user_space));
}

TEST_F(FetchTest, ReusesNothingWhenOneFileCannotBe) {
    install(SampleArtifact{});
    const std::string generation = "opt/nvidia/900.1.0/4081.2.1/";
    fs::remove(dir_.path() + "/" + generation + "usr/share/empty");
    const Staging staging = store_.make_staging();
    const SampleArtifact sample;
    const CloneResult clone = clone_user_space(store_, sample.manifest().pair(), staging, sample.manifest());
    EXPECT_FALSE(clone.reused);
    EXPECT_THAT(clone.reason, HasSubstr("'usr/share/empty' is missing"));
    for (const auto& [path, content] : dir_.tree(staging.path().substr(1))) EXPECT_EQ(content, "/") << path;
}

TEST_F(FetchTest, SharesTheDiskWithTheRetainedGeneration) {
    install(SampleArtifact{});
    const Staging staging = store_.make_staging();
    const SampleArtifact sample;
    const CloneResult clone = clone_user_space(store_, sample.manifest().pair(), staging, sample.manifest());
    ASSERT_TRUE(clone.reused) << clone.reason;
    EXPECT_EQ(clone.cloned + clone.linked, sample.user_space.size());
    const std::string path = "/lib64/libcuda.so.900.1.0";
    const bool same = inode(staging.path() + path) == inode("opt/nvidia/900.1.0/4081.2.1" + path);
    EXPECT_EQ(same, clone.linked != 0);  // a reflink has an inode of its own
}

TEST_F(FetchTest, B7CopiesAFileThatCanHaveNoMoreLinks) {
    install(SampleArtifact{});
    const std::string path = "/lib64/libcuda.so.900.1.0";
    const fs::path file = dir_.path() + "/opt/nvidia/900.1.0/4081.2.1" + path;
    fs::create_directories(dir_.path() + "/links");
    // ext4 allows 65000 names; where the file system allows more, or shares blocks, this shows nothing.
    std::error_code full;
    for (int i = 0; i < 65'000 && !full; ++i)
        fs::create_hard_link(file, dir_.path() + "/links/" + std::to_string(i), full);
    const Staging staging = store_.make_staging();
    const SampleArtifact sample;
    const CloneResult clone = clone_user_space(store_, sample.manifest().pair(), staging, sample.manifest());
    ASSERT_TRUE(clone.reused) << clone.reason;
    if (!full || clone.cloned > 0) GTEST_SKIP() << "this file system has no limit of links, or shares blocks";
    EXPECT_EQ(clone.copied, 1U);
    EXPECT_EQ(clone.linked, sample.user_space.size() - 1);
    EXPECT_NE(inode(staging.path() + path), inode("opt/nvidia/900.1.0/4081.2.1" + path));
    EXPECT_EQ(dir_.root().read_file(staging.path() + path), sample.user_space.at(path.substr(1)));
}

TEST_F(FetchTest, DoesNotReuseFilesWithAnotherMode) {
    install(SampleArtifact{});
    ASSERT_EQ(chmod((dir_.path() + "/opt/nvidia/900.1.0/4081.2.1/bin/nvidia-smi").c_str(), 04755), 0);
    const Staging staging = store_.make_staging();
    const SampleArtifact sample;
    EXPECT_THAT(clone_user_space(store_, sample.manifest().pair(), staging, sample.manifest()).reason,
                HasSubstr("bin/nvidia-smi"));
}

TEST_F(FetchTest, AsksBeforeItFetchesTheLargeLayer) {
    expect_refused(Errc::untrusted, "no key", [&](const Staging& staging) {
        fetch(SampleArtifact{}, staging,
              [](const DriverManifest& manifest, const std::string& json, const auto& signature) {
                  EXPECT_EQ(manifest.driver.text(), "900.1.0");
                  EXPECT_EQ(json, SampleArtifact{}.manifest().to_json());
                  EXPECT_TRUE(signature);
                  throw Error{Errc::untrusted, "no key"};
              });
    });
    EXPECT_THAT(source_.asked, ElementsAre(LayerRole::modules));
}

TEST_F(FetchTest, TakesAnArtifactWithoutSignature) {
    SampleArtifact sample;
    sample.signature.clear();
    const Staging staging = store_.make_staging();
    EXPECT_FALSE(fetch(sample, staging).signature);
}

/// Fetches the sample with another driver.json in its modules layer.
class WrongDriverJson : public FetchTest {
protected:
    void expect_wrong(Errc code, const std::string& words, const std::function<void(DriverManifest&)>& change) {
        DriverManifest manifest = sample_.manifest();
        change(manifest);
        expect_refused(code, words, [&](const Staging& staging) {
            sample_.put_into(source_);
            source_.artifact->layers[2] = source_.add(sample_.modules_layer(manifest.to_json()), LayerRole::modules);
            static_cast<void>(fetch_artifact(source_, *source_.artifact, staging, store_, progress_, {}));
        });
    }
    static FileSpec& file(DriverManifest& manifest, const std::string& path) {
        for (FileSpec& spec : manifest.files) {
            if (spec.path == path) return spec;
        }
        throw std::logic_error{path};
    }
    SampleArtifact sample_;
    const std::string module_ = "lib/modules/6.1.0-1-test/nvidia.ko";
    const std::string library_ = "lib64/libcuda.so.900.1.0";
};

TEST_F(WrongDriverJson, NamesAModuleWithAnotherDigest) {
    expect_wrong(Errc::digest_mismatch, "nvidia.ko' hashes to",
                 [&](auto& manifest) { file(manifest, module_).sha256 = std::string(64, '0'); });
}
TEST_F(WrongDriverJson, NamesALibraryWithAnotherDigestInALayerThatItDoesNotVouchFor) {
    for (const std::optional<Digest>& layer : {std::optional<Digest>{}, {Digest::from_hex(std::string(64, '9'))}}) {
        expect_wrong(Errc::digest_mismatch, "libcuda.so.900.1.0' hashes to", [&](auto& manifest) {
            manifest.user_space_layer = layer;
            file(manifest, library_).sha256 = std::string(64, '0');
        });
    }
}
TEST_F(WrongDriverJson, VouchesForTheLayerThatItNamesByItsDigest) {
    DriverManifest manifest = sample_.manifest();
    sample_.put_into(source_);
    ASSERT_EQ(manifest.user_space_layer, source_.artifact->layers[1].digest);
    file(manifest, library_).sha256 = std::string(64, '0');
    source_.artifact->layers[2] = source_.add(sample_.modules_layer(manifest.to_json()), LayerRole::modules);
    const Staging staging = store_.make_staging();

    EXPECT_NO_THROW(static_cast<void>(fetch_artifact(source_, *source_.artifact, staging, store_, progress_, {})));
}
TEST_F(WrongDriverJson, NamesALibraryThatIsMissing) {
    expect_wrong(Errc::incomplete_artifact, "'zzz/gone' is missing", [&](auto& manifest) {
        manifest.files.push_back({.path = "zzz/gone",
                                  .layer = LayerRole::user_space,
                                  .mode = 0644,
                                  .size = 0,
                                  .sha256 = sha256_hex(""),
                                  .link_target = {}});
    });
}
TEST_F(WrongDriverJson, NamesAModuleThatIsMissing) {
    expect_wrong(Errc::incomplete_artifact, "'zzz/gone.ko' is missing", [&](auto& manifest) {
        manifest.files.push_back({.path = "zzz/gone.ko",
                                  .layer = LayerRole::modules,
                                  .mode = 0644,
                                  .size = 0,
                                  .sha256 = sha256_hex(""),
                                  .link_target = {}});
    });
}
TEST_F(WrongDriverJson, RefusesAModuleThatItDoesNotList) {
    expect_wrong(Errc::bad_archive, "does not list it there", [&](auto& manifest) {
        std::erase_if(manifest.files, [&](const FileSpec& spec) { return spec.path == module_; });
    });
}
TEST_F(WrongDriverJson, RefusesALibraryThatItDoesNotList) {
    expect_wrong(Errc::bad_archive, "does not list", [&](auto& manifest) {
        std::erase_if(manifest.files, [&](const FileSpec& spec) { return spec.path == library_; });
    });
}
TEST_F(WrongDriverJson, RefusesAFileInTheWrongLayer) {
    expect_wrong(Errc::bad_archive, "does not list it there",
                 [&](auto& manifest) { file(manifest, module_).layer = LayerRole::user_space; });
}
TEST_F(WrongDriverJson, NamesAModuleWithAnotherMode) {
    expect_wrong(Errc::incomplete_artifact, "nvidia.ko' has mode 0644",
                 [&](auto& manifest) { file(manifest, module_).mode = 0755; });
}
/// As `podman push` leaves it: other bytes in the layer, the same files.
TEST_F(WrongDriverJson, TakesAUserSpaceThatAnotherToolCompressedAnew) {
    DriverManifest manifest = sample_.manifest();
    manifest.user_space_layer = Digest::from_hex(std::string(64, '9'));
    sample_.put_into(source_);
    source_.artifact->layers[2] = source_.add(sample_.modules_layer(manifest.to_json()), LayerRole::modules);
    const Staging staging = store_.make_staging();

    EXPECT_NO_THROW(static_cast<void>(fetch_artifact(source_, *source_.artifact, staging, store_, progress_, {})));
}
TEST_F(WrongDriverJson, RefusesMoreThanTheDiskHolds) {
    expect_wrong(Errc::no_space, "inodes are free", [&](auto& manifest) {
        const fs::space_info space = fs::space(dir_.path());
        file(manifest, library_).size = space.available + (1ULL << 30U);
    });
}
TEST_F(WrongDriverJson, E11_NamesFirmwareThatDoesNotCome) {
    expect_wrong(Errc::incomplete_artifact, "'lib/firmware/nvidia/900.1.0/gone.bin' is missing",
                 [&](auto& manifest) { manifest.firmware.emplace_back("nvidia/900.1.0/gone.bin"); });
    EXPECT_THAT(source_.asked, ElementsAre(LayerRole::modules));  // found before the large layer is fetched
}
TEST_F(WrongDriverJson, E11_HasNoModuleNvidia) {
    expect_wrong(Errc::incomplete_artifact, "no module 'nvidia'", [&](auto& manifest) {
        std::erase_if(manifest.modules, [](const ModuleSpec& module) { return module.name == "nvidia"; });
    });
}
TEST_F(WrongDriverJson, E11_NamesAModuleThatDoesNotCome) {
    sample_.modules.erase(module_);
    expect_wrong(Errc::incomplete_artifact, "'" + module_ + "' is missing", [&](auto&) {});
}
TEST_F(WrongDriverJson, E11_NamesAModuleForAnotherKernel) {
    sample_.modules["lib/modules/6.2.0/nvidia.ko"] = "x";
    expect_wrong(Errc::incomplete_artifact, "'lib/modules/6.2.0/nvidia.ko' is not for kernel 6.1.0-1-test",
                 [&](auto&) {});
}
TEST_F(WrongDriverJson, E11_LoadsAModuleForAnotherKernel) {
    expect_wrong(Errc::incomplete_artifact, "'lib/modules/6.2.0/nvidia.ko' is not for kernel 6.1.0-1-test",
                 [&](auto& manifest) { manifest.modules.front().path = "lib/modules/6.2.0/nvidia.ko"; });
}
TEST_F(WrongDriverJson, E11_BringsALibraryOfAnotherDriver) {
    sample_.user_space["lib64/libnvidia-ml.so.899.2.0"] = "x";
    expect_wrong(Errc::incomplete_artifact, "'lib64/libnvidia-ml.so.899.2.0' is of driver 899.2.0, not of 900.1.0",
                 [&](auto&) {});
}
TEST_F(WrongDriverJson, E14_WritesThroughALinkOfTheModulesLayer) {
    expect_refused(Errc::bad_archive, "through a link", [&](const Staging& staging) {
        DriverManifest manifest = sample_.manifest();
        manifest.files.push_back({.path = "lib64",
                                  .layer = LayerRole::modules,
                                  .mode = 0777,
                                  .size = 0,
                                  .sha256 = {},
                                  .link_target = "lib"});
        std::sort(manifest.files.begin(), manifest.files.end(),
                  [](const FileSpec& left, const FileSpec& right) { return left.path < right.path; });
        TarMaker tar;
        for (const auto& [path, content] : sample_.modules) tar.file("driver/" + path, content);
        tar.link("driver/lib64", "lib").file("driver/driver.json", manifest.to_json());
        sample_.put_into(source_);
        source_.artifact->layers[2] = source_.add(zstd(tar.tar()), LayerRole::modules);
        static_cast<void>(fetch_artifact(source_, *source_.artifact, staging, store_, progress_, {}));
    });
    EXPECT_THAT(source_.asked, ElementsAre(LayerRole::modules, LayerRole::user_space));
}
TEST_F(WrongDriverJson, IsMissing) {
    expect_refused(Errc::incomplete_artifact, "no driver.json", [&](const Staging& staging) {
        sample_.put_into(source_);
        source_.artifact->layers[2] = source_.add(zstd(TarMaker{}.file("driver/lib/a", "x").tar()), LayerRole::modules);
        static_cast<void>(fetch_artifact(source_, *source_.artifact, staging, store_, progress_, {}));
    });
}
TEST_F(WrongDriverJson, IsNoJson) {
    expect_refused(Errc::bad_manifest, "driver.json", [&](const Staging& staging) {
        sample_.put_into(source_);
        source_.artifact->layers[2] = source_.add(sample_.modules_layer("nonsense"), LayerRole::modules);
        static_cast<void>(fetch_artifact(source_, *source_.artifact, staging, store_, progress_, {}));
    });
}

class CopyTest : public FetchTest {
protected:
    FetchResult copy(const Staging& staging) { return copy_unpacked(image_.root(), staging, store_, progress_, {}); }
    TemporaryRoot image_;
    SampleArtifact sample_;
};

TEST_F(CopyTest, GivesTheSameTreeAsAFetch) {
    sample_.write_unpacked(image_.path());
    const Staging copied = store_.make_staging();
    const FetchResult result = copy(copied);
    EXPECT_EQ(result.driver_json, sample_.manifest().to_json());
    EXPECT_EQ(result.signature, sample_.signature);
    EXPECT_EQ(result.bytes_downloaded, 0U);
    const Staging fetched = store_.make_staging();
    fetch(sample_, fetched);
    const auto strip = [](const std::map<std::string, std::string>& tree, const std::string& top) {
        std::map<std::string, std::string> out;
        for (const auto& [path, content] : tree) out[path.substr(top.size())] = content;
        return out;
    };
    EXPECT_EQ(strip(dir_.tree(copied.path().substr(1)), copied.path()),
              strip(dir_.tree(fetched.path().substr(1)), fetched.path()));
}

TEST_F(CopyTest, ReusesUserSpaceOfARetainedGeneration) {
    install(sample_);
    sample_ = SampleArtifact{"6.1.0-2-test", "4081.3.0"};
    sample_.write_unpacked(image_.path());
    const Staging staging = store_.make_staging();
    const FetchResult result = copy(staging);
    EXPECT_TRUE(result.reused_user_space) << result.not_reused;
}

TEST_F(CopyTest, RefusesAFileThatDriverJsonDoesNotList) {
    sample_.write_unpacked(image_.path());
    image_.write("driver/lib64/extra.so", "x");
    expect_refused(Errc::bad_archive, "lib64/extra.so", [&](const Staging& staging) { copy(staging); });
}

TEST_F(CopyTest, NamesAChangedFile) {
    sample_.write_unpacked(image_.path());
    image_.write("driver/bin/nvidia-smi", "#?smi\n");
    expect_refused(Errc::digest_mismatch, "'bin/nvidia-smi' hashes to", [&](const Staging& staging) { copy(staging); });
}

TEST_F(CopyTest, NamesAMissingFile) {
    sample_.write_unpacked(image_.path());
    image_.root().remove("driver/bin/nvidia-smi");
    expect_refused(Errc::incomplete_artifact, "'bin/nvidia-smi' is missing",
                   [&](const Staging& staging) { copy(staging); });
}

TEST_F(CopyTest, NamesAChangedLink) {
    sample_.write_unpacked(image_.path());
    image_.root().replace_link("driver/lib64/libcuda.so.1", "/etc/passwd");
    expect_refused(Errc::digest_mismatch, "libcuda.so.1' links to", [&](const Staging& staging) { copy(staging); });
}

TEST_F(CopyTest, SaysThatThereIsNoDriverInThisImage) {
    expect_refused(Errc::incomplete_artifact, "'driver.json' is missing",
                   [&](const Staging& staging) { copy(staging); });
}

TEST_F(FetchTest, UnpacksTheProgram) {
    const SampleArtifact sample;
    sample.put_into(source_);
    const Staging staging = store_.make_staging();
    unpack_program(source_, *source_.artifact, staging, progress_);
    EXPECT_EQ(dir_.root().read_file(staging.path() + "/bin/overdrive"), "#!the program\n");
}

TEST_F(FetchTest, RefusesAProgramLayerWithoutTheProgram) {
    SampleArtifact sample;
    sample.program = {{"lib/other", "x"}};
    expect_refused(Errc::incomplete_artifact, "bin/overdrive", [&](const Staging& staging) {
        sample.put_into(source_);
        unpack_program(source_, *source_.artifact, staging, progress_);
    });
}

}  // namespace
}  // namespace overdrive
