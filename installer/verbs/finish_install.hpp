#pragma once

#include <functional>
#include <optional>
#include <string>

#include "store/store.hpp"
#include "transaction/steps/fill_staging.hpp"
#include "trust/image_trust.hpp"
#include "verbs/ask_index.hpp"
#include "verbs/install.hpp"

namespace overdrive {

/// What an install did before its driver is put in force.
struct Installed {
    Pair pair;
    bool fetched = false;  ///< false: it was installed already
    std::uint64_t bytes_downloaded = 0;
    bool reused_user_space = false;
    std::uint64_t rehashed_bytes = 0;  ///< of reused user space, read and hashed again
    std::uint64_t vouched_bytes = 0;   ///< of reused user space, unread: the kernel guards it
    std::string delta_from{};          ///< version whose user space a delta was applied to; empty: none was
    std::string reference;
    std::optional<Vouching> vouching{};   ///< of what was fetched, else of what is installed; nullopt: not known
    ImageClaim claim{};                   ///< of what was fetched
    std::optional<IndexWord> index{};     ///< of the pair index that named it
    std::optional<Record> record_before;  ///< set by publish_and_record
    bool daemons_were_stopped = false;    ///< by a run that was cut off
};

/// Refuses an artifact that is not for this host. @throws Error incomplete_artifact naming what differs
void require_fit(const DriverManifest& manifest, const HostFacts& facts, const std::string& os_key);

/// What an install makes of the record: its pair is wanted from now on.
/// @param verb for the history
[[nodiscard]] std::function<void(Record&)> installed_record(Services& services, const Config& config,
                                                            const Installed& installed, std::string_view verb);

/// Fills, publishes and records a generation as one transaction: all of it or nothing. Without means to fill it is
/// installed already and only recorded.
void publish_and_record(Services& services, Store& store, const Config& config, Installed& installed,
                        FillStaging::Means means, std::string_view verb, Report& report);

/// The same with another change of the record, which is made once the generation is published.
void publish_and_record(Services& services, Store& store, Installed& installed, FillStaging::Means means,
                        std::string_view verb, const std::function<void(Record&)>& change, Report& report);

/// What follows the commit point: the program, the units, the activation, nvidia.service. Each is idempotent.
/// @param bring_program brings a newer program when the driver is in force; may be empty
/// @param lock given up before systemd is asked to start what takes it
ExitCode finish_install(const InstallOptions& options, Services& services, Store& store, const Config& config,
                        const Installed& installed, const std::function<bool()>& bring_program, Lock lock,
                        Report& report);

}  // namespace overdrive
