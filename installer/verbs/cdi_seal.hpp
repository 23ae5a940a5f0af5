#pragma once

#include <optional>
#include <string>
#include <vector>

#include "store/store.hpp"
#include "verbs/local_state.hpp"
#include "verbs/services.hpp"

namespace overdrive {

/// What the kept CDI specification was made of and what came of it. As long as neither has changed, it is right, and
/// nobody needs to make it again to know that.
struct CdiSeal {
    std::string inputs;                ///< digest of cdi_inputs()
    std::string sha256;                ///< of the specification's file
    std::string version;               ///< of CDI
    std::vector<std::string> devices;  ///< qualified names
};

/// Everything that a specification of the selected generation is made of, and that its rivals are judged by: the
/// generation's directories and nodes, GPUs as the driver tells them, configuration, others' specifications. By
/// identity and time of change, not by content; as a digest.
/// @return nullopt where looking at files is not enough: GPUs in MIG mode, sockets of daemons, no such generation
[[nodiscard]] std::optional<std::string> cdi_inputs(const Services& services, const Store& store, const Config& config,
                                                    const LocalState& local);

/// Remembers a seal until the next boot.
void write_cdi_seal(const Root& root, const CdiSeal& seal);

/// The seal, when it is not broken: the same inputs, and the file as it was written.
[[nodiscard]] std::optional<CdiSeal> unbroken_cdi_seal(const Services& services, const Store& store,
                                                       const Config& config, const LocalState& local);

}  // namespace overdrive
