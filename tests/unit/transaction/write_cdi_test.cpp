#include "transaction/steps/write_cdi.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/temporary_root.hpp"

namespace overdrive {
namespace {

constexpr const char* kPath = "/run/cdi/spec.yaml";

class WriteCdiTest : public testing::Test {
protected:
    [[nodiscard]] std::optional<std::string> there() const { return dir_.root().read_file(kPath); }
    void put(const std::string& text) const { dir_.write("run/cdi/spec.yaml", text); }

    TemporaryRoot dir_;
};

TEST_F(WriteCdiTest, WritesWhatIsMadeAndUndoBringsBackWhatWasThere) {
    for (const std::optional<std::string>& before : {std::optional<std::string>{}, std::optional<std::string>{"old"}}) {
        if (before) put(*before);
        WriteCdi step{dir_.root(), kPath, [] { return "new"; }};
        step.prepare();
        EXPECT_TRUE(step.apply());
        EXPECT_EQ(there(), "new");
        step.undo();
        EXPECT_EQ(there(), before);
    }
}

TEST_F(WriteCdiTest, TakesTheFileAwayWhereThereIsToBeNoneAndUndoBringsItBack) {
    put("old");
    WriteCdi step{dir_.root(), kPath, [] { return std::nullopt; }};
    EXPECT_TRUE(step.apply());
    EXPECT_EQ(there(), std::nullopt);
    step.undo();
    EXPECT_EQ(there(), "old");
}

TEST_F(WriteCdiTest, AFileThatSaysTheSameIsNotWrittenAgain) {
    put("same");
    const auto before = dir_.root().status(kPath)->st_ino;
    WriteCdi step{dir_.root(), kPath, [] { return "same"; }};
    EXPECT_FALSE(step.apply());
    step.undo();
    EXPECT_EQ(dir_.root().status(kPath)->st_ino, before);
}

TEST_F(WriteCdiTest, WhatCannotBeMadeLeavesTheFileToUndo) {
    put("old");
    WriteCdi step{dir_.root(), kPath, []() -> std::optional<std::string> { throw Error{Errc::verify_failed, "no"}; }};
    EXPECT_THROW(step.apply(), Error);
    step.undo();
    EXPECT_EQ(there(), "old");
}

TEST_F(WriteCdiTest, WithdrawnItIsGoneUntilUndo) {
    put("old");
    WithdrawCdi step{dir_.root(), kPath};
    step.prepare();
    EXPECT_TRUE(step.apply());
    EXPECT_EQ(there(), std::nullopt);
    step.undo();
    EXPECT_EQ(there(), "old");
}

TEST_F(WriteCdiTest, UndoOfTheWithdrawalLeavesWhatWasWrittenSince) {
    put("old");
    WithdrawCdi step{dir_.root(), kPath};
    step.prepare();
    step.apply();
    put("new");
    step.undo();
    EXPECT_EQ(there(), "new");
}

}  // namespace
}  // namespace overdrive
