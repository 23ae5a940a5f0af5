#include "hook/oci_state.hpp"

#include <gtest/gtest.h>

#include "support/error.hpp"

namespace overdrive {
namespace {

std::string root_for(const std::string& state, const std::string& config) {
    return container_root_path(parse_state(state), [&] { return config; });
}

TEST(OciState, FindsTheRootThroughTheBundle) {
    EXPECT_EQ(root_for(R"({"bundle": "/run/b"})", R"({"root": {"path": "/var/lib/rootfs"}})"), "/var/lib/rootfs");
    EXPECT_EQ(root_for(R"({"bundle": "/run/b"})", R"({"root": {"path": "rootfs"}})"), "/run/b/rootfs");
    EXPECT_EQ(root_for(R"({"bundlePath": "/run/old"})", R"({"root": {"path": "rootfs"}})"), "/run/old/rootfs");
}

TEST(OciState, TakesTheRootThatCrunNamesAndReadsNoConfig) {
    const ContainerState state = parse_state(R"({"bundle": "/run/b", "root": "/var/lib/rootfs"})");
    EXPECT_EQ(container_root_path(state, []() -> std::string { throw std::logic_error{"read"}; }), "/var/lib/rootfs");
}

TEST(OciState, RefusesWhatNamesNoRoot) {
    for (const char* state : {"", "[]", "null", "{", R"({"bundle": 1})", R"({"bundle": "relative"})", R"({"id": "x"})",
                              R"({"bundle": "/b\u0000/x"})"})
        EXPECT_THROW(static_cast<void>(parse_state(state)), Error) << state;
    for (const char* config :
         {"", "[]", "{}", R"({"root": "/x"})", R"({"root": {"path": ""}})", R"({"root": {"path": 7}})"})
        EXPECT_THROW(static_cast<void>(parse_root_path(config)), Error) << config;
}

TEST(OciState, IsNotBroughtDownByDeepNesting) {
    EXPECT_THROW(static_cast<void>(parse_state(std::string(500'000, '['))), Error);
}

}  // namespace
}  // namespace overdrive
