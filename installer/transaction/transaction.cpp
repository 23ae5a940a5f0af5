#include "transaction/transaction.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "support/interruption.hpp"

namespace overdrive {

void Outcome::throw_if_failed() const {
    if (!failure) return;
    if (restored()) throw Error{*failure};
    throw Error{Errc::not_restored,
                fmt::format("{}; and it could not be undone: {}", failure->what(), fmt::join(undo_failures, "; "))}
        .with_remedy("'overdrive recover' tries again; after a reboot the driver is activated afresh");
}

Outcome Transaction::run(Journal& journal, const JournalHeader& header, const Observer& before_apply) {
    for (const auto& step : steps_) attempting(step->name(), [&] { step->prepare(); });
    stop_if_interrupted();
    journal.begin(header);
    Outcome outcome;
    std::size_t begun = 0;
    try {
        apply(journal, before_apply, outcome, begun);
    } catch (const Error& failure) {
        const Uninterruptible until_undone;
        outcome.failure = failure;
        outcome.undo_failures = undo_last(begun);
    }
    if (outcome.undo_failures.empty()) journal.end();
    return outcome;
}

void Transaction::apply(Journal& journal, const Observer& before_apply, Outcome& outcome, std::size_t& begun) {
    for (const auto& step : steps_) {
        stop_if_interrupted();
        journal.step(step->id(), step->journalled());
        ++begun;
        before_apply(*step);
        if (attempting(step->name(), [&] { return step->apply(); })) outcome.changed.emplace_back(step->name());
    }
}

std::vector<std::string> Transaction::undo_last(std::size_t count) {
    std::vector<std::string> failures;
    for (std::size_t i = count; i > 0; --i) {
        Step& step = *steps_[i - 1];
        try {
            step.undo();
        } catch (const Error& error) {
            failures.push_back(fmt::format("undo '{}': {}", step.name(), error.what()));
        }
    }
    return failures;
}

}  // namespace overdrive
