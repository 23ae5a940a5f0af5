#include "store/apply_delta.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <map>
#include <memory>

#include "archive/blob_stages.hpp"
#include "archive/byte_queue.hpp"
#include "archive/delta_reader.hpp"
#include "archive/slice_reader.hpp"
#include "archive/tree_writer.hpp"
#include "model/same_files.hpp"
#include "support/interruption.hpp"

namespace overdrive {

namespace {

using FilesByPath = std::map<std::string, const FileSpec*, std::less<>>;

FilesByPath user_space_of(const DriverManifest& manifest) {
    FilesByPath files;
    for (const FileSpec& spec : manifest.files)
        if (spec.layer == LayerRole::user_space) files.emplace(spec.path, &spec);
    return files;
}

/// One delta on its way from the source to the tree.
class Application {
public:
    Application(const UsableDelta& usable, const Staging& staging, const Store& store, const DriverManifest& wanted,
                ContentGuard* guard)
        : usable_{usable}, staging_{staging}, store_{store}, wanted_{wanted}, guard_{guard} {}

    void run(ArtifactSource& source, Progress& progress) {
        const LayerDescriptor blob{.digest = usable_.delta.blob,
                                   .size = usable_.delta.download_bytes,
                                   .media_type = kDeltaType,
                                   .role = LayerRole::user_space};
        const auto table = std::make_shared<std::promise<DeltaTable>>();
        std::future<DeltaTable> read = table->get_future();
        BlobStages stages;
        stages.fetch = [&](const ArtifactSource::Sink& sink) { source.read_blob(blob, sink); };
        stages.decode = [&](const DecodeAhead::Pull& pull, DecodeAhead::Fail fail) {
            const auto decode_all = [this, pull, table](ByteQueue& made) { decode(pull, made, std::move(*table)); };
            return decode_in_thread(decode_all, std::move(fail));
        };
        stages.write = [&](const BlobStages::Pull& made) { write(made, read); };
        run_stages(stages, progress);
    }

    /// Takes back what was made.
    void undo() {
        TreeWriter writer{staging_.fd()};
        for (const auto& [path, spec] : user_space_of(wanted_)) writer.remove(path);
    }

private:
    /// Fails before the writer waits for a table in vain: a promise that is left wakes it.
    void decode(const BlobStages::Pull& pull, ByteQueue& made, std::promise<DeltaTable> promise) const {
        SliceReader old{store_.root().open(store_.generation_path(usable_.from), O_PATH | O_DIRECTORY)};
        DeltaReader reader{pull, [&](const std::string& path, std::uint64_t offset, std::span<char> out) {
                               attempting("the installed driver", [&] { old.read(path, offset, out); });
                           }};
        const DeltaTable table = reader.read_table();
        if (table.from != usable_.delta.from || table.to != usable_.delta.to)
            throw Error{Errc::bad_manifest, fmt::format("the delta leads from {} to {}, not as the pair index says",
                                                        table.from.text(), table.to.text())};
        promise.set_value(table);
        for (const DeltaFile& file : table.files)
            for (const DeltaPiece& piece : file.pieces) made.append(reader.read_piece(file, piece));
        reader.finish();
    }

    void write(const BlobStages::Pull& made, std::future<DeltaTable>& read) const {
        const DeltaTable table = [&] {
            try {
                return read.get();
            } catch (const std::future_error&) {
                throw QueueClosed{};  // decoding failed before it had one
            }
        }();
        clone_rest(table);
        const FilesByPath files = user_space_of(wanted_);
        TreeWriter writer{staging_.fd()};
        std::string_view rest;
        for (const DeltaFile& file : table.files) {
            const FileSpec& spec = *files.at(file.path);
            writer.begin_file(spec.path, (spec.mode & 0100U) != 0);
            for (std::uint64_t left = spec.size; left > 0;) {
                if (rest.empty()) rest = made();
                const std::string_view bytes = rest.substr(0, left);
                writer.write(bytes);
                rest.remove_prefix(bytes.size());
                left -= bytes.size();
            }
            if (const std::string got = writer.end_file(); got != spec.sha256) {
                throw Error{Errc::digest_mismatch,
                            fmt::format("the delta makes a '{}' that hashes to {}, driver.json says {}", spec.path, got,
                                        spec.sha256)};
            }
        }
        // To its end, so that the whole delta is fetched and hashed.
        static_cast<void>(made());
    }

    void clone_rest(const DeltaTable& table) const {
        const DriverManifest old_tree = store_.read_manifest(usable_.from);
        const CloneResult clone =
            clone_files(store_, usable_.from, staging_, files_beside_delta(table, old_tree, wanted_), guard_);
        if (!clone.reused) throw Error{Errc::incomplete_artifact, clone.reason};
    }

    const UsableDelta& usable_;
    const Staging& staging_;
    const Store& store_;
    const DriverManifest& wanted_;
    ContentGuard* guard_;
};

}  // namespace

std::optional<UsableDelta> find_usable_delta(std::span<const OfferedDelta> offered, const LayerDescriptor& wanted,
                                             const Store& store) {
    std::optional<UsableDelta> best;
    if (offered.empty()) return best;
    const std::vector<GenerationInfo> generations = store.list_generations();
    for (const OfferedDelta& delta : offered) {
        if (delta.to != wanted.digest || delta.download_bytes >= wanted.size) continue;
        if (best && best->delta.download_bytes <= delta.download_bytes) continue;
        const auto has_it = std::find_if(generations.begin(), generations.end(), [&](const GenerationInfo& generation) {
            const Digest* installed = generation.layer(LayerRole::user_space);
            return installed != nullptr && *installed == delta.from;
        });
        if (has_it != generations.end()) best = UsableDelta{delta, has_it->pair};
    }
    return best;
}

std::vector<FileToClone> files_beside_delta(const DeltaTable& table, const DriverManifest& old_tree,
                                            const DriverManifest& wanted) {
    FilesByPath files = user_space_of(wanted);
    for (const DeltaFile& file : table.files) {
        const auto spec = files.find(file.path);
        if (spec == files.end() || spec->second->is_link() || spec->second->size != file.size()) {
            throw Error{Errc::bad_manifest,
                        fmt::format("the delta makes a '{}' of {} bytes, which driver.json does not list so", file.path,
                                    file.size())};
        }
        files.erase(spec);
    }
    const SameFiles old_files{old_tree};
    std::vector<FileToClone> rest;
    for (const auto& [path, spec] : files) {
        const FileSpec* same = spec->is_link() ? spec : old_files.find(*spec);
        if (same == nullptr)
            throw Error{Errc::bad_manifest,
                        fmt::format("neither the delta nor the installed {} has '{}'", old_tree.pair().path(), path)};
        rest.push_back({spec, same->path});
    }
    return rest;
}

void apply_delta(ArtifactSource& source, const UsableDelta& usable, const Staging& staging, const Store& store,
                 const DriverManifest& wanted, Progress& progress, ContentGuard* guard) {
    Application application{usable, staging, store, wanted, guard};
    progress.begin(fmt::format("fetching what changed since {}", usable.delta.from_version),
                   usable.delta.download_bytes);
    try {
        application.run(source, progress);
    } catch (...) {
        const Uninterruptible undoing;
        application.undo();
        throw;
    }
    progress.end();
}

}  // namespace overdrive
