#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "model/daemon_plan.hpp"
#include "model/driver_state.hpp"
#include "model/selection.hpp"
#include "store/store.hpp"
#include "verbs/services.hpp"

namespace overdrive {

/// What is installed and what is in force, as far as it can be read without changing anything.
struct LocalState {
    std::vector<GenerationInfo> generations;
    std::optional<Record> record;  ///< nullopt before the first install
    bool record_is_newer = false;  ///< a newer program wrote it: it is not known, and not ours to write over
    std::optional<Pair> current;
    std::optional<DriverWish> wanted;
    Selection selection;
    HostFacts facts;
    /// driver.json of the selected generation; nullopt when nothing is selected.
    std::optional<DriverManifest> manifest;
};

/// What a run has looked at already.
struct Known {
    std::optional<HostFacts> facts{};
    std::optional<RecordLook> record{};
};

/// Reads record, generations, `current` and host facts. A damaged record is a warning: the generations speak for
/// themselves.
[[nodiscard]] LocalState read_local_state(const Services& services, const Store& store, const Config& config,
                                          std::vector<std::string>& warnings, Known known = {});

/// `current`; nullopt, with a warning, when it leads to no pair.
[[nodiscard]] std::optional<Pair> read_current(const Store& store, std::vector<std::string>& warnings);

/// Selects again by facts, generations and record of `local`: after the record remembers another failure.
void select_by_rules(LocalState& local, const Store& store, const Config& config, std::vector<std::string>& warnings);

/// What keeps installed drivers for this kernel from being used, a sentence for each. A selection tells that only of
/// those that it would select; this reads the driver.json of all of them.
[[nodiscard]] std::vector<std::string> unfit_generations(const Store& store, const LocalState& local);

/// Selects another generation than the rules would: what the operator named. @throws Error as Store::read_manifest
void select(LocalState& local, const Store& store, const Pair& pair);

/// A pair is not tried any more after so many boots in a row that ended while it was being activated.
inline constexpr std::uint64_t kMostInterrupted = 3;

/// What the selected generation is to have made of the host, looked at once, and what that means.
struct DriverLook {
    DriverState state;
    Exposure::State exposure = Exposure::State::absent;
    std::vector<std::string> missing_nodes{};
    DaemonPlan daemons{};
};
[[nodiscard]] DriverLook look_at_driver(Services& services, const Store& store, const LocalState& local,
                                        const Config& config);

/// The state alone.
[[nodiscard]] DriverState observe(Services& services, const Store& store, const LocalState& local,
                                  const Config& config);

}  // namespace overdrive
