#include "model/selection.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace overdrive {

namespace {

bool newer(const Pair& left, const Pair& right) {
    const auto order = compare_versions(left.driver.version(), right.driver.version());
    return std::is_neq(order) ? std::is_gt(order) : left.driver.text() > right.driver.text();
}

/// The newest of `candidates` that `allowed` takes.
template <typename Allowed>
std::optional<Pair> newest(const std::vector<Pair>& candidates, Allowed allowed) {
    std::optional<Pair> found;
    for (const Pair& pair : candidates) {
        if (allowed(pair) && (!found || newer(pair, *found))) found = pair;
    }
    return found;
}

}  // namespace

Selection select_generation(const std::vector<Candidate>& installed, const std::optional<DriverWish>& wanted,
                            std::string_view kernel_release, const Experience& experience) {
    if (installed.empty()) return {};
    std::vector<Pair> fitting;
    for (const Candidate& candidate : installed) {
        if (candidate.kernel_release == kernel_release) fitting.push_back(candidate.pair);
    }
    const auto barred = [&](const Pair& pair) {
        return std::find(experience.barred.begin(), experience.barred.end(), pair) != experience.barred.end();
    };
    const auto is_wanted = [&](const Pair& pair) { return !wanted || wanted->allows(pair.driver); };

    const auto exact = newest(fitting, [&](const Pair& pair) { return is_wanted(pair) && !barred(pair); });
    if (exact) return {Selection::Why::wanted, exact, {}};
    const auto passed_over = newest(fitting, is_wanted);
    if (passed_over && experience.last_good && !barred(*experience.last_good) &&
        std::find(fitting.begin(), fitting.end(), *experience.last_good) != fitting.end()) {
        return {Selection::Why::last_good, experience.last_good, passed_over};
    }
    const auto stand_in = newest(
        fitting, [&](const Pair& pair) { return (!wanted || wanted->same_branch(pair.driver)) && !barred(pair); });
    if (stand_in) return {Selection::Why::same_branch, stand_in, passed_over};
    return {passed_over ? Selection::Why::all_barred : Selection::Why::none_fits, std::nullopt, passed_over};
}

std::string explain(const Selection& selection, std::string_view kernel_release) {
    switch (selection.why) {
        case Selection::Why::wanted:
            return fmt::format("{} fits kernel {}", selection.pair->path(), kernel_release);
        case Selection::Why::last_good:
            return fmt::format("{} is used again: {} failed", selection.pair->path(), selection.passed_over->path());
        case Selection::Why::same_branch:
            if (selection.passed_over)
                return fmt::format("{} stands in: {} failed", selection.pair->path(), selection.passed_over->path());
            return fmt::format("{} stands in: the wanted driver is not installed for kernel {}", selection.pair->path(),
                               kernel_release);
        case Selection::Why::all_barred:
            return fmt::format("{} failed and no other installed driver fits kernel {}", selection.passed_over->path(),
                               kernel_release);
        case Selection::Why::none_fits:
            return fmt::format("no installed driver fits kernel {}", kernel_release);
        case Selection::Why::nothing_installed:
            return "no driver is installed";
    }
    return {};
}

}  // namespace overdrive
