#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace overdrive {

/// Where our units lie, and what an operator's own drop-ins are written to.
inline constexpr std::string_view kUnitDirectory = "/etc/systemd/system";
/// What a foreign file in our place is renamed to: with this ending systemd reads it neither as a unit nor as a
/// drop-in.
inline constexpr std::string_view kAsideSuffix = ".overdrive-aside";

/// A file or link by which somebody has a say in a unit of one of our names.
struct FoundUnitFile {
    enum class Kind {
        fragment,   ///< the unit itself
        drop_in,    ///< `<unit>.d/<name>.conf`, merged into it wherever it lies
        enablement  ///< a link to it in a `.wants` or `.requires` directory of /etc
    };
    std::string unit;  ///< `nvidia.service`
    std::string path;  ///< absolute
    Kind kind;
};

/// A file that somebody else wrote for a unit of one of our names, and what is done so that it has no say.
struct ForeignUnit {
    enum class Action {
        shadow,  ///< nothing: our unit in /etc goes before it
        mask,    ///< a link to /dev/null of the same name in /etc goes before it
        aside,   ///< renamed to its path + kAsideSuffix
        unlink   ///< an enablement: removed, made again on uninstall
    };
    std::string path;  ///< where it was, or still is
    Action action;
    friend bool operator==(const ForeignUnit&, const ForeignUnit&) = default;
};
/// `shadow`, `mask`, `aside`, `unlink`
[[nodiscard]] std::string_view to_string(ForeignUnit::Action action) noexcept;
[[nodiscard]] std::optional<ForeignUnit::Action> parse_foreign_action(std::string_view text) noexcept;

/// Where the link lies that masks a foreign drop-in, `/etc/systemd/system/<unit>.d/<its name>`, or a whole unit,
/// `/etc/systemd/system/<unit>`.
[[nodiscard]] std::string mask_path(std::string_view file);

/// `'/usr/lib/systemd/system/nvidia.service' (our unit goes before it)`
[[nodiscard]] std::string to_text(const ForeignUnit& foreign);

/// What is foreign among what was found, and what to do about it, in the order in which it was found.
///
/// A drop-in below /usr was written by a vendor for a unit of its own, and so was one in /etc or /run that was there
/// before our unit; a later one there is how an operator changes our unit, and stays. A drop-in of the same name in
/// /etc that stays goes before any other.
/// @param ours     paths that we wrote
/// @param written  units that were ours before this run
/// @see systemd.unit(5), "Unit File Load Path"
[[nodiscard]] std::vector<ForeignUnit> plan_foreign_units(const std::vector<FoundUnitFile>& found,
                                                          const std::set<std::string>& ours,
                                                          const std::set<std::string>& written);

}  // namespace overdrive
