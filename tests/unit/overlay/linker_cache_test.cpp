#include "overlay/linker_cache.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "overlay/host_paths.hpp"
#include "support/error.hpp"
#include "support/temporary_root.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// Answers as told, and writes down what was run.
struct FakeProcessRunner final : ProcessRunner {
    ProcessResult run(const ProcessRequest& request) override {
        runs.push_back(request.arguments);
        return answer(request);
    }
    std::vector<std::vector<std::string>> runs;
    std::function<ProcessResult(const ProcessRequest&)> answer = [](const ProcessRequest&) { return ProcessResult{}; };
};

class LinkerCacheTest : public testing::Test {
protected:
    static constexpr const char* kDirectory = "/usr/lib64";
    static constexpr const char* kGeneration = "/opt/nvidia/a/b";
    const std::vector<std::string> libraries_{"libcuda.so.1", "libcuda.so.900.1.0"};

    LinkerCacheTest() {
        host_.write("sbin/ldconfig", "");
        host_.write("usr/lib64/libc.so.6", "");
        runner_.answer = [this](const ProcessRequest&) {
            host_.write("etc/ld.so.cache", std::string{"cache /usr/lib64/libcuda.so.1 end"});
            return ProcessResult{};
        };
    }

    TemporaryRoot host_;
    FakeProcessRunner runner_;
    LinkerCache cache_{host_.root(), runner_};
};

TEST_F(LinkerCacheTest, TellsTheLinkerOnceAndOnlyOnce) {
    cache_.list(kDirectory, kGeneration, libraries_);
    EXPECT_THAT(*host_.root().read_file(LinkerCache::kConfiguration), HasSubstr("\n/usr/lib64\n"));
    ASSERT_EQ(runner_.runs.size(), 1U);
    EXPECT_THAT(runner_.runs[0],
                ElementsAre(*real_path(host_.root(), "/sbin/ldconfig"), "-X", "-r", *real_path(host_.root(), "/")));
    cache_.list(kDirectory, kGeneration, libraries_);
    EXPECT_EQ(runner_.runs.size(), 1U) << "nothing changed, so nothing runs";
    EXPECT_TRUE(cache_.lists(kDirectory, kGeneration));
}

TEST_F(LinkerCacheTest, AnotherGenerationOrACacheOfSomeoneElseIsMadeAnew) {
    cache_.list(kDirectory, kGeneration, libraries_);
    EXPECT_FALSE(cache_.lists(kDirectory, "/opt/nvidia/c/d"));
    host_.write("etc/ld.so.cache", "made by the package manager meanwhile");
    EXPECT_FALSE(cache_.lists(kDirectory, kGeneration));
    cache_.list(kDirectory, kGeneration, libraries_);
    EXPECT_EQ(runner_.runs.size(), 2U);
}

TEST_F(LinkerCacheTest, AFailureLeavesTheConfigurationAsItWas) {
    const auto before = host_.tree("etc");
    runner_.answer = [](const ProcessRequest&) { return ProcessResult{1, false, "ldconfig: disk full\n"}; };
    try {
        cache_.list(kDirectory, kGeneration, libraries_);
        FAIL() << "must throw";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::exposure);
        EXPECT_THAT(error.what(), HasSubstr("failed with exit code 1: ldconfig: disk full"));
    }
    EXPECT_FALSE(host_.root().exists(LinkerCache::kConfiguration));
    EXPECT_FALSE(cache_.lists(kDirectory, kGeneration));
}

TEST_F(LinkerCacheTest, ACacheWithoutOurLibrariesIsAnError) {
    runner_.answer = [this](const ProcessRequest&) {
        host_.write("etc/ld.so.cache", "only the host's own");
        return ProcessResult{};
    };
    EXPECT_THROW(cache_.list(kDirectory, kGeneration, libraries_), Error);
    EXPECT_FALSE(cache_.is_ours_present());
}

TEST_F(LinkerCacheTest, AForeignConfigurationIsNotOverwritten) {
    host_.write("etc/ld.so.conf.d/overdrive-nvidia.conf", "/someone/elses\n");
    EXPECT_THROW(cache_.list(kDirectory, kGeneration, libraries_), Error);
    EXPECT_FALSE(cache_.remove());
    EXPECT_EQ(host_.root().read_file(LinkerCache::kConfiguration), "/someone/elses\n");
}

TEST_F(LinkerCacheTest, AHostWithoutLdconfigIsToldSo) {
    host_.root().remove("/sbin/ldconfig");
    try {
        cache_.list(kDirectory, kGeneration, libraries_);
        FAIL() << "must throw";
    } catch (const Error& error) {
        EXPECT_THAT(error.what(), HasSubstr("there is no ldconfig"));
    }
}

TEST_F(LinkerCacheTest, RemoveTakesOnlyOursAndHasTheCacheMadeAnew) {
    EXPECT_FALSE(cache_.remove());
    cache_.list(kDirectory, kGeneration, libraries_);
    EXPECT_TRUE(cache_.remove());
    EXPECT_EQ(runner_.runs.size(), 2U);
    EXPECT_FALSE(host_.root().exists(LinkerCache::kConfiguration));
}

TEST_F(LinkerCacheTest, AsksTheHostsLoaderForItsDefaultDirectories) {
    EXPECT_FALSE(cache_.is_default_directory("/usr/lib64")) << "there is no loader to ask";
    host_.write("usr/lib64/ld-linux-x86-64.so.2", "");
    host_.root().make_link("/lib64", "usr/lib64");
    runner_.answer = [](const ProcessRequest&) {
        return ProcessResult{0, false, "path.prefix=\"/usr\"\npath.system_dirs[0x0]=\"/lib64/\"\n"};
    };
    EXPECT_TRUE(cache_.is_default_directory("/usr/lib64")) << "the same directory by another name";
    EXPECT_FALSE(cache_.is_default_directory("/usr"));
    runner_.answer = [](const ProcessRequest&) { return ProcessResult{127, false, "unknown option"}; };
    EXPECT_FALSE(cache_.is_default_directory("/usr/lib64"));
}

TEST_F(LinkerCacheTest, KnowsTheLoaderByTheFileThatItsNameLeadsTo) {
    EXPECT_EQ(cache_.loader_identity(), "");
    host_.write("usr/lib64/ld-2.36.so", "one");
    host_.root().make_link("/lib64", "usr/lib64");
    host_.root().make_link("/usr/lib64/ld-linux-x86-64.so.2", "ld-2.36.so");
    const std::string before = cache_.loader_identity();
    EXPECT_NE(before, "");
    EXPECT_EQ(cache_.loader_identity(), before);
    host_.write("usr/lib64/ld-2.36.so", "another");
    EXPECT_NE(cache_.loader_identity(), before);
    EXPECT_TRUE(runner_.runs.empty()) << "nothing is started to find that out";
}

TEST(DefaultDirectoriesTest, ReadsTheLoadersDiagnostics) {
    EXPECT_THAT(default_directories("dl_minsigstacksize=0x1\npath.system_dirs[0x0]=\"/lib/x86_64-linux-gnu/\"\n"
                                    "path.system_dirs[0x1]=\"/\"\npath.system_dirs[0x2]=broken\nversion=\"2.36\""),
                ElementsAre("/lib/x86_64-linux-gnu", "/"));
}

}  // namespace
}  // namespace overdrive
