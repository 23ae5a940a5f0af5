#include "cdi/generate.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <optional>

#include "cdi/fit_version.hpp"
#include "cdi/nvml_gpus.hpp"
#include "cdi/proc_gpus.hpp"
#include "cdi/write_spec.hpp"
#include "host_tree_maker.hpp"
#include "support/error.hpp"

namespace overdrive {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// A host with one GPU and a generation.
class CdiGenerateTest : public testing::Test {
protected:
    CdiGenerateTest() {
        if (geteuid() != 0) return;
        host.emplace();
        make_generation(*host);
        options = HostTreeMaker::options(kGeneration);
    }
    void SetUp() override {
        if (!host) GTEST_SKIP() << "making device nodes needs root";
    }

    void add_gpu() const { host->gpu(0, "0000:07:00.0", "GPU-11111111-0000-0000-0000-000000000001"); }
    [[nodiscard]] std::string refusal(Errc code) {
        try {
            static_cast<void>(host->generate(options));
            return "generated";
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), code) << error.what();
            return error.what();
        }
    }
    [[nodiscard]] std::vector<std::string> names() {
        std::vector<std::string> names;
        for (const CdiDevice& device : host->generate(options).devices) names.push_back(device.name);
        return names;
    }
    void remove(const std::string& path) const { std::filesystem::remove(host->path() + path); }

    std::optional<HostTreeMaker> host;
    CdiGenerateOptions options;
};

TEST_F(CdiGenerateTest, WithoutGpuThereIsARefusalNotASpecification) {
    EXPECT_THAT(refusal(Errc::unsupported), HasSubstr("there is no GPU"));
    options.mode = "nvml";
    host->nvml(kGeneration + "/lib64", false);
    EXPECT_THAT(refusal(Errc::unsupported), HasSubstr("nvmlInit_v2: Driver Not Loaded (9)"));
}

TEST_F(CdiGenerateTest, MissingLibrariesAreAnErrorUnlessTheyAreNamed) {
    add_gpu();
    remove(kGeneration + "/lib64/libnvidia-ml.so." + kDriverVersion);
    EXPECT_THAT(refusal(Errc::incomplete_artifact), HasSubstr("libnvidia-ml.so.999.88.77 is not in /lib64 below"));
    options.allow_missing = {"libnvidia-ml"};
    EXPECT_THAT(names(), Contains("all"));
    remove(kGeneration + "/lib64/libcuda.so." + kDriverVersion);
    EXPECT_THAT(refusal(Errc::incomplete_artifact), HasSubstr("neither libcuda nor libnvidia-ml"));
    options.driver_root = "/sys";
    EXPECT_THAT(refusal(Errc::incomplete_artifact), HasSubstr("below '/sys'"));
}

TEST_F(CdiGenerateTest, LibrariesOfAnotherDriverThanTheLoadedOneAreRefused) {
    add_gpu();
    host->file("/proc/driver/nvidia/version", "NVRM version: NVIDIA UNIX x86_64 Kernel Module  111.22.33  Tue\n");
    EXPECT_THAT(refusal(Errc::incomplete_artifact),
                HasSubstr("the loaded driver is 111.22.33, the libraries below '" + kGeneration + "' are 999.88.77"));
}

TEST_F(CdiGenerateTest, TheLinkToAGenerationGivesTheGenerationsOwnDirectory) {
    add_gpu();
    const std::string direct = to_yaml(host->generate(options));
    options.driver_root = "/opt/nvidia/current";
    EXPECT_EQ(to_yaml(host->generate(options)), direct);
    EXPECT_THAT(host->remarks, ElementsAre(HasSubstr("'/opt/nvidia/current' is '" + kGeneration + "'")));
    EXPECT_THAT(direct, Not(HasSubstr("current/lib64")));
}

TEST_F(CdiGenerateTest, LibrariesOfArmServersAreFoundWhereTheirDistributionsHaveThem) {
    add_gpu();
    for (const char* directory : {"/usr/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu/nvidia/current"}) {
        options.driver_root = fmt::format("/opt/arm{}", std::string_view{directory}.size());
        host->compute_libraries(options.driver_root + directory);
        EXPECT_THAT(host->generate(options).edits.mounts,
                    Contains(testing::Field(&CdiMount::container_path,
                                            fmt::format("{}/libcuda.so.{}", directory, kDriverVersion))));
    }
}

TEST_F(CdiGenerateTest, TheSameHostGivesTheSameBytes) {
    add_gpu();
    host->gpu(1, "0000:08:00.0", "GPU-2");
    EXPECT_EQ(to_yaml(host->generate(options)), to_yaml(host->generate(options)));
}

TEST_F(CdiGenerateTest, AMissingNodeIsAnErrorThatNamesIt) {
    add_gpu();
    remove("/dev/nvidia0");
    EXPECT_THAT(refusal(Errc::device_nodes), HasSubstr("'/dev/nvidia0' is no device node"));
    host->file("/dev/nvidia0", "a file is none");
    EXPECT_THAT(refusal(Errc::device_nodes), HasSubstr("'/dev/nvidia0' is no device node"));
}

TEST_F(CdiGenerateTest, OnlyTheDevicesThatAreAskedFor) {
    add_gpu();
    host->gpu(1, "0000:08:00.0", "GPU-2");
    EXPECT_THAT(names(), ElementsAre("0", "1", "GPU-11111111-0000-0000-0000-000000000001", "GPU-2", "all"));
    options.device_ids = {"1"};
    EXPECT_THAT(names(), ElementsAre("1", "GPU-2", "all"));
    options.device_ids = {"GPU-2", "0"};
    options.naming = {CdiNaming::type_index};
    options.no_all_device = true;
    EXPECT_THAT(names(), ElementsAre("gpu0", "gpu1"));
    options.no_all_device = false;
    options.device_ids = {"none"};
    EXPECT_THAT(names(), ElementsAre("none"));
    options.device_ids = {"99"};
    EXPECT_THAT(refusal(Errc::usage), HasSubstr("there is no device '99'; there are 0, GPU-11111111"));
}

TEST_F(CdiGenerateTest, AUuidThatIsNotKnownYetGivesNoNameAndARemark) {
    host->gpu(0, "0000:07:00.0", "");
    EXPECT_THAT(names(), ElementsAre("0", "all"));
    EXPECT_THAT(host->remarks, ElementsAre(HasSubstr("load NVML")));
    options.nvml = CdiNvml::never;
    EXPECT_THAT(names(), ElementsAre("0", "all"));
    EXPECT_THAT(host->remarks, IsEmpty()) << "nobody wanted NVML";
    options.naming = {CdiNaming::uuid};
    EXPECT_THAT(refusal(Errc::unsupported), HasSubstr("no device has a name"));
}

TEST_F(CdiGenerateTest, NvmlIsAskedWhereProcDoesNotTellEnough) {
    host->nvml(kGeneration + "/lib64", true);
    host->gpu(0, "0000:07:00.0", "");
    host->gpu(1, "0000:0a:00.0", "");
    host->instance(1, 7, 0, 66, 67);
    host->instance(1, 9, 0, 84, 85);
    EXPECT_THAT(names(), ElementsAre("0", "1:0", "1:2", "GPU-11111111-0000-0000-0000-000000000001",
                                     "MIG-aaaaaaaa-0000-0000-0000-00000000000a",
                                     "MIG-bbbbbbbb-0000-0000-0000-00000000000b", "all"));
    EXPECT_THAT(host->remarks, IsEmpty());
    options.nvml = CdiNvml::never;
    EXPECT_THAT(names(), ElementsAre("0", "1:0", "1:1", "all"));
}

TEST_F(CdiGenerateTest, WhereNvmlCannotBeAskedInstancesAreThoseOfProcAndThatIsSaid) {
    host->nvml(kGeneration + "/lib64", true);
    add_gpu();
    host->gpu(1, "0000:0a:00.0", "GPU-22222222-0000-0000-0000-000000000002");
    host->instance(1, 7, 0, 66, 67);
    BoostProcessRunner processes;
    host->ask_nvml = ask_nvml_by(processes, "/nonexistent/overdrive-nvml");
    EXPECT_THAT(names(), ElementsAre("0", "1:0", "GPU-11111111-0000-0000-0000-000000000001", "all"));
    EXPECT_THAT(host->remarks,
                ElementsAre(AllOf(HasSubstr("'/nonexistent/overdrive-nvml', which comes with the program"),
                                  HasSubstr("of /proc/driver/nvidia alone, UUIDs of MIG instances"))));
    // A program whose loader this host lacks, as on a host with another C library.
    host->file("/lost", "#!/nonexistent/loader\n");
    std::filesystem::permissions(host->path() + "/lost", std::filesystem::perms::owner_all);
    host->ask_nvml = ask_nvml_by(processes, host->path() + "/lost");
    EXPECT_THAT(names(), Contains("1:0"));
    EXPECT_THAT(host->remarks, ElementsAre(HasSubstr("/lost' needs glibc, as NVML does")));
    options.mode = "nvml";
    EXPECT_THAT(refusal(Errc::unsupported), AllOf(HasSubstr("--mode nvml: "), HasSubstr("needs glibc")));
}

TEST_F(CdiGenerateTest, AnInstanceHasItsGpusNodeAndItsOwnTwo) {
    host->nvml(kGeneration + "/lib64", true);
    add_gpu();
    host->gpu(1, "0000:0a:00.0", "GPU-22222222-0000-0000-0000-000000000002");
    host->instance(1, 9, 0, 84, 85);
    host->instance(1, 7, 0, 66, 67);
    options.device_ids = {"1:0"};
    const CdiSpec spec = host->generate(options);
    std::vector<std::string> paths;
    for (const CdiDeviceNode& node : spec.devices.at(0).edits.device_nodes) paths.push_back(node.path);
    EXPECT_THAT(paths, ElementsAre("/dev/nvidia1", "/dev/nvidia-caps/nvidia-cap84", "/dev/nvidia-caps/nvidia-cap85"));
    host->file("/proc/driver/nvidia-caps/mig-minors", "gpu1/gi9/access 84\n");
    EXPECT_THAT(refusal(Errc::device_nodes), HasSubstr("no number for 'gpu1/gi9/ci0/access'"));
}

TEST_F(CdiGenerateTest, BothWaysToFindWholeGpusAgree) {
    host->nvml(kGeneration + "/lib64", true);
    add_gpu();
    host->gpu(1, "0000:0a:00.0", "GPU-22222222-0000-0000-0000-000000000002");
    const GpuInventory by_proc = read_proc_gpus(DriverTree{host->root(), "/proc"});
    GpuInventory by_nvml = host->ask_nvml(host->path() + kGeneration + "/lib64/libnvidia-ml.so.1");
    by_nvml.gpus.at(1).mig = false;  // what of it only NVML can know
    by_nvml.gpus[1].instances.clear();
    EXPECT_EQ(by_proc.gpus, by_nvml.gpus);
    EXPECT_EQ(by_proc.driver_version, by_nvml.driver_version);
}

TEST_F(CdiGenerateTest, GroupsOfDrmNodesNeedANewerVersionUnlessTheyAreLeftOut) {
    add_gpu();
    EXPECT_EQ(host->generate(options).version, "0.5.0");
    host->drm("0000:07:00.0", 0, 128, 44);
    const CdiSpec spec = host->generate(options);
    EXPECT_EQ(spec.version, "0.7.0");
    EXPECT_THAT(spec.devices.at(0).edits.additional_gids, ElementsAre(44U));
    EXPECT_EQ(fit_cdi_version(spec, {0, 5, 0}).spec.version, "0.5.0");
    options.feature_flags = {"no-additional-gids-for-device-nodes"};
    EXPECT_EQ(host->generate(options).version, "0.5.0");
}

TEST_F(CdiGenerateTest, OnlyUuidsAndNodesUnderTheirOwnPathLoadInTheOldestEngines) {
    add_gpu();
    EXPECT_EQ(fit_cdi_version(host->generate(options), {0, 3, 0}).spec.version, "0.3.0");
    options.dev_root = "/";
    options.naming = {CdiNaming::uuid};
    EXPECT_EQ(host->generate(options).version, "0.3.0");
}

TEST_F(CdiGenerateTest, HooksAreChosenByName) {
    add_gpu();
    const auto hooks = [&] {
        std::vector<std::string> found;
        for (const CdiHook& hook : host->generate(options).edits.hooks) found.push_back(hook.args.at(1));
        return found;
    };
    EXPECT_THAT(hooks(), ElementsAre("create-symlinks", "enable-cuda-compat", "update-ldcache",
                                     "disable-device-node-modification", "update-application-profile"));
    options.hooks.disabled = {"update-application-profile", "enable-cuda-compat"};
    EXPECT_THAT(hooks(), ElementsAre("create-symlinks", "update-ldcache", "disable-device-node-modification"));
    options.hooks.disabled = {"all"};
    EXPECT_THAT(hooks(), IsEmpty());
    host->drm("0000:07:00.0", 0, 128);
    options.hooks.enabled = {"chmod"};
    EXPECT_THAT(host->generate(options).devices.at(0).edits.hooks.at(0).args,
                ElementsAre("overdrive-cdi-hook", "chmod", "--mode", "755", "--path", "/dev/dri"));
}

TEST_F(CdiGenerateTest, ConfigurationMayComeFromElsewhere) {
    add_gpu();
    host->file("/elsewhere/OpenCL/vendors/nvidia.icd");
    options.config_search_paths = {"/nowhere", "/elsewhere"};
    EXPECT_THAT(host->generate(options).edits.mounts, Contains(CdiMount{"/elsewhere/OpenCL/vendors/nvidia.icd",
                                                                        "/etc/OpenCL/vendors/nvidia.icd",
                                                                        {"ro", "nosuid", "nodev", "rbind", "rprivate"},
                                                                        {}}));
}

TEST_F(CdiGenerateTest, PathsMayBeThoseOfWhoeverReadsIt) {
    add_gpu();
    options.target_driver_root = "/host/driver";
    options.target_dev_root = "/host";
    const CdiSpec spec = host->generate(options);
    EXPECT_EQ(spec.edits.device_nodes.at(0).host_path, "/host" + spec.edits.device_nodes[0].path);
    for (const CdiMount& mount : spec.edits.mounts) EXPECT_EQ(mount.host_path, "/host/driver" + mount.container_path);
}

TEST_F(CdiGenerateTest, ModesThatAreAboutNodesAloneNeedNoGpu) {
    options.mode = "nvswitch";
    EXPECT_THAT(refusal(Errc::device_nodes), HasSubstr("there is no device node '/dev/nvidia-nvswitchctl'"));
    host->node("/dev/nvidia-nvswitchctl", 236, 255);
    host->node("/dev/nvidia-nvswitch0", 236, 0);
    CdiSpec spec = host->generate(options);
    EXPECT_EQ(spec.kind, "nvidia.com/nvswitch");
    EXPECT_EQ(spec.devices.at(0).name, "all");
    EXPECT_EQ(spec.devices[0].edits.device_nodes.size(), 2U);
    EXPECT_THAT(spec.edits.env, ElementsAre("NVIDIA_VISIBLE_DEVICES=void"));
    options.mode = "imex";
    host->node("/dev/nvidia-caps-imex-channels/channel0", 238, 0);
    host->node("/dev/nvidia-caps-imex-channels/channel2047", 238, 2047);
    EXPECT_THAT(names(), ElementsAre("0", "2047"));
    options.mode = "gds";
    host->node("/dev/nvidia-fs0", 500, 0);
    host->file(kGeneration + "/etc/cufile.json");
    spec = host->generate(options);
    EXPECT_EQ(spec.kind, "nvidia.com/gds");
    EXPECT_EQ(spec.devices.at(0).edits.mounts.at(0).container_path, "/etc/cufile.json");
    options.mode = "csv";
    EXPECT_THAT(refusal(Errc::usage), HasSubstr("'csv' is no mode"));
}

TEST_F(CdiGenerateTest, ManagementContainersGetEveryNode) {
    host->node("/dev/nvidia0", 195, 0);
    host->node("/dev/nvidia-fs0", 500, 0);
    host->node("/dev/nvidia-caps/nvidia-cap1", 237, 1, 0400);
    options.mode = "management";
    const CdiSpec spec = host->generate(options);
    std::vector<std::string> paths;
    for (const CdiDeviceNode& node : spec.devices.at(0).edits.device_nodes) paths.push_back(node.path);
    EXPECT_THAT(paths, ElementsAre("/dev/nvidia-modeset", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", "/dev/nvidia0",
                                   "/dev/nvidiactl", "/dev/nvidia-caps/nvidia-cap1"));
}

TEST_F(CdiGenerateTest, AnythingThatIsNotKnownIsUsage) {
    add_gpu();
    options.vendor = "9";
    EXPECT_THAT(refusal(Errc::usage), HasSubstr("vendor '9' must begin with a letter"));
    options.vendor = "example.com";
    options.class_name = "a_";
    EXPECT_THAT(refusal(Errc::usage), HasSubstr("class 'a_'"));
    options.class_name = "device";
    EXPECT_EQ(host->generate(options).kind, "example.com/device");
    options.feature_flags = {"magic"};
    EXPECT_THAT(refusal(Errc::usage), HasSubstr("'magic' is no feature flag"));
}

}  // namespace
}  // namespace overdrive
