#include "modules/libkmod_loader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "support/error.hpp"

namespace overdrive {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kRelease = "6.1.0-50-cloud-amd64";

/// A host with a module index and one generation; what the kernel itself answers is not the subject.
class LibkmodLoaderTest : public testing::Test {
protected:
    LibkmodLoaderTest() {
        const Root root{directory_};
        const std::string index = std::string{"/lib/modules/"} + kRelease;
        root.make_directories(index + "/kernel");
        root.make_directories("/generation");
        copy(FAKE_MODULE, "/generation/nvidia.ko");
        copy(MODULE_WITHOUT_VERMAGIC, "/generation/nothing.ko");
        root.write_file("/generation/text.ko", "not an ELF file");
    }
    ~LibkmodLoaderTest() override { std::filesystem::remove_all(directory_); }
    LibkmodLoaderTest(const LibkmodLoaderTest&) = delete;
    LibkmodLoaderTest& operator=(const LibkmodLoaderTest&) = delete;

    void copy(const char* from, const std::string& to) const { std::filesystem::copy_file(from, directory_ + to); }
    [[nodiscard]] Errc code_of_vermagic(const std::string& path) const {
        const Root root{directory_};
        LibkmodLoader loader{root, kRelease};
        try {
            static_cast<void>(loader.vermagic(path));
        } catch (const Error& error) {
            return error.code();
        }
        return Errc::usage;
    }

    std::string directory_ = [] {
        std::string name = testing::TempDir() + "kmod.XXXXXX";
        return std::string{mkdtemp(name.data())};
    }();
};

TEST_F(LibkmodLoaderTest, FindsAModuleThroughAnAbsoluteLinkInsideTheRoot) {
    const Root root{directory_};
    root.make_link("/opt", "/generation");
    EXPECT_EQ((LibkmodLoader{root, kRelease}.describe("/opt/nvidia.ko").version), "900.1.0");
}

TEST_F(LibkmodLoaderTest, TellsWhatAModuleSaysAboutItself) {
    const Root root{directory_};
    const ModuleDescription module = LibkmodLoader{root, kRelease}.describe("/generation/nvidia.ko");
    EXPECT_EQ(module.vermagic, "6.1.0-50-cloud-amd64 SMP preempt mod_unload modversions ");
    EXPECT_EQ(module.version, "900.1.0");
    EXPECT_THAT(module.firmware,
                testing::UnorderedElementsAre("nvidia/900.1.0/gsp_ga10x.bin", "nvidia/900.1.0/gsp_tu10x.bin"));
}

TEST_F(LibkmodLoaderTest, ReadsTheVermagic) {
    const Root root{directory_};
    EXPECT_EQ(LibkmodLoader(root, kRelease).vermagic("/generation/nvidia.ko"),
              "6.1.0-50-cloud-amd64 SMP preempt mod_unload modversions ");
}

TEST_F(LibkmodLoaderTest, ReadsParametersWithAndWithoutADescription) {
    const KmodModule module = open_module_file(directory_ + "/generation/nvidia.ko");
    EXPECT_THAT(read_module_info(module.get()).parameter_names(),
                ElementsAre("NVreg_EnableGpuFirmware", "NVreg_RegistryDwords"));
}

TEST_F(LibkmodLoaderTest, AFileThatIsNoModuleIsAnIncompleteArtifact) {
    EXPECT_EQ(code_of_vermagic("/generation/absent.ko"), Errc::incomplete_artifact);
    EXPECT_EQ(code_of_vermagic("/generation/text.ko"), Errc::incomplete_artifact);
    EXPECT_EQ(code_of_vermagic("/generation/nothing.ko"), Errc::incomplete_artifact);
}

TEST_F(LibkmodLoaderTest, AnUnknownParameterIsRefusedBeforeTheKernelSeesTheModule) {
    const Root root{directory_};
    try {
        LibkmodLoader(root, kRelease).load("/generation/nvidia.ko", {{"NVreg_EnableGpuFirmwar", "1"}});
        FAIL() << "must throw";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::module_load);
        EXPECT_THAT(error.what(), HasSubstr("the nearest one is 'NVreg_EnableGpuFirmware'"));
    }
}

TEST_F(LibkmodLoaderTest, AModuleOfAnotherReleaseIsRefusedEvenIfTheKernelWouldTakeIt) {
    const Root root{directory_};
    try {
        LibkmodLoader(root, "6.1.0-51-cloud-amd64").load("/generation/nvidia.ko", {});
        FAIL() << "must throw";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::module_load);
        EXPECT_THAT(error.what(), AllOf(HasSubstr("built for another kernel"), HasSubstr("'6.1.0-50-cloud-amd64 SMP"),
                                        HasSubstr("'6.1.0-51-cloud-amd64'")));
    }
}

TEST_F(LibkmodLoaderTest, APrerequisiteThatTheIndexLacksIsNotAvailable) {
    const Root root{directory_};
    EXPECT_EQ(LibkmodLoader(root, kRelease).load_prerequisite("i2c_core"), ModuleLoader::Outcome::not_available);
    EXPECT_EQ(LibkmodLoader(root, "0.0-no-such-kernel").load_prerequisite("drm"), ModuleLoader::Outcome::not_available);
}

TEST_F(LibkmodLoaderTest, UnloadingWhatIsNotLoadedIsNoError) {
    const Root root{directory_};
    EXPECT_FALSE(LibkmodLoader(root, kRelease).unload("nvidia-no-such-module"));
}

TEST_F(LibkmodLoaderTest, ARefusedModuleSaysSoWithItsPath) {
    const Root root{directory_};
    try {
        // Whatever kernel this runs on, a file without code is none that it takes.
        LibkmodLoader(root, kRelease).load("/generation/nvidia.ko", {});
        FAIL() << "must throw";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::module_load);
        EXPECT_THAT(error.what(), HasSubstr("load '/generation/nvidia.ko': "));
    }
}

}  // namespace
}  // namespace overdrive
