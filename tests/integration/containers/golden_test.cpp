#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>

#include "cdi/read_spec.hpp"
#include "cdi/validate.hpp"
#include "cdi/write_spec.hpp"
#include "host_tree_maker.hpp"

namespace overdrive {
namespace {

/// What comes out for whole hosts, byte for byte.
class CdiGoldenTest : public testing::Test {
protected:
    CdiGoldenTest() {
        if (geteuid() == 0) host.emplace();
    }
    void SetUp() override {
        if (!host) GTEST_SKIP() << "making device nodes needs root";
    }

    void expect_golden(const std::string& name, const CdiSpec& spec) const {
        const std::string text = to_yaml(spec);
        EXPECT_TRUE(faults_of(spec).empty()) << faults_of(spec).front();
        EXPECT_TRUE(remarks_on(spec).empty()) << remarks_on(spec).front();
        EXPECT_EQ(read_cdi_spec(text, name), spec);
        const std::string path = fmt::format("{}/{}.yaml", GOLDEN_DIRECTORY, name);
        if (std::getenv("OVERDRIVE_UPDATE_GOLDEN") != nullptr) std::ofstream{path} << text;  // NOLINT: one thread
        std::ifstream stream{path};
        EXPECT_EQ(text, std::string(std::istreambuf_iterator<char>{stream}, {})) << path;
    }
    void add_gpus(unsigned count) const {
        for (unsigned index = 0; index < count; ++index)
            host->gpu(index, fmt::format("0000:{:02x}:00.0", 7 + index),
                      fmt::format("GPU-00000000-0000-0000-0000-00000000000{}", index));
    }

    std::optional<HostTreeMaker> host;
};

TEST_F(CdiGoldenTest, OneGpuAndAGenerationBelowOpt) {
    make_generation(*host);
    add_gpus(1);
    expect_golden("one-gpu", host->generate(HostTreeMaker::options(kGeneration)));
}

TEST_F(CdiGoldenTest, TwoGpusWithDrmNodesForEveryone) {
    make_generation(*host);
    add_gpus(2);
    host->drm("0000:07:00.0", 1, 128);
    host->drm("0000:08:00.0", 2, 129);
    CdiGenerateOptions options = HostTreeMaker::options(kGeneration);
    options.naming = {CdiNaming::index, CdiNaming::uuid, CdiNaming::type_index};
    expect_golden("two-gpus-drm", host->generate(options));
}

TEST_F(CdiGoldenTest, EightGpus) {
    make_generation(*host);
    add_gpus(8);
    host->socket("/run/nvidia-persistenced/socket");
    host->socket("/run/nvidia-fabricmanager/socket");
    std::filesystem::create_directories(host->path() + "/tmp/nvidia-mps");
    expect_golden("eight-gpus", host->generate(HostTreeMaker::options(kGeneration)));
}

TEST_F(CdiGoldenTest, MigInstancesByNvml) {
    make_generation(*host);
    host->nvml(kGeneration + "/lib64", true);
    host->gpu(0, "0000:07:00.0", "GPU-11111111-0000-0000-0000-000000000001");
    host->gpu(1, "0000:0a:00.0", "GPU-22222222-0000-0000-0000-000000000002");
    host->instance(1, 7, 0, 66, 67);
    host->instance(1, 9, 0, 84, 85);
    host->drm("0000:0a:00.0", 1, 128);
    expect_golden("mig", host->generate(HostTreeMaker::options(kGeneration)));
}

TEST_F(CdiGoldenTest, GraphicsAndSeveralLibraryDirectoriesBelowTheRootItself) {
    add_gpus(1);
    host->drm("0000:07:00.0", 1, 128, 44);
    host->compute_libraries("/usr/lib/x86_64-linux-gnu/nvidia/current");
    const std::string other = "/usr/lib/x86_64-linux-gnu";
    for (const char* name : {"libGLX_nvidia", "libnvidia-allocator", "libnvidia-opticalflow", "vdpau/libvdpau_nvidia"})
        host->file(fmt::format("{}/{}.so.{}", other, name, kDriverVersion));
    host->file(other + "/libnvidia-egl-gbm.so.1.1.1");
    host->file("/usr/lib/xorg/modules/extensions/libglxserver_nvidia.so." + kDriverVersion);
    host->file("/usr/lib/xorg/modules/drivers/nvidia_drv.so");
    host->file("/usr/share/glvnd/egl_vendor.d/10_nvidia.json");
    host->file("/usr/share/egl/egl_external_platform.d/15_nvidia_gbm.json");
    host->file("/etc/alternatives/icd.json");
    host->link("/usr/share/vulkan/icd.d/nvidia_icd.json", "/etc/alternatives/icd.json");
    host->file("/usr/share/nvidia/nvoptix.bin");
    host->program("/usr/lib/nvidia/current/nvidia-smi");
    host->link("/usr/bin/nvidia-smi", "/usr/lib/nvidia/current/nvidia-smi");
    host->link("/lib", "usr/lib");
    expect_golden("graphics", host->generate(HostTreeMaker::options("/")));
}

TEST_F(CdiGoldenTest, ADriverRootWithItsOwnDevices) {
    for (const char* node : {"nvidiactl", "nvidia0"})
        host->node(fmt::format("/run/nvidia/driver/dev/{}", node), 195, std::string_view{node} == "nvidia0" ? 0 : 255);
    host->compute_libraries("/run/nvidia/driver/usr/lib64");
    host->file("/run/nvidia/driver/vulkan/icd.d/nvidia_icd.json");
    add_gpus(1);
    expect_golden("driver-container", host->generate(HostTreeMaker::options("/run/nvidia/driver")));
}

}  // namespace
}  // namespace overdrive
