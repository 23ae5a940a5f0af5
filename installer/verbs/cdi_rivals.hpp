#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "model/containers_config.hpp"
#include "model/foreign_units.hpp"
#include "store/record.hpp"
#include "support/root.hpp"

namespace overdrive {

/// Somebody else who gives containers the devices that our specification gives.
struct CdiRival {
    enum class Kind {
        unit,         ///< makes such files at boot and when the driver changes
        same_folder,  ///< a file beside ours: engines resolve what both give to nothing
        stronger,     ///< a file in a folder that wins over ours
        weaker        ///< a file in a folder over which ours wins; what it alone gives comes from it
    };
    Kind kind;
    std::string path;
    /// `'/run/cdi/nvidia.yaml' gives the same devices, so that no engine resolves them`
    [[nodiscard]] std::string text() const;
    /// Whether it matters for a container that asks for what ours gives.
    [[nodiscard]] bool is_in_the_way() const noexcept { return kind != Kind::weaker; }
};

/// Who else gives `nvidia.com/gpu`: units of the vendor's container toolkit that are not masked, and files in /etc/cdi,
/// /var/run/cdi and the configured folder.
/// @param own      path of our specification, which is none of them
/// @param devices  what ours gives; a file that gives none of it is no rival. nullopt: any file of the kind is one
[[nodiscard]] std::vector<CdiRival> find_cdi_rivals(const Root& root, const ContainersConfig& config,
                                                    const std::string& own,
                                                    const std::optional<std::set<std::string>>& devices);

/// Fragments of units that make specifications of the same devices, where the unit is not masked, and what the policy
/// `mask` does about each. Names are looked at, not contents.
[[nodiscard]] std::vector<ForeignUnit> find_rival_units(const Root& root);
/// The names of those units.
[[nodiscard]] const std::vector<std::string>& rival_unit_names();

/// Gives the units of `rival_unit_names` back what an earlier policy took from them: removes our masks, renames what
/// was put aside, and forgets both in `record`. Nothing of it happens twice. @return whether there was something
bool release_rival_units(const Root& root, Record& record);

}  // namespace overdrive
