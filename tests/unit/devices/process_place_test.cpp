#include "devices/process_place.hpp"

#include <gtest/gtest.h>

namespace overdrive {
namespace {

const std::string kId = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const std::string kUid = "3f2a9c1e-7b60-4d5e-9a11-2b3c4d5e6f70";
const std::string kUidInSlice = "3f2a9c1e_7b60_4d5e_9a11_2b3c4d5e6f70";

TEST(ProcessPlaceTest, AServiceIsNamedByItsUnit) {
    EXPECT_EQ(parse_process_cgroup("0::/system.slice/nvidia-persistenced.service\n").unit,
              "nvidia-persistenced.service");
    EXPECT_EQ(parse_process_cgroup("0::/system.slice/foo.service/worker/3\n").unit, "foo.service") << "delegated";
    EXPECT_EQ(parse_process_cgroup("0::/user.slice/user-1000.slice/user@1000.service/app.slice/x.service\n").unit,
              "user@1000.service")
        << "the system manager knows this one";
    EXPECT_EQ(parse_process_cgroup("0::/user.slice/user-0.slice/session-3.scope\n").unit, "session-3.scope");
}

TEST(ProcessPlaceTest, KnowsTheRuntimesByTheirScopes) {
    EXPECT_EQ(parse_process_cgroup("0::/system.slice/docker-" + kId + ".scope\n"),
              (ProcessPlace{"", "docker", kId, ""}));
    EXPECT_EQ(parse_process_cgroup("0::/machine.slice/libpod-" + kId + ".scope/container\n"),
              (ProcessPlace{"", "podman", kId, ""}));
    EXPECT_EQ(parse_process_cgroup("0::/system.slice/gpu.service/libpod-payload-" + kId + "\n"),
              (ProcessPlace{"gpu.service", "podman", kId, ""}));
    EXPECT_EQ(parse_process_cgroup("0::/default/nerdctl-" + kId + ".scope\n").runtime, "containerd");
}

TEST(ProcessPlaceTest, KnowsAPodWithTheSystemdDriver) {
    EXPECT_EQ(parse_process_cgroup("0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + kUidInSlice +
                                   ".slice/cri-containerd-" + kId + ".scope\n"),
              (ProcessPlace{"", "containerd", kId, kUid}));
    EXPECT_EQ(parse_process_cgroup("0::/kubepods.slice/kubepods-pod" + kUidInSlice + ".slice/crio-" + kId + ".scope\n"),
              (ProcessPlace{"", "cri-o", kId, kUid}))
        << "a guaranteed pod";
}

TEST(ProcessPlaceTest, KnowsAPodWithTheCgroupfsDriverInAnyOfTheOldHierarchies) {
    EXPECT_EQ(parse_process_cgroup("12:devices:/kubepods/besteffort/pod" + kUid + "/" + kId +
                                   "\n1:name=systemd:/kubepods/besteffort/pod" + kUid + "/" + kId + "\n0::/\n"),
              (ProcessPlace{"", "container", kId, kUid}));
    EXPECT_EQ(parse_process_cgroup("4:memory:/docker/" + kId + "\n").runtime, "docker");
}

TEST(ProcessPlaceTest, KnowsASystemdPathOnAHostWithoutSystemd) {
    EXPECT_EQ(parse_process_cgroup("0::/k8s.io/kubepods-besteffort-pod" + kUidInSlice + ".slice:cri-containerd:" + kId +
                                   "\n"),
              (ProcessPlace{"", "containerd", kId, kUid}));
}

TEST(ProcessPlaceTest, AStaticPodHasTheHashOfItsFile) {
    const std::string hash = "b0d1f3b5c7d9e1f3a5b7c9d1e3f5a7b9";
    EXPECT_EQ(parse_process_cgroup("0::/kubepods/pod" + hash + "/" + kId + "\n").pod_uid, hash);
}

TEST(ProcessPlaceTest, WhatIsBesideAContainerOrLooksLikeOneIsNone) {
    EXPECT_EQ(parse_process_cgroup("0::/machine.slice/libpod-conmon-" + kId + ".scope\n").container_id, "");
    EXPECT_EQ(parse_process_cgroup("0::/system.slice/docker-0123.scope\n").container_id, "");
    EXPECT_EQ(parse_process_cgroup("0::/system.slice/podman.service\n"), (ProcessPlace{"podman.service", "", "", ""}));
    EXPECT_EQ(parse_process_cgroup("0::/podcast/x\n").pod_uid, "");
    EXPECT_EQ(parse_process_cgroup("0::/\n"), ProcessPlace{});
    EXPECT_EQ(parse_process_cgroup("no colons\n1:one\n\n::\n"), ProcessPlace{});
    EXPECT_EQ(parse_process_cgroup(""), ProcessPlace{});
}

}  // namespace
}  // namespace overdrive
