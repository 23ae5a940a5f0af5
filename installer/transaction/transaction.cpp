#include "transaction/transaction.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace overdrive {

void Outcome::throw_if_failed() const {
    if (!failure) return;
    if (restored()) throw Error{*failure};
    throw Error{Errc::not_restored,
                fmt::format("{}; and it could not be undone: {}", failure->what(), fmt::join(undo_failures, "; "))}
        .with_remedy("reboot the node; the driver is activated afresh at boot");
}

Outcome Transaction::run(const Observer& before_apply) {
    for (const auto& step : steps_) attempting(step->name(), [&] { step->prepare(); });
    Outcome outcome;
    for (std::size_t i = 0; i < steps_.size(); ++i) {
        try {
            before_apply(*steps_[i]);
            if (attempting(steps_[i]->name(), [&] { return steps_[i]->apply(); }))
                outcome.changed.emplace_back(steps_[i]->name());
        } catch (const Error& failure) {
            outcome.failure = failure;
            outcome.undo_failures = undo_from(i);
            return outcome;
        }
    }
    return outcome;
}

std::vector<std::string> Transaction::undo_from(std::size_t last) {
    std::vector<std::string> failures;
    for (std::size_t i = last + 1; i > 0; --i) {
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
