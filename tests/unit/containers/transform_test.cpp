#include "cdi/transform.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spec_samples.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> names_of(const CdiSpec& spec) {
    std::vector<std::string> names;
    for (const CdiDevice& device : spec.devices) names.push_back(device.name);
    return names;
}

TEST(CdiTransformTest, OfEqualEditsTheFirstStays) {
    CdiSpec spec = spec_of(
        "containerEdits: {env: [A=1, B=1, A=1], hooks: [{hookName: prestart, path: /h, args: [a]}, "
        "{hookName: prestart, path: /h, args: [b]}, {hookName: prestart, path: /h, args: [a]}], "
        "mounts: [{hostPath: /a, containerPath: /c}, {hostPath: /b, containerPath: /c}]}\n"
        "devices: [{name: x, containerEdits: {deviceNodes: [{path: /d}, {path: /d}]}}]");
    deduplicate(spec);
    EXPECT_THAT(spec.edits.env, ElementsAre("A=1", "B=1"));
    EXPECT_EQ(spec.edits.hooks.size(), 2U);
    EXPECT_EQ(spec.edits.mounts.size(), 2U) << "not equal: another path on the host";
    EXPECT_EQ(spec.devices[0].edits.device_nodes.size(), 1U);
}

TEST(CdiTransformTest, WhatAllGetIsTakenFromTheDevices) {
    CdiSpec spec = spec_of(
        "containerEdits: {env: [A=1], deviceNodes: [{path: /dev/ctl}]}\n"
        "devices: [{name: x, containerEdits: {env: [A=1, B=1], deviceNodes: [{path: /dev/ctl}]}}]");
    simplify(spec);
    EXPECT_THAT(spec.devices[0].edits.env, ElementsAre("B=1"));
    EXPECT_THAT(spec.devices[0].edits.device_nodes, IsEmpty());
}

TEST(CdiTransformTest, ADeviceNeverLosesItsLastEdits) {
    CdiSpec spec = spec_of("containerEdits: {env: [A=1]}\ndevices: [{name: x, containerEdits: {env: [A=1]}}]");
    simplify(spec);
    EXPECT_THAT(spec.devices[0].edits.env, ElementsAre("A=1"));
}

TEST(CdiTransformTest, SortsByDepthThenByPlace) {
    CdiSpec spec = spec_of(
        "devices: [{name: b}, {name: a}, {name: '10'}, {name: '2'}]\n"
        "containerEdits: {mounts: [{containerPath: /b/c}, {containerPath: /z}, {containerPath: /b/a}, "
        "{containerPath: //a//b/../}], deviceNodes: [{path: /dev/dri/card0}, {path: /dev/nvidiactl}, {path: "
        "/dev/nvidia0}]}");
    sort_spec(spec);
    EXPECT_THAT(names_of(spec), ElementsAre("10", "2", "a", "b"));
    std::vector<std::string> places;
    for (const CdiMount& mount : spec.edits.mounts) places.push_back(mount.container_path);
    EXPECT_THAT(places, ElementsAre("//a//b/../", "/z", "/b/a", "/b/c"));
    std::vector<std::string> nodes;
    for (const CdiDeviceNode& node : spec.edits.device_nodes) nodes.push_back(node.path);
    EXPECT_THAT(nodes, ElementsAre("/dev/nvidia0", "/dev/nvidiactl", "/dev/dri/card0"));
}

TEST(CdiTransformTest, TheMergedDeviceIsAllOthersWithoutWhatIsTwice) {
    CdiSpec spec = spec_of(
        "devices: [{name: '0', containerEdits: {env: [A=1], deviceNodes: [{path: /dev/0}]}}, "
        "{name: '1', containerEdits: {env: [A=1], deviceNodes: [{path: /dev/1}]}}]");
    add_merged_device(spec, "all");
    EXPECT_THAT(names_of(spec), ElementsAre("0", "1", "all"));
    EXPECT_THAT(spec.devices[2].edits.env, ElementsAre("A=1"));
    EXPECT_EQ(spec.devices[2].edits.device_nodes.size(), 2U);
    const CdiSpec before = spec;
    add_merged_device(spec, "all");
    EXPECT_EQ(spec, before) << "a device of that name is there already";
    EXPECT_EQ(merge_devices({}, "all"), (CdiDevice{"all", {}, {}}));
}

TEST(CdiTransformTest, OnlyPathsBelowTheRootAreMoved) {
    EXPECT_EQ(move_root("/run/driver/lib/x", "/run/driver", "/"), "/lib/x");
    EXPECT_EQ(move_root("/run/driver/lib/x", "/run/driver/", "/to/"), "/to/lib/x");
    EXPECT_EQ(move_root("/run/driver", "/run/driver", "/to"), "/to");
    EXPECT_EQ(move_root("/run/driver-old/x", "/run/driver", "/to"), "/run/driver-old/x");
    EXPECT_EQ(move_root("/usr/lib", "/", "/host"), "/host/usr/lib");
    EXPECT_EQ(move_root("--folder", "/", "/host"), "--folder");
}

const char* const kPaths = R"(
devices: [{name: x, containerEdits: {deviceNodes: [{path: /r/dev/x}, {path: /dev/y, hostPath: /r/dev/y}]}}]
containerEdits:
  mounts: [{hostPath: /r/h, containerPath: /r/c}]
  hooks:
  - {hookName: createContainer, path: /r/bin/h, args: [h, --link, "/r/a::/r/b"]}
  - {hookName: startContainer, path: /r/bin/s, args: [s, /r/a]}
  - {hookName: prestart, path: /r/bin/p, args: [p, "/r/a::x", /r/b]}
)";

TEST(CdiTransformTest, PathsOfTheHostAreMovedWhereTheHostReadsThem) {
    CdiSpec spec = spec_of(kPaths);
    move_root(spec, "/r", "/t", PathsOf::host);
    EXPECT_EQ(spec.devices[0].edits.device_nodes[0].host_path, "/t/dev/x");
    EXPECT_EQ(spec.devices[0].edits.device_nodes[0].path, "/r/dev/x");
    EXPECT_EQ(spec.devices[0].edits.device_nodes[1].host_path, "/t/dev/y");
    EXPECT_EQ(spec.edits.mounts[0], (CdiMount{"/t/h", "/r/c", {}, {}}));
    EXPECT_EQ(spec.edits.hooks[0].path, "/t/bin/h");
    EXPECT_THAT(spec.edits.hooks[0].args, ElementsAre("h", "--link", "/r/a::/r/b"));
    EXPECT_EQ(spec.edits.hooks[1].path, "/r/bin/s");
    EXPECT_THAT(spec.edits.hooks[2].args, ElementsAre("p", "/t/a::x", "/t/b"));
}

TEST(CdiTransformTest, PathsOfTheContainerAreMovedWhereTheContainerReadsThem) {
    CdiSpec spec = spec_of(kPaths);
    move_root(spec, "/r", "/t", PathsOf::container);
    EXPECT_EQ(spec.devices[0].edits.device_nodes[0].path, "/t/dev/x");
    EXPECT_EQ(spec.edits.mounts[0], (CdiMount{"/r/h", "/t/c", {}, {}}));
    EXPECT_EQ(spec.edits.hooks[0].path, "/r/bin/h");
    EXPECT_THAT(spec.edits.hooks[0].args, ElementsAre("h", "--link", "/t/a::/t/b"));
    EXPECT_EQ(spec.edits.hooks[1].path, "/t/bin/s");
    EXPECT_THAT(spec.edits.hooks[1].args, ElementsAre("s", "/t/a"));
    EXPECT_THAT(spec.edits.hooks[2].args, ElementsAre("p", "/r/a::x", "/r/b"));
}

TEST(CdiTransformTest, DriverAndDeviceRootMoveApart) {
    CdiSpec spec = spec_of(
        "containerEdits: {deviceNodes: [{path: /dev/a, hostPath: /dr/dev/a}], "
        "mounts: [{hostPath: /dr/lib/a, containerPath: /lib/a}]}");
    CdiSpec together = spec;
    move_driver_root(together, "/dr", "/host/dr", "", "");
    EXPECT_EQ(together.edits.device_nodes[0].host_path, "/host/dr/dev/a");
    EXPECT_EQ(together.edits.mounts[0].host_path, "/host/dr/lib/a");
    CdiSpec apart = spec;
    apart.edits.device_nodes[0].host_path = "/dev/a";
    move_driver_root(apart, "/dr", "/host/dr", "/", "/host");
    EXPECT_EQ(apart.edits.device_nodes[0].host_path, "/host/dev/a");
    EXPECT_EQ(apart.edits.mounts[0].host_path, "/host/dr/lib/a");
}

}  // namespace
}  // namespace overdrive
