#include "overlay/exposure_state.hpp"

#include <gtest/gtest.h>

#include "support/temporary_root.hpp"

namespace overdrive {
namespace {

TEST(ExposureStateTest, ComesBackAsItWasSaved) {
    const TemporaryRoot host;
    MountedExposure state;
    state.generation = "/opt/nvidia/a/b";
    state.target = "/usr/lib64";
    state.libraries = {"libcuda.so.1"};
    state.mount = {90, 0x8000'0001};
    state.base = {22, 0x8000'0000, 65027};
    state.save(host.root());
    const auto loaded = MountedExposure::load(host.root());
    ASSERT_TRUE(loaded);
    EXPECT_EQ(loaded->generation, state.generation);
    EXPECT_EQ(loaded->libraries, state.libraries);
    EXPECT_EQ(loaded->mount.unique_id, state.mount.unique_id);
    EXPECT_EQ(loaded->base, state.base);
    MountedExposure::forget(host.root());
    EXPECT_FALSE(MountedExposure::load(host.root()));
}

TEST(ExposureStateTest, WhatTheLoaderSaidLastsByItselfToo) {
    const TemporaryRoot host;
    LastingExposure state;
    state.loader = "1:2:3.4";
    state.asked_of = "/usr/lib64";
    state.loader_searches = true;
    state.save(host.root());
    const LastingExposure loaded = LastingExposure::load(host.root());
    EXPECT_EQ(loaded.loader, state.loader);
    EXPECT_EQ(loaded.asked_of, state.asked_of);
    EXPECT_TRUE(loaded.loader_searches);
    LastingExposure{}.save(host.root());
    EXPECT_FALSE(host.root().exists(LastingExposure::kPath));
}

TEST(ExposureStateTest, OneOfAProgramThatDidNotRememberTheLoaderIsRead) {
    const TemporaryRoot host;
    host.write("opt/nvidia/.overdrive/exposure.json",
               R"({"schema": 1, "min_reader": 1, "generation": "/a", "library_directory": "/usr/lib64",
                   "cache_identity": "1", "made_directories": []})");
    const LastingExposure loaded = LastingExposure::load(host.root());
    EXPECT_EQ(loaded.generation, "/a");
    EXPECT_EQ(loaded.loader, "");
}

TEST(ExposureStateTest, ANewerOrDamagedOneIsAsIfThereWereNone) {
    const TemporaryRoot host;
    for (const char* text : {"", "{", "{}", R"({"schema": 9, "min_reader": 9, "generation": "x"})"}) {
        host.write("run/overdrive/exposure.json", text);
        EXPECT_FALSE(MountedExposure::load(host.root())) << text;
        host.write("opt/nvidia/.overdrive/exposure.json", text);
        EXPECT_EQ(LastingExposure::load(host.root()).generation, "") << text;
    }
}

}  // namespace
}  // namespace overdrive
