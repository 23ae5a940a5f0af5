#include "cdi/apply.hpp"

#include <gtest/gtest.h>

#include "spec_samples.hpp"
#include "support/error.hpp"

namespace overdrive {
namespace {

using nlohmann::ordered_json;

/// A host with /dev/null, a block device and nothing else.
std::optional<HostNode> host_node(const std::string& path) {
    if (path == "/dev/null") return HostNode{'c', 1, 3, 0666};
    if (path == "/dev/disk") return HostNode{'b', 8, 0, 0660};
    return std::nullopt;
}

/// `config` with the edits in it, both written as JSON or YAML.
nlohmann::json applied(const std::string& config, const std::string& edits) {
    ordered_json json = ordered_json::parse(config);
    apply_cdi_edits(json, spec_of("containerEdits: " + edits).edits, host_node);
    return nlohmann::json::parse(json.dump());
}

nlohmann::json json(const std::string& text) { return nlohmann::json::parse(text); }

TEST(ApplyCdiEditsTest, NothingChangesNothing) {
    EXPECT_EQ(applied(R"({"ociVersion": "1.0.2", "x": [1]})", "{}"), json(R"({"ociVersion": "1.0.2", "x": [1]})"));
}

TEST(ApplyCdiEditsTest, AVariableThatIsThereIsReplacedInItsPlace) {
    EXPECT_EQ(applied(R"({"process": {"env": ["A=0", "AB=0"], "cwd": "/"}})", "{env: [A=1, C=2]}"),
              json(R"({"process": {"env": ["A=1", "AB=0", "C=2"], "cwd": "/"}})"));
    EXPECT_EQ(applied("{}", "{env: [A=1]}"), json(R"({"process": {"env": ["A=1"]}})"));
}

TEST(ApplyCdiEditsTest, ANodeIsCompletedFromTheHost) {
    EXPECT_EQ(applied("{}", "{deviceNodes: [{path: /dev/nil, hostPath: /dev/null}]}"), json(R"({"linux": {
        "devices": [{"path": "/dev/nil", "type": "c", "major": 1, "minor": 3, "fileMode": 438}],
        "resources": {"devices": [{"allow": true, "type": "c", "major": 1, "minor": 3, "access": "rwm"}]}}})"));
}

TEST(ApplyCdiEditsTest, WhatANodeSaysCounts) {
    EXPECT_EQ(
        applied("{}",
                "{deviceNodes: [{path: /dev/x, type: c, major: 9, minor: 2, fileMode: 0600, permissions: r, uid: 5}]}"),
        json(R"({"linux": {
        "devices": [{"path": "/dev/x", "type": "c", "major": 9, "minor": 2, "fileMode": 384, "uid": 5}],
        "resources": {"devices": [{"allow": true, "type": "c", "major": 9, "minor": 2, "access": "r"}]}}})"));
    EXPECT_EQ(
        applied("{}", "{deviceNodes: [{path: /dev/x, type: c, major: 9, permissions: none}]}")["linux"]["resources"]
                                                                                              ["devices"][0]["access"],
        "");
    EXPECT_FALSE(applied("{}", "{deviceNodes: [{path: /dev/x, type: p}]}")["linux"].contains("resources"));
}

TEST(ApplyCdiEditsTest, ANodeThatIsNotOnTheHostIsRefused) {
    EXPECT_THROW(applied("{}", "{deviceNodes: [{path: /dev/gone}]}"), Error);
    EXPECT_THROW(applied("{}", "{deviceNodes: [{path: /dev/null, type: b}]}"), Error);
    EXPECT_EQ(applied("{}", "{deviceNodes: [{path: /dev/disk}]}")["linux"]["devices"][0]["type"], "b");
}

TEST(ApplyCdiEditsTest, ANodeBelongsToTheUserOfTheProcess) {
    const std::string config = R"({"process": {"user": {"uid": 1000, "gid": 0}}})";
    const auto device = applied(config, "{deviceNodes: [{path: /dev/null}]}")["linux"]["devices"][0];
    EXPECT_EQ(device["uid"], 1000);
    EXPECT_FALSE(device.contains("gid"));
    EXPECT_EQ(applied(config, "{deviceNodes: [{path: /dev/null, uid: 7}]}")["linux"]["devices"][0]["uid"], 7);
}

TEST(ApplyCdiEditsTest, ANodeAtTheSamePathIsReplaced) {
    const auto config = applied(R"({"linux": {"devices": [{"path": "/dev/null", "type": "b"}, {"path": "/dev/x"}]}})",
                                "{deviceNodes: [{path: /dev/null}]}");
    ASSERT_EQ(config["linux"]["devices"].size(), 2U);
    EXPECT_EQ(config["linux"]["devices"][1]["type"], "c");
}

TEST(ApplyCdiEditsTest, MountsComeInTheOrderOfTheirDepthAndElseStay) {
    const auto config = applied(
        R"({"mounts": [{"destination": "/a/b/z"}, {"destination": "/a/b/y"}, {"destination": "/proc"}, {"destination": "/old/"}]})",
        "{mounts: [{hostPath: /h, containerPath: /new, options: [ro], type: bind}, {hostPath: /h2, containerPath: "
        "/proc}]}");
    std::vector<std::string> places;
    for (const auto& mount : config["mounts"]) places.push_back(mount["destination"]);
    EXPECT_EQ(places, (std::vector<std::string>{"/old/", "/new", "/proc", "/a/b/z", "/a/b/y"}));
    EXPECT_EQ(config["mounts"][1],
              json(R"({"destination": "/new", "type": "bind", "source": "/h", "options": ["ro"]})"));
    EXPECT_EQ(config["mounts"][2]["source"], "/h2");
}

TEST(ApplyCdiEditsTest, HooksStandUnderTheirNameInTheirOrder) {
    const auto config = applied(R"({"hooks": {"createContainer": [{"path": "/first"}]}})",
                                "{hooks: [{hookName: createContainer, path: /second, args: [s], env: [A=1], timeout: "
                                "3}, {hookName: poststop, path: /p}]}");
    EXPECT_EQ(config["hooks"], json(R"({"createContainer": [{"path": "/first"},
        {"path": "/second", "args": ["s"], "env": ["A=1"], "timeout": 3}], "poststop": [{"path": "/p"}]})"));
}

TEST(ApplyCdiEditsTest, InterfacesResourceClassesAndGroups) {
    const auto config =
        applied(R"({"process": {"user": {"additionalGids": [44]}}, "linux": {"intelRdt": {"closID": "old"}}})",
                "{netDevices: [{hostInterfaceName: eth1, name: n0}], additionalGids: [0, 44, 105], "
                "intelRdt: {l3CacheSchema: x, schemata: [y], enableMonitoring: true}}");
    EXPECT_EQ(config["linux"]["netDevices"], json(R"({"eth1": {"name": "n0"}})"));
    EXPECT_EQ(config["linux"]["intelRdt"],
              json(R"({"l3CacheSchema": "x", "schemata": ["y"], "enableMonitoring": true})"));
    EXPECT_EQ(config["process"]["user"]["additionalGids"], json("[44, 105]"));
}

TEST(ApplyCdiEditsTest, AConfigurationOfAnotherShapeIsRefusedAndLeftAlone) {
    for (const char* config :
         {R"({"process": []})", R"({"process": {"env": {}}})", R"({"linux": "x"})", R"({"mounts": {}})"}) {
        ordered_json json = ordered_json::parse(config);
        const ordered_json before = json;
        EXPECT_THROW(
            apply_cdi_edits(json,
                            spec_of("containerEdits: {env: [A=1], mounts: [{hostPath: /h, containerPath: /c}], "
                                    "deviceNodes: [{path: /dev/null}]}")
                                .edits,
                            host_node),
            Error)
            << config;
        EXPECT_EQ(json, before);
    }
    EXPECT_THROW(applied("{}", "{env: [A]}"), Error) << "invalid edits";
}

TEST(CdiEditsTest, AppendedEditsComeAfterAndReplaceOnlyTheResourceClass) {
    CdiEdits edits = spec_of("containerEdits: {env: [A=1], intelRdt: {closID: a, l3CacheSchema: x}}").edits;
    edits.append(spec_of("containerEdits: {env: [B=1], intelRdt: {closID: b}}").edits);
    edits.append({});
    EXPECT_EQ(edits.env, (std::vector<std::string>{"A=1", "B=1"}));
    EXPECT_EQ(edits.intel_rdt->clos_id, "b");
    EXPECT_EQ(edits.intel_rdt->l3_cache_schema, "");
}

}  // namespace
}  // namespace overdrive
