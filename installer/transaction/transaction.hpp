#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/error.hpp"
#include "transaction/journal.hpp"
#include "transaction/step.hpp"

namespace overdrive {

/// How a transaction ended.
struct Outcome {
    std::optional<Error> failure;
    std::vector<std::string> undo_failures;
    std::vector<std::string> changed;  ///< names of the steps that had something to change

    [[nodiscard]] bool restored() const noexcept { return failure.has_value() && undo_failures.empty(); }
    /// Throws the failure, as not_restored with every undo failure named when undo failed. Returns when there is none.
    void throw_if_failed() const;
};

/// Runs steps so that all of them take effect or none does.
class Transaction {
public:
    explicit Transaction(std::vector<std::unique_ptr<Step>> steps) : steps_{std::move(steps)} {}

    /// Told of every step before it applies.
    using Observer = std::function<void(const Step&)>;

    /// All `prepare` before any `apply`; the id of a step is in the journal, durable, before it applies. On failure,
    /// and when a signal asks to stop, undo runs backwards, starting with the failed step, which may be half done, and
    /// goes on past its own failures. The journal ends when all is applied or all is undone; it stays when undo failed,
    /// so that the next run begins with recovery.
    /// @throws Error when a `prepare` refuses or the journal cannot begin: nothing was touched
    [[nodiscard]] Outcome run(Journal& journal, const JournalHeader& header, const Observer& before_apply);

private:
    void apply(Journal& journal, const Observer& before_apply, Outcome& outcome, std::size_t& begun);
    [[nodiscard]] std::vector<std::string> undo_last(std::size_t count);

    std::vector<std::unique_ptr<Step>> steps_;
};

}  // namespace overdrive
