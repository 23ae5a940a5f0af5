#include "transaction/transaction.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Script {
    std::vector<std::string> log;
    std::string fails_at;  ///< "prepare b", "apply b" or "undo b"

    void did(const std::string& what) {
        log.push_back(what);
        if (what == fails_at) throw Error{Errc::io, "injected"};
    }
};

class ScriptedStep final : public Step {
public:
    ScriptedStep(Script& script, std::string name, std::string also_fails)
        : script_{script}, name_{std::move(name)}, also_{std::move(also_fails)} {}
    [[nodiscard]] std::string_view name() const override { return name_; }
    void prepare() override { script_.did("prepare " + name_); }
    bool apply() override {
        script_.did("apply " + name_);
        return name_ != "idle";
    }
    void undo() override {
        script_.did("undo " + name_);
        if (also_ == "undo " + name_) throw Error{Errc::busy, "stuck"};
    }

private:
    Script& script_;
    std::string name_;
    std::string also_;
};

Outcome run(Script& script, const std::string& also_fails = "",
            const std::vector<std::string>& names = {"a", "b", "c"}) {
    std::vector<std::unique_ptr<Step>> steps;
    for (const std::string& name : names) steps.push_back(std::make_unique<ScriptedStep>(script, name, also_fails));
    return Transaction{std::move(steps)}.run([](const Step& /*step*/) {});
}

TEST(TransactionTest, PreparesEverythingBeforeItAppliesAnything) {
    Script script;
    const Outcome outcome = run(script, "", {"a", "idle"});
    EXPECT_THAT(script.log, ElementsAre("prepare a", "prepare idle", "apply a", "apply idle"));
    EXPECT_THAT(outcome.changed, ElementsAre("a"));
    EXPECT_NO_THROW(outcome.throw_if_failed());
}

TEST(TransactionTest, ARefusalInPrepareTouchesNothing) {
    Script script{{}, "prepare b"};
    EXPECT_THROW(static_cast<void>(run(script)), Error);
    EXPECT_THAT(script.log, ElementsAre("prepare a", "prepare b"));
}

TEST(TransactionTest, UndoRunsBackwardsAndBeginsWithTheFailedStep) {
    Script script{{}, "apply b"};
    const Outcome outcome = run(script);
    EXPECT_THAT(script.log,
                ElementsAre("prepare a", "prepare b", "prepare c", "apply a", "apply b", "undo b", "undo a"));
    EXPECT_TRUE(outcome.restored());
    EXPECT_STREQ(outcome.failure->what(), "b: injected");
    EXPECT_THAT(outcome.undo_failures, IsEmpty());
}

TEST(TransactionTest, AFailedUndoIsToldAndTheOthersStillRun) {
    Script script{{}, "apply c"};
    const Outcome outcome = run(script, "undo b");
    EXPECT_THAT(script.log, testing::Contains("undo a"));
    EXPECT_FALSE(outcome.restored());
    try {
        outcome.throw_if_failed();
        FAIL() << "no error";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::not_restored);
        EXPECT_STREQ(error.what(), "c: injected; and it could not be undone: undo 'b': stuck");
    }
}

}  // namespace
}  // namespace overdrive
