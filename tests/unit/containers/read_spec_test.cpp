#include "cdi/read_spec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spec_samples.hpp"
#include "support/error.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string refusal(const std::string& text) {
    try {
        static_cast<void>(spec_of(text));
        return "accepted";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::bad_manifest);
        return error.what();
    }
}

TEST(ReadCdiSpecTest, ReadsEveryMember) {
    const CdiSpec spec = spec_of(R"(
cdiVersion: "1.1.0"
kind: example.com/card
annotations: {a: b}
devices:
- name: "0"
  annotations: {c: d}
  containerEdits:
    deviceNodes:
    - {path: /dev/a, hostPath: /dev/b, type: c, major: 195, minor: 1, fileMode: 438, permissions: rw, uid: 7, gid: 8}
    netDevices: [{hostInterfaceName: eth1, name: net0}]
containerEdits:
  env: [A=1, "B=2"]
  hooks: [{hookName: createContainer, path: /bin/h, args: [h, x], env: [E=1], timeout: 5}]
  mounts: [{hostPath: /h, containerPath: /c, options: [ro], type: bind}]
  intelRdt: {closID: c, l3CacheSchema: l, memBwSchema: m, schemata: [s], enableMonitoring: true, enableCMT: true, enableMBM: true}
  additionalGids: [44, 4294967295]
)");
    EXPECT_EQ(spec.version, "1.1.0");
    EXPECT_EQ(spec.annotations.at("a"), "b");
    ASSERT_EQ(spec.devices.size(), 1U);
    EXPECT_EQ(spec.devices[0].name, "0");
    EXPECT_EQ(spec.devices[0].annotations.at("c"), "d");
    EXPECT_EQ(spec.devices[0].edits.device_nodes[0], (CdiDeviceNode{"/dev/a", "/dev/b", "c", 195, 1, 438, "rw", 7, 8}));
    EXPECT_EQ(spec.devices[0].edits.net_devices[0], (CdiNetDevice{"eth1", "net0"}));
    EXPECT_THAT(spec.edits.env, ElementsAre("A=1", "B=2"));
    EXPECT_EQ(spec.edits.hooks[0], (CdiHook{"createContainer", "/bin/h", {"h", "x"}, {"E=1"}, 5}));
    EXPECT_EQ(spec.edits.mounts[0], (CdiMount{"/h", "/c", {"ro"}, "bind"}));
    EXPECT_EQ(spec.edits.intel_rdt, (CdiIntelRdt{"c", "l", "m", {"s"}, true, true, true}));
    EXPECT_THAT(spec.edits.additional_gids, ElementsAre(44U, 4294967295U));
}

TEST(ReadCdiSpecTest, JsonIsYamlToo) {
    const CdiSpec spec = spec_of(
        "{\n\t\"cdiVersion\": \"0.3.0\", \"kind\": \"a/b\",\n\t\"devices\": [ {\"name\": \"x\", "
        "\"containerEdits\": {\"env\": [\"A=\\u00e9\"]}} ]\n}\n");
    EXPECT_EQ(spec.kind, "a/b");
    EXPECT_THAT(spec.devices[0].edits.env, ElementsAre("A=\xc3\xa9"));
}

TEST(ReadCdiSpecTest, NumbersAreTakenAsTheEnginesTakeThem) {
    EXPECT_EQ(spec_of("devices: [{name: 0}]").devices[0].name, "0");
    const auto mode = [](const std::string& text) {
        return spec_of("containerEdits: {deviceNodes: [{path: /x, fileMode: " + text + "}]}")
            .edits.device_nodes[0]
            .mode;
    };
    EXPECT_EQ(mode("0666"), 0666U);
    EXPECT_EQ(mode("0o666"), 0666U);
    EXPECT_EQ(mode("0x10"), 16U);
    EXPECT_EQ(mode("438"), 438U);
    EXPECT_EQ(mode("null"), std::nullopt);
}

TEST(ReadCdiSpecTest, WhatIsNullIsAbsent) {
    const CdiSpec spec = spec_of("kind: ~\ndevices:\ncontainerEdits:\n");
    EXPECT_EQ(spec, CdiSpec{});
    EXPECT_EQ(spec_of("containerEdits: {intelRdt: null}").edits.intel_rdt, std::nullopt);
    EXPECT_NE(spec_of("containerEdits: {intelRdt: {}}").edits.intel_rdt, std::nullopt);
}

TEST(ReadCdiSpecTest, RefusesWhatIsNotOfTheSpecificationAndSaysWhere) {
    EXPECT_EQ(refusal("kind: a/b\nxyz: 1\n"), "'test' line 2: 'xyz' is no member of a CDI specification");
    EXPECT_THAT(refusal("devices:\n- name: x\n  containerEdits:\n    mounts:\n    - {hostpath: /a}\n"),
                HasSubstr("line 5: 'devices[0].containerEdits.mounts[0].hostpath' is no member"));
    EXPECT_THAT(refusal("kind: a/b\nkind: c/d\n"), HasSubstr("line 2: 'kind' is there twice"));
    EXPECT_THAT(refusal("devices: x"), HasSubstr("'devices' must be a list"));
    EXPECT_THAT(refusal("devices: {a: b}"), HasSubstr("'devices' must be a list"));
    EXPECT_THAT(refusal("devices: [x]"), HasSubstr("'devices[0]' must be a mapping"));
    EXPECT_THAT(refusal("kind: [a]"), HasSubstr("'kind' must be a string"));
    EXPECT_THAT(refusal("annotations: {a: [b]}"), HasSubstr("'annotations.a' must be a string"));
    EXPECT_THAT(refusal("containerEdits: {env: [[A]]}"), HasSubstr("'containerEdits.env[0]' must be a string"));
    EXPECT_THAT(refusal("containerEdits: {deviceNodes: [{major: x}]}"), HasSubstr("must be a whole number"));
    EXPECT_THAT(refusal("containerEdits: {deviceNodes: [{major: '1'}]}"), HasSubstr("must be a whole number"));
    EXPECT_THAT(refusal("containerEdits: {deviceNodes: [{uid: -1}]}"), HasSubstr("must be between 0 and 4294967295"));
    EXPECT_THAT(refusal("containerEdits: {additionalGids: [4294967296]}"), HasSubstr("must be between"));
    EXPECT_THAT(refusal("containerEdits: {intelRdt: {enableMonitoring: 1}}"), HasSubstr("must be true or false"));
}

TEST(ReadCdiSpecTest, RefusesWhatIsNoDocument) {
    for (const char* text : {"", "# nothing\n", "---\n...\n"}) EXPECT_NE(refusal(text), "accepted") << text;
    EXPECT_THAT(refusal("[]"), HasSubstr("the document must be a mapping"));
    EXPECT_THAT(refusal("hello"), HasSubstr("the document must be a mapping"));
    EXPECT_NE(refusal("a: [b"), "accepted");
    EXPECT_NE(refusal("\xff\xfe"), "accepted");
    EXPECT_NE(refusal("{[a]: b}"), "accepted");
    EXPECT_NE(refusal("kind: *nobody"), "accepted");
}

TEST(ReadCdiSpecTest, AnAliasIsWhatItStandsFor) {
    const CdiSpec spec = spec_of("containerEdits: {env: &e [A=1]}\ndevices: [{name: x, containerEdits: {env: *e}}]");
    EXPECT_EQ(spec.devices[0].edits.env, spec.edits.env);
}

TEST(ReadCdiSpecTest, AFewBytesCannotStandForMillionsOfNodes) {
    std::string bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n";
    for (char name = 'b'; name < 'k'; ++name) {
        const std::string before{static_cast<char>(name - 1)};
        bomb += std::string{name} + ": &" + name + " [";
        for (int i = 0; i < 10; ++i) bomb += "*" + before + ",";
        bomb += "]\n";
    }
    EXPECT_THAT(refusal(bomb), HasSubstr("too many nodes"));
    EXPECT_THAT(refusal(std::string(5000, '[')), HasSubstr("nested too deeply"));
}

}  // namespace
}  // namespace overdrive
