#include <gtest/gtest.h>

#include "os/default_snapshot.hpp"
#include "recorded_programs.hpp"
#include "support/error.hpp"
#include "support/temporary_root.hpp"

namespace overdrive {
namespace {

TEST(Snapshots, TheDefaultOneIsPendingUnlessItRuns) {
    EXPECT_EQ(pending_in_snapper(recorded("snapper-pending.json")), 5U);
    EXPECT_EQ(pending_in_snapper(recorded("snapper-running.json")), std::nullopt);
    EXPECT_EQ(pending_in_snapper(R"({"root":[]})"), std::nullopt);
}

TEST(Snapshots, WhatCannotBeReadIsAnError) {
    for (const char* text :
         {"", "[]", "{}", R"({"root":[{"default":true}]})", R"({"root":[{"default":true,"number":"5"}]})"})
        EXPECT_THROW(static_cast<void>(pending_in_snapper(text)), Error) << text;
}

TEST(Snapshots, AHostWithoutSnapperHasNone) {
    const TemporaryRoot host;
    RecordedPrograms programs;
    EXPECT_EQ(pending_snapshot(host.root(), programs), std::nullopt);
    EXPECT_TRUE(programs.ran.empty());
}

TEST(Snapshots, TheKernelIsTheOneThatTheLinkNamesElseTheNewestWithAnImage) {
    const TemporaryRoot host;
    const std::string tree = snapshot_tree(5);
    EXPECT_EQ(snapshot_kernel(host.root(), tree), std::nullopt);
    host.write(tree.substr(1) + "/usr/lib/modules/6.11.8-1-default/vmlinuz", "");
    host.write(tree.substr(1) + "/usr/lib/modules/6.11.10-1-default/vmlinuz", "");
    host.write(tree.substr(1) + "/usr/lib/modules/6.12.0-1-default/modules.dep", "");
    EXPECT_EQ(snapshot_kernel(host.root(), tree), "6.11.10-1-default");
    host.root().make_directories(tree + "/boot");
    host.root().make_link(tree + "/boot/vmlinuz", "vmlinuz-6.11.8-1-default");
    EXPECT_EQ(snapshot_kernel(host.root(), tree), "6.11.8-1-default");
}

}  // namespace
}  // namespace overdrive
