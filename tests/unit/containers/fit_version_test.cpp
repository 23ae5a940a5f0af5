#include "cdi/fit_version.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cdi/engines.hpp"
#include "spec_samples.hpp"
#include "support/error.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const char* const kGpu = R"(
kind: nvidia.com/gpu
annotations: {a: b}
devices:
- {name: "0", containerEdits: {deviceNodes: [{path: /dev/nvidia0}], additionalGids: [44]}}
- {name: GPU-1, containerEdits: {deviceNodes: [{path: /dev/nvidia0}], additionalGids: [44]}}
- {name: all, containerEdits: {deviceNodes: [{path: /dev/nvidia0}], additionalGids: [44]}}
)";

std::string refusal(const std::string& text, const CdiVersion& newest) {
    try {
        static_cast<void>(fit_cdi_version(spec_of(text), newest));
        return "fits";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::unsupported);
        EXPECT_NE(error.remedy(), "");
        return error.what();
    }
}

TEST(FitCdiVersionTest, WhatFitsStaysAsItIs) {
    const FittedSpec fitted = fit_cdi_version(spec_of(kGpu), {1, 1, 0});
    EXPECT_EQ(fitted.spec.version, "0.7.0");
    EXPECT_THAT(fitted.dropped, IsEmpty());
    EXPECT_EQ(fitted.spec.devices.size(), 3U);
}

TEST(FitCdiVersionTest, WhatContainersCanDoWithoutIsLeftOutAndTold) {
    const FittedSpec at_6 = fit_cdi_version(spec_of(kGpu), {0, 6, 0});
    EXPECT_EQ(at_6.spec.version, "0.6.0");
    EXPECT_THAT(at_6.dropped, ElementsAre(HasSubstr("additional groups")));
    const FittedSpec at_5 = fit_cdi_version(spec_of(kGpu), {0, 5, 0});
    EXPECT_EQ(at_5.spec.version, "0.5.0");
    EXPECT_THAT(at_5.dropped, ElementsAre(HasSubstr("annotations"), HasSubstr("additional groups")));
    const FittedSpec at_3 = fit_cdi_version(spec_of(kGpu), {0, 3, 0});
    EXPECT_EQ(at_3.spec.version, "0.3.0");
    ASSERT_EQ(at_3.spec.devices.size(), 2U);
    EXPECT_EQ(at_3.spec.devices[0].name, "GPU-1");
    EXPECT_THAT(at_3.dropped.back(), HasSubstr("the names 0 are left out"));
}

TEST(FitCdiVersionTest, WhatCannotBeLeftOutIsARefusalWithTheReason) {
    EXPECT_THAT(refusal("devices: [{name: '0'}, {name: all}]", {0, 4, 0}),
                HasSubstr("the name '0' begins with a digit"));
    EXPECT_THAT(refusal("containerEdits: {deviceNodes: [{path: /dev/a, hostPath: /r/a}]}", {0, 4, 0}),
                HasSubstr("'/dev/a' is '/r/a' on the host"));
    EXPECT_THAT(refusal("containerEdits: {mounts: [{containerPath: /t, type: tmpfs}]}", {0, 3, 0}),
                HasSubstr("the mount at '/t' has a type"));
    EXPECT_THAT(refusal("kind: a.b/c.d", {0, 5, 0}), HasSubstr("kind 'a.b/c.d' needs CDI 0.6.0"));
    EXPECT_THAT(refusal("containerEdits: {netDevices: [{}]}", {1, 0, 0}), HasSubstr("network devices"));
    EXPECT_THAT(refusal("containerEdits: {intelRdt: {}}", {0, 6, 0}), HasSubstr("Intel RDT"));
    EXPECT_THAT(refusal("devices: [{name: x, containerEdits: {intelRdt: {schemata: [a]}}}]", {1, 0, 0}),
                HasSubstr("Intel RDT"));
    EXPECT_THAT(refusal("{}", {0, 2, 0}), HasSubstr("no specification is older than 0.3.0"));
}

std::string loads(const char* engine) {
    const auto newest = newest_cdi_version_of(parse_cdi_engine(engine));
    return newest ? to_text(*newest) : "nothing";
}

TEST(CdiEnginesTest, EachReleaseLoadsWhatItsLibraryKnows) {
    const std::vector<std::pair<const char*, const char*>> table{
        {"podman=3.4", "nothing"},     {"podman=4.0.3", "nothing"},    {"podman=4.2", "0.4.0"},
        {"podman=4.3.1", "0.5.0"},     {"podman=4.9.3", "0.6.0"},      {"podman=5.4.2", "0.8.0"},
        {"podman=5.8", "1.0.0"},       {"docker=24.0", "nothing"},     {"docker=20.10.24", "nothing"},
        {"docker=25.0.0", "0.6.0"},    {"docker=26.0.2", "0.6.0"},     {"moby=26.1.5", "0.7.0"},
        {"docker=28.0", "0.8.0"},      {"docker=29.2", "1.1.0"},       {"containerd=1.6.20", "nothing"},
        {"containerd=1.7.0", "0.5.0"}, {"containerd=1.7.15", "0.6.0"}, {"containerd=1.7.24~ds1-6", "0.7.0"},
        {"containerd=2.0.0", "0.8.0"}, {"containerd=2.0.5", "1.0.0"},  {"containerd=2.2.0", "1.0.0"},
        {"containerd=2.2.1", "1.1.0"}, {"cri-o=1.23", "nothing"},      {"crio=1.24", "0.3.0"},
        {"cri-o=1.27.8", "0.5.0"},     {"cri-o=1.34", "1.0.0"},        {"cri-o=1.99", "1.1.0"},
    };
    for (const auto& [engine, version] : table) EXPECT_EQ(loads(engine), version) << engine;
}

TEST(CdiEnginesTest, AnythingElseIsUsage) {
    for (const char* text : {"podman", "podman=", "podman=new", "=4.9", "lxc=5.0", ""})
        EXPECT_THROW(static_cast<void>(parse_cdi_engine(text)), Error) << text;
}

}  // namespace
}  // namespace overdrive
