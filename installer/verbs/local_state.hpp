#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "model/driver_state.hpp"
#include "model/selection.hpp"
#include "store/store.hpp"
#include "verbs/services.hpp"

namespace overdrive {

/// What is installed and what is in force, as far as it can be read without changing anything.
struct LocalState {
    std::vector<GenerationInfo> generations;
    std::optional<Record> record;  ///< nullopt before the first install
    std::optional<Pair> current;
    std::optional<DriverWish> wanted;
    Selection selection;
    HostFacts facts;
};

/// Reads record, generations, `current` and host facts. A damaged record is a warning: the generations speak for
/// themselves.
[[nodiscard]] LocalState read_local_state(const Services& services, const Store& store, const Config& config,
                                          std::vector<std::string>& warnings);

/// Observes modules, exposure and nodes and judges them. @param manifest of the selected generation; nullptr when there
/// is none
[[nodiscard]] DriverState observe(Services& services, const Store& store, const LocalState& local, const Config& config,
                                  const DriverManifest* manifest);

/// What /run/overdrive/status.json says of the last activation in this boot.
struct ActivationNote {
    std::string boot_id;
    std::optional<std::string> failure;
};
[[nodiscard]] std::optional<ActivationNote> read_activation_note(const Root& root);

/// Writes /run/overdrive/status.json and the readiness files (`device-present`, `ready`).
void write_runtime_state(const Services& services, const LocalState& local, const DriverState& state,
                         const std::optional<std::string>& failure);

}  // namespace overdrive
