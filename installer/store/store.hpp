#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/driver_manifest.hpp"
#include "model/pair.hpp"
#include "ports/clock.hpp"
#include "store/generation.hpp"
#include "store/lock.hpp"
#include "store/record.hpp"
#include "store/staging.hpp"
#include "support/root.hpp"

namespace overdrive {

/// Everything below /opt/nvidia. Methods that write expect the caller to hold the lock.
class Store {
public:
    /// @param root must outlive the store @param directory host path of the install root
    explicit Store(const Root& root, std::string directory = "/opt/nvidia");

    [[nodiscard]] const Root& root() const noexcept { return root_; }
    [[nodiscard]] const std::string& directory() const noexcept { return directory_; }  ///< `/opt/nvidia`
    [[nodiscard]] std::string current_path() const;                                     ///< `/opt/nvidia/current`
    [[nodiscard]] std::string generation_path(const Pair& pair) const;                  ///< `/opt/nvidia/<driver>/<os>`
    [[nodiscard]] std::string record_path() const;
    [[nodiscard]] std::string journal_path() const;
    [[nodiscard]] std::string state_path(std::string_view name) const;  ///< `/opt/nvidia/.overdrive/<name>`
    /// Of the commit record: `/opt/nvidia/.overdrive/generations/<driver>@<os>.json`
    [[nodiscard]] std::string commit_path(const Pair& pair) const;

    /// Makes the install root and what is below .overdrive. @throws Error read_only, io
    void prepare();
    /// @throws Error busy naming the holder; prepare() must have been called
    [[nodiscard]] Lock lock(std::string_view verb, std::chrono::milliseconds timeout, Clock& clock);
    /// Who holds the lock; nullopt when nobody does.
    [[nodiscard]] std::optional<std::string> lock_holder() const;

    /// A new, empty tree to write a generation into.
    [[nodiscard]] Staging make_staging();
    /// Takes over a tree that another process left with Staging::release(). @throws Error io when it is not there
    [[nodiscard]] Staging adopt_staging(std::string_view id);
    /// Removes the trees of dead runs; call it under the lock. What a living process holds stays. @return their ids
    std::vector<std::string> remove_stale_staging();
    /// Removes what runs that were cut off left beside our files, commit records whose tree is gone and empty
    /// directories of drivers; call it under the lock. @return the paths
    std::vector<std::string> remove_leftovers();
    /// Removes the tree of a pair whose publishing was cut off before its commit record was written.
    /// @return whether there was one
    bool discard_unpublished(const Pair& pair);

    /// Syncs the tree, renames it to its final name and then writes the commit record: a power cut at any moment leaves
    /// the whole generation or none. One that is there already is replaced in one exchange.
    void publish(Staging staging, const GenerationInfo& generation);
    /// The generations that have a tree and an intact commit record, sorted by pair path.
    [[nodiscard]] std::vector<GenerationInfo> list_generations() const;
    [[nodiscard]] std::optional<GenerationInfo> find_generation(const Pair& pair) const;
    /// @throws Error incomplete_artifact when there is none, digest_mismatch when driver.json is not the one that was
    ///         installed, bad_manifest
    [[nodiscard]] DriverManifest read_manifest(const Pair& pair) const;
    /// In one rename it is no generation any more; then its files go. Absent is no error.
    void remove_generation(const Pair& pair);

    /// For a run that acts on what it finds. @throws Error io when the file cannot be read
    [[nodiscard]] RecordLook look_at_record() const;
    /// nullopt when there is none yet. @throws Error bad_record when it is damaged
    [[nodiscard]] std::optional<Record> load_record() const;
    /// The same, but nullopt for a damaged one, which is to be rebuilt: the generations carry their own commit records.
    /// @throws Error bad_record when a newer program wrote it: not ours to write over
    [[nodiscard]] std::optional<Record> load_usable_record() const;
    /// Whether a newer program wrote the record: load_record() refuses it, and it must not be written over.
    [[nodiscard]] bool record_is_newer() const;
    /// Renames a record that cannot be read to `record.json.damaged`, for people. @return whether there was one
    bool set_damaged_record_aside();
    /// Durable on return.
    void save_record(const Record& record);
    /// Durable on return; absent is no error.
    void remove_record();

    /// nullopt when nothing is current. @throws Error bad_record when the link leads to no pair
    [[nodiscard]] std::optional<Pair> read_current() const;
    /// By rename; durable on return.
    void point_current(const Pair& pair);
    /// @return whether there was one
    bool remove_current();

private:
    /// The generation of a commit record, when it is intact and has its tree. @param name of its file
    [[nodiscard]] std::optional<GenerationInfo> read_commit(const std::string& name) const;
    [[nodiscard]] std::string new_staging_path();
    void remove_aside(const std::string& path);
    void remove_if_empty(const std::string& directory);

    const Root& root_;
    std::string directory_;
};

/// Makes everything below `path` durable: every file, then every directory, several at a time.
void sync_tree(const Root& root, const std::string& path);

}  // namespace overdrive
