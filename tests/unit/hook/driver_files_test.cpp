#include <gtest/gtest.h>

#include "hook/application_profile.hpp"
#include "hook/driver_params.hpp"
#include "unit/hook/container_tree.hpp"

namespace overdrive {
namespace {

TEST(DriverParams, AreChangedOnlyWhereTheyAllowDeviceFiles) {
    EXPECT_EQ(params_without_device_files("A: 1\nModifyDeviceFiles: 1\nDeviceFileUID: 0\n"),
              "A: 1\nModifyDeviceFiles: 0\nDeviceFileUID: 0\n");
    EXPECT_EQ(params_without_device_files("ModifyDeviceFiles: 1"), "ModifyDeviceFiles: 0\n");
    for (const char* left :
         {"", "ModifyDeviceFiles: 0\n", " ModifyDeviceFiles: 1", "ModifyDeviceFiles: 10\n", "A: 1\n"})
        EXPECT_EQ(params_without_device_files(left), std::nullopt) << left;
}

TEST(ApplicationProfiles, CountOnlyTheNodesOfGpus) {
    EXPECT_EQ(gpu_of_node("nvidia0"), 0);
    EXPECT_EQ(gpu_of_node("nvidia12"), 12);
    for (const char* other :
         {"nvidiactl", "nvidia-uvm", "nvidia-modeset", "nvidia", "nvidia-1", "nvidia1x", "null", "xnvidia0"})
        EXPECT_EQ(gpu_of_node(other), -1) << other;
}

TEST(ApplicationProfiles, NameTheGpusAsAMask) {
    EXPECT_EQ(application_profile(0x105),
              R"({"profiles":[{"name":"_container_","settings":["EGLVisibleDGPUDevices",0x105]}],)"
              R"("rules":[{"pattern":[],"profile":"_container_"}]})");
}

TEST(ApplicationProfiles, APlainFileIsNoGpuAndAContainerWithoutOneGetsNoProfile) {
    const ContainerTree tree;
    tree.write("dev/nvidia0", "");
    tree.link("dev/nvidia1", "/dev/null");
    update_application_profile(tree.root());
    EXPECT_FALSE(std::filesystem::exists(tree.path("etc")));
}

}  // namespace
}  // namespace overdrive
