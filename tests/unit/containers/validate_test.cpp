#include "cdi/validate.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spec_samples.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// The faults of the small specification with `edits` for all its devices.
std::vector<std::string> faults_with(const std::string& edits) {
    CdiSpec spec = spec_of(kSmallSpec + "containerEdits: " + edits);
    spec.version = "1.1.0";
    return faults_of(spec);
}

TEST(ValidateCdiSpecTest, TheSmallestSpecificationIsValid) {
    EXPECT_THAT(faults_of(spec_of(kSmallSpec)), IsEmpty());
    EXPECT_THAT(faults_with("{}"), IsEmpty());
    EXPECT_THAT(faults_with("{mounts: [{hostPath: tmpfs, containerPath: /t, type: tmpfs, options: [ro]}], "
                            "deviceNodes: [{path: /dev/x, type: p}, {path: /dev/y, permissions: none}], "
                            "hooks: [{hookName: poststop, path: /h}], intelRdt: {closID: /}}"),
                IsEmpty());
}

TEST(ValidateCdiSpecTest, VersionMustExistAndBeEnough) {
    CdiSpec spec = spec_of(kSmallSpec);
    spec.version = "";
    EXPECT_THAT(faults_of(spec), ElementsAre("cdiVersion is missing"));
    spec.version = "0.9.0";
    EXPECT_THAT(faults_of(spec), ElementsAre("cdiVersion '0.9.0' does not exist"));
    spec.version = "0.2.0";
    EXPECT_THAT(faults_of(spec), ElementsAre("cdiVersion is 0.2.0, but what is in it needs at least 0.3.0"));
    spec.version = "0.6.0";
    spec.edits.additional_gids = {44};
    EXPECT_THAT(faults_of(spec), ElementsAre("cdiVersion is 0.6.0, but what is in it needs at least 0.7.0"));
    spec.version = "0.7.0";
    EXPECT_THAT(faults_of(spec), IsEmpty());
}

TEST(ValidateCdiSpecTest, KindAndDevicesAreNeeded) {
    CdiSpec spec = spec_of(kSmallSpec);
    for (const char* kind : {"", "card", "/card", "example.com/", "9/card", "example.com/card_"}) {
        spec.kind = kind;
        EXPECT_EQ(faults_of(spec).size(), 1U) << kind;
    }
    EXPECT_THAT(faults_of(spec_of("cdiVersion: 0.3.0\nkind: a.b/c\n")), ElementsAre("there are no devices"));
}

TEST(ValidateCdiSpecTest, DevicesNeedANameOfTheirOwnAndEdits) {
    CdiSpec spec = spec_of(kSmallSpec);
    spec.devices.push_back(spec.devices[0]);
    EXPECT_THAT(faults_of(spec), ElementsAre("device 'first' is there twice"));
    spec.devices[1] = {"second", {}, {}};
    EXPECT_THAT(faults_of(spec), ElementsAre("device 'second' changes nothing in a container"));
    spec.devices[1].edits.intel_rdt.emplace();
    spec.version = "0.7.0";
    EXPECT_THAT(faults_of(spec), IsEmpty());
    spec.devices[1].name = "no good";
    EXPECT_EQ(faults_of(spec).size(), 1U);
}

TEST(ValidateCdiSpecTest, EachEditIsJudged) {
    for (const char* edits : {"{env: [A]}",
                              "{env: ['=1']}",
                              "{env: ['']}",
                              "{deviceNodes: [{path: ''}]}",
                              "{deviceNodes: [{path: /x, type: f}]}",
                              "{deviceNodes: [{path: /x, permissions: rwx}]}",
                              "{deviceNodes: [{path: /x, major: -1}]}",
                              "{hooks: [{hookName: onStart, path: /h}]}",
                              "{hooks: [{hookName: prestart}]}",
                              "{hooks: [{hookName: prestart, path: /h, env: [A]}]}",
                              "{mounts: [{hostPath: /h}]}",
                              "{mounts: [{containerPath: /c}]}",
                              "{intelRdt: {closID: .}}",
                              "{intelRdt: {closID: ..}}",
                              "{intelRdt: {closID: a/b}}",
                              "{intelRdt: {closID: \"a\\nb\"}}",
                              "{netDevices: [{name: n}]}",
                              "{netDevices: [{hostInterfaceName: h}]}",
                              "{netDevices: [{hostInterfaceName: h, name: a}, {hostInterfaceName: h, name: b}]}",
                              "{netDevices: [{hostInterfaceName: h, name: a}, {hostInterfaceName: i, name: a}]}"})
        EXPECT_EQ(faults_with(edits).size(), 1U) << edits;
    EXPECT_EQ(faults_with("{intelRdt: {closID: " + std::string(4096, 'x') + "}}").size(), 1U);
    EXPECT_EQ(faults_with("{intelRdt: {closID: " + std::string(4095, 'x') + "}}").size(), 0U);
}

TEST(ValidateCdiSpecTest, AllFaultsAreToldNotOnlyTheFirst) {
    EXPECT_EQ(faults_with("{env: [A, B], mounts: [{}]}").size(), 4U);
}

TEST(ValidateCdiSpecTest, AnnotationsHaveKeysAsKubernetesHasThem) {
    CdiSpec spec = spec_of(kSmallSpec);
    spec.version = "0.6.0";
    spec.annotations = {{"example.com/key", "any \n value"}, {"key", ""}};
    EXPECT_THAT(faults_of(spec), IsEmpty());
    const std::string too_long(64, 'x');
    for (const std::string& key :
         std::initializer_list<std::string>{"", "/", "a/", "/b", "a b", "_a", "a/b/c", too_long}) {
        spec.annotations = {{key, "v"}};
        EXPECT_EQ(faults_of(spec).size(), 1U) << key;
    }
    spec.annotations = {{"a", std::string(256U << 10U, 'v')}};
    EXPECT_EQ(faults_of(spec).size(), 1U);
}

TEST(ValidateCdiSpecTest, AHookWithoutEnvironmentIsRemarkedUpon) {
    CdiSpec spec = spec_of(kSmallSpec);
    EXPECT_THAT(remarks_on(spec), IsEmpty());
    spec.devices[0].edits.hooks = {{"createContainer", "/usr/bin/hook", {}, {}, {}}};
    EXPECT_THAT(faults_of(spec), IsEmpty());
    EXPECT_THAT(remarks_on(spec), ElementsAre(HasSubstr("device 'first': hook '/usr/bin/hook' has no environment")));
    spec.devices[0].edits.hooks[0].env = {"A=1"};
    EXPECT_THAT(remarks_on(spec), IsEmpty());
}

TEST(ValidateCdiSpecTest, WhatCertainEnginesCannotBearIsRemarkedUpon) {
    CdiSpec spec = spec_of(kSmallSpec);
    spec.kind = "a/card";
    EXPECT_THAT(remarks_on(spec), ElementsAre(HasSubstr("Podman 4.3 crashes")));
    spec.kind = "example.com/card";
    spec.edits.intel_rdt = CdiIntelRdt{};
    spec.edits.intel_rdt->enable_cmt = true;
    EXPECT_THAT(remarks_on(spec), ElementsAre(HasSubstr("enableCMT")));
}

}  // namespace
}  // namespace overdrive
