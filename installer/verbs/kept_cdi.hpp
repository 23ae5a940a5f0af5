#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "model/config.hpp"
#include "model/pair.hpp"
#include "store/record.hpp"
#include "store/store.hpp"
#include "verbs/local_state.hpp"
#include "verbs/services.hpp"

namespace overdrive {

/// The CDI specification that activations keep for container engines: of the generation in force, by its real
/// directory, and of no other. It is ours by its first line.
[[nodiscard]] std::string kept_cdi_path(const Config& config);

/// What that file is to hold.
struct WantedCdi {
    std::optional<std::string> text;       ///< nullopt: there is to be no file
    std::string version{};                 ///< of CDI
    std::vector<std::string> devices{};    ///< qualified names
    std::string why_not{};                 ///< one sentence; empty when it is switched off
    std::vector<std::string> remarks{};    ///< what is worth knowing, a sentence each
    std::vector<std::string> put_aside{};  ///< files of others beside ours that take its devices away from engines
    bool deferred = false;                 ///< somebody else makes one, and the configuration leaves it to them
};

/// Makes what the file is to hold while this generation is in force. Looks only. The driver's libraries are not loaded
/// for it, but for UUIDs of MIG instances.
[[nodiscard]] WantedCdi wanted_cdi(const Services& services, const Store& store, const Config& config,
                                   const HostFacts& facts, const Pair& in_force);

/// How the file is, found out without making it: quick enough for monitoring.
struct CdiState {
    enum class Word {
        off,      ///< none is to be written
        none,     ///< there is none
        foreign,  ///< what is there is not ours
        stale,    ///< it is of another generation, or names what is not there
        current
    };
    Word word = Word::none;
    std::string path;
    std::string why{};  ///< one sentence; empty when current
    std::string version{};
    std::vector<std::string> devices{};  ///< qualified names

    [[nodiscard]] std::string text() const;
    [[nodiscard]] nlohmann::ordered_json to_json() const;
};
[[nodiscard]] CdiState look_at_cdi(const Services& services, const Store& store, const Config& config,
                                   const LocalState& local, const std::optional<Pair>& in_force);

/// Whether something is at `path` that is not ours; it is never overwritten.
[[nodiscard]] bool is_foreign_cdi(const Root& root, const std::string& path);

/// Takes away our specification wherever it is, by configuration and record. @return whether there was one
bool remove_kept_cdi(const Root& root, const Config& config, const Record& record);

/// Gives files that were put aside for ours their names again. @return those whose place is taken
[[nodiscard]] std::vector<std::string> restore_cdi_put_aside(const Root& root, const Config& config,
                                                             const Record& record);

/// How a record names the specification at `path` among what is ours: by its name, as its content changes.
[[nodiscard]] OwnedPath owned_cdi(const std::string& path);
[[nodiscard]] bool is_owned_cdi(const OwnedPath& owned);

}  // namespace overdrive
