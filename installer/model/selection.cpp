#include "model/selection.hpp"

#include <fmt/format.h>

namespace overdrive {

namespace {

bool newer(const Pair& left, const Pair& right) {
    const auto order = compare_versions(left.driver.version(), right.driver.version());
    return std::is_neq(order) ? std::is_gt(order) : left.driver.text() > right.driver.text();
}

}  // namespace

Selection select_generation(const std::vector<Candidate>& installed, const std::optional<DriverWish>& wanted,
                            std::string_view kernel_release) {
    if (installed.empty()) return {};
    Selection selection{Selection::Why::none_fits, std::nullopt};
    for (const Candidate& candidate : installed) {
        if (candidate.kernel_release != kernel_release) continue;
        if (wanted && !wanted->same_branch(candidate.pair.driver)) continue;
        const bool exact = !wanted || wanted->allows(candidate.pair.driver);
        const bool had_exact = selection.why == Selection::Why::wanted;
        if (had_exact && !exact) continue;
        if (had_exact == exact && selection.pair && !newer(candidate.pair, *selection.pair)) continue;
        selection = {exact ? Selection::Why::wanted : Selection::Why::same_branch, candidate.pair};
    }
    return selection;
}

std::string explain(const Selection& selection, std::string_view kernel_release) {
    switch (selection.why) {
        case Selection::Why::wanted:
            return fmt::format("{} fits kernel {}", selection.pair->path(), kernel_release);
        case Selection::Why::same_branch:
            return fmt::format("{} stands in: the wanted driver is not installed for kernel {}", selection.pair->path(),
                               kernel_release);
        case Selection::Why::none_fits:
            return fmt::format("no installed driver fits kernel {}", kernel_release);
        case Selection::Why::nothing_installed:
            return "no driver is installed";
    }
    return {};
}

}  // namespace overdrive
