#include "transaction/transaction.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/temporary_root.hpp"

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
    [[nodiscard]] std::string_view id() const override { return name_; }
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
    const TemporaryRoot dir;
    Journal journal{dir.root(), "journal"};
    return Transaction{std::move(steps)}.run(journal, {}, [](const Step& /*step*/) {});
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

/// Tells what is in the journal when a step applies.
class LookingStep final : public Step {
public:
    LookingStep(const Root& root, std::string id, std::vector<std::string>& seen, bool fails)
        : root_{root}, id_{std::move(id)}, seen_{seen}, fails_{fails} {}
    [[nodiscard]] std::string_view id() const override { return id_; }
    [[nodiscard]] std::string_view name() const override { return id_; }
    void prepare() override {
        if (root_.exists("journal")) seen_.push_back("a journal before every prepare was through");
    }
    bool apply() override {
        seen_.emplace_back(read_journal(root_, "journal")->last_step());
        if (fails_) throw Error{Errc::io, "injected"};
        return true;
    }
    void undo() override {
        if (fails_undo) throw Error{Errc::io, "stuck"};
    }
    static inline bool fails_undo = false;

private:
    const Root& root_;
    std::string id_;
    std::vector<std::string>& seen_;
    bool fails_;
};

Outcome run_looking(const Root& root, std::vector<std::string>& seen, bool second_fails) {
    std::vector<std::unique_ptr<Step>> steps;
    steps.push_back(std::make_unique<LookingStep>(root, "first", seen, false));
    steps.push_back(std::make_unique<LookingStep>(root, "second", seen, second_fails));
    Journal journal{root, "journal"};
    return Transaction{std::move(steps)}.run(journal, {}, [](const Step& /*step*/) {});
}

TEST(TransactionTest, AStepIsInTheJournalBeforeItApplies) {
    const TemporaryRoot dir;
    std::vector<std::string> seen;
    EXPECT_FALSE(run_looking(dir.root(), seen, false).failure);
    EXPECT_THAT(seen, ElementsAre("first", "second"));
    EXPECT_THAT(dir.tree(), IsEmpty()) << "the journal ends with the transaction";
}

TEST(TransactionTest, TheJournalStaysOnlyWhenUndoFailed) {
    const TemporaryRoot dir;
    std::vector<std::string> seen;
    EXPECT_TRUE(run_looking(dir.root(), seen, true).restored());
    EXPECT_THAT(dir.tree(), IsEmpty());

    LookingStep::fails_undo = true;
    const Outcome outcome = run_looking(dir.root(), seen, true);
    LookingStep::fails_undo = false;
    EXPECT_FALSE(outcome.restored());
    EXPECT_EQ(read_journal(dir.root(), "journal")->last_step(), "second");
}

}  // namespace
}  // namespace overdrive
