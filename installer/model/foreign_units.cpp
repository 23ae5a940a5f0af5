#include "model/foreign_units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace overdrive {

namespace {

using Action = ForeignUnit::Action;
using Kind = FoundUnitFile::Kind;

constexpr std::array<std::pair<Action, std::string_view>, 4> kActions{
    {{Action::shadow, "shadow"}, {Action::mask, "mask"}, {Action::aside, "aside"}, {Action::unlink, "unlink"}}};

bool is_below(std::string_view path, std::string_view directory) {
    return path.starts_with(directory) && path.substr(directory.size()).starts_with('/');
}

bool is_in_etc(std::string_view path) { return is_below(path, kUnitDirectory); }

/// The rule, with what it goes by.
class Planner {
public:
    Planner(const std::vector<FoundUnitFile>& found, const std::set<std::string>& ours,
            const std::set<std::string>& written)
        : found_{found}, ours_{ours}, written_{written} {}

    [[nodiscard]] std::optional<Action> action_for(const FoundUnitFile& file) const {
        if (ours_.contains(file.path)) return std::nullopt;
        switch (file.kind) {
            case Kind::fragment:
                return is_in_etc(file.path) ? Action::aside : Action::shadow;
            case Kind::enablement:
                if (was_ours(file)) return std::nullopt;  // systemd made it when we enabled the unit
                return Action::unlink;
            case Kind::drop_in:
                return action_for_drop_in(file);
        }
        return std::nullopt;
    }

private:
    [[nodiscard]] bool was_ours(const FoundUnitFile& file) const { return written_.contains(file.unit); }

    [[nodiscard]] std::optional<Action> action_for_drop_in(const FoundUnitFile& file) const {
        const bool changeable = is_in_etc(file.path) || is_below(file.path, "/run");
        if (changeable && was_ours(file)) return std::nullopt;
        if (is_in_etc(file.path)) return Action::aside;
        if (is_overridden(file)) return std::nullopt;
        return Action::mask;
    }

    /// Whether a drop-in of the same name in /etc, that stays, goes before it.
    [[nodiscard]] bool is_overridden(const FoundUnitFile& file) const {
        const std::string by = mask_path(file.path);
        return std::any_of(found_.begin(), found_.end(), [&](const FoundUnitFile& other) {
            return other.kind == Kind::drop_in && other.path == by && (ours_.contains(by) || was_ours(other));
        });
    }

    const std::vector<FoundUnitFile>& found_;
    const std::set<std::string>& ours_;
    const std::set<std::string>& written_;
};

}  // namespace

std::string_view to_string(Action action) noexcept {
    const auto* const found =
        std::find_if(kActions.begin(), kActions.end(), [&](const auto& each) { return each.first == action; });
    return found == kActions.end() ? std::string_view{} : found->second;
}

std::optional<Action> parse_foreign_action(std::string_view text) noexcept {
    const auto* const found =
        std::find_if(kActions.begin(), kActions.end(), [&](const auto& each) { return each.second == text; });
    if (found == kActions.end()) return std::nullopt;
    return found->first;
}

std::string mask_path(std::string_view file) {
    const std::size_t name = file.rfind('/');
    const std::size_t directory = file.rfind('/', name - 1);
    const bool is_drop_in = file.substr(0, name).ends_with(".d");
    return fmt::format("{}{}", kUnitDirectory, file.substr(is_drop_in ? directory : name));
}

std::string to_text(const ForeignUnit& foreign) {
    switch (foreign.action) {
        case Action::shadow:
            return fmt::format("'{}' (our unit in {} goes before it)", foreign.path, kUnitDirectory);
        case Action::mask:
            return fmt::format("'{}' (masked by '{}')", foreign.path, mask_path(foreign.path));
        case Action::aside:
            return fmt::format("'{0}' (put aside as '{0}{1}')", foreign.path, kAsideSuffix);
        case Action::unlink:
            return fmt::format("'{}' (removed, as it enabled another unit of this name)", foreign.path);
    }
    return foreign.path;
}

std::vector<ForeignUnit> plan_foreign_units(const std::vector<FoundUnitFile>& found, const std::set<std::string>& ours,
                                            const std::set<std::string>& written) {
    const Planner planner{found, ours, written};
    std::vector<ForeignUnit> foreign;
    for (const FoundUnitFile& file : found) {
        if (const auto action = planner.action_for(file)) foreign.push_back({file.path, *action});
    }
    return foreign;
}

}  // namespace overdrive
