#include "store/fetch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

#include "archive/unpack.hpp"
#include "model/completeness.hpp"
#include "store/apply_delta.hpp"
#include "store/copy_tree.hpp"
#include "store/reuse.hpp"
#include "store/space.hpp"
#include "store/tree_check.hpp"
#include "support/sha256.hpp"

namespace overdrive {

namespace {

constexpr std::uint64_t kMiB = 1ULL << 20U;
/// What a modules layer may hold at most; its own driver.json says more exactly, but comes with it.
constexpr std::uint64_t kMostModulesBytes = 2048 * kMiB;
constexpr std::uint64_t kMostMembers = 10'000;
constexpr std::uint64_t kMostDriverJson = 16 * kMiB;
constexpr std::uint64_t kMostProgramBytes = 256 * kMiB;
constexpr std::uint64_t kMostProgramMembers = 2'000;

const LayerDescriptor& layer_of(const ResolvedArtifact& artifact, LayerRole role) {
    const auto found = std::find_if(artifact.layers.begin(), artifact.layers.end(),
                                    [&](const LayerDescriptor& layer) { return layer.role == role; });
    if (found == artifact.layers.end()) {
        throw Error{Errc::incomplete_artifact, fmt::format("the image has no layer for {}", to_string(role))};
    }
    return *found;
}

FetchResult read_driver_json(const Staging& staging, const Root& root) {
    auto json = root.read_file(staging.path() + "/" + kDriverJson, kMostDriverJson);
    if (!json) throw Error{Errc::incomplete_artifact, "the modules layer has no driver.json"};
    DriverManifest manifest = DriverManifest::parse(*json);
    return {.manifest = std::move(manifest),
            .driver_json = std::move(*json),
            .signature = root.read_file(staging.path() + "/" + kDriverJsonSignature, kMostDriverJson),
            .not_reused = {}};
}

/// Who vouches for retained files in the place of a hash; nobody for a pair that is installed and fetched again: what
/// is wrong with it may be a block of the disk, and its files would come back with every hard link to them.
ContentGuard* guard_for(const DriverManifest& manifest, const Store& store, ContentGuard* guard) {
    return store.find_generation(manifest.pair()) ? nullptr : guard;
}

/// What the modules layer brought, against the driver.json that came with it. Missing files and modes are found by
/// check_tree at the end.
void check_modules(const DriverManifest& manifest, const std::vector<UnpackedFile>& written) {
    for (const UnpackedFile& file : written) {
        if (file.path == kDriverJson || file.path == kDriverJsonSignature) continue;
        const auto spec =
            std::lower_bound(manifest.files.begin(), manifest.files.end(), file.path,
                             [](const FileSpec& listed, const std::string& path) { return listed.path < path; });
        if (spec == manifest.files.end() || spec->path != file.path || spec->layer != LayerRole::modules) {
            throw Error{Errc::bad_archive,
                        fmt::format("'{}' is in the modules layer, but driver.json does not list it there", file.path)};
        }
        if (spec->sha256 != file.sha256) {
            throw Error{Errc::digest_mismatch,
                        fmt::format("'{}' hashes to {}, driver.json says {}", file.path, file.sha256, spec->sha256)};
        }
    }
}

std::vector<Pair> generations_with(const Store& store, const Digest& user_space) {
    std::vector<Pair> out;
    for (const GenerationInfo& generation : store.list_generations()) {
        const Digest* installed = generation.layer(LayerRole::user_space);
        if (installed != nullptr && *installed == user_space) out.push_back(generation.pair);
    }
    return out;
}

/// Takes user space from a retained generation with the same layer. @return whether that worked
bool reuse_user_space(FetchResult& result, const Digest& layer, const Staging& staging, const Store& store,
                      Progress& progress, ContentGuard* guard) {
    for (const Pair& pair : generations_with(store, layer)) {
        progress.begin(fmt::format("reusing user space of {}", pair.path()), 0);
        CloneResult clone = clone_user_space(store, pair, staging, result.manifest, guard);
        progress.end();
        result.reused_user_space = clone.reused;
        result.rehashed_bytes = clone.hashed_bytes;
        result.vouched_bytes = clone.vouched_bytes;
        if (clone.reused) return true;
        result.not_reused = std::move(clone.reason);
    }
    return false;
}

/// As `reuse_user_space`, by the digest that the image has and by the one that driver.json was made with: they differ
/// when a tool compressed the layers anew (podman push, skopeo --dest-compress). The content is the same, or is
/// refused: every file is held against driver.json.
bool reuse_any_user_space(FetchResult& result, const Digest& layer, const Staging& staging, const Store& store,
                          Progress& progress, ContentGuard* guard) {
    if (reuse_user_space(result, layer, staging, store, progress, guard)) return true;
    const std::optional<Digest>& original = result.manifest.user_space_layer;
    return original && *original != layer &&
           reuse_user_space(result, Digest{*original}, staging, store, progress, guard);
}

void fetch_user_space(FetchResult& result, ArtifactSource& source, const LayerDescriptor& layer, const Staging& staging,
                      const Store& store, Progress& progress) {
    std::map<std::string, FileSpec, std::less<>> expected;
    for (const FileSpec& file : result.manifest.files) {
        if (file.layer == LayerRole::user_space) expected.emplace(file.path, file);
    }
    const SpaceLeft left = space_left(store);
    require_space(store, left, space_of(result.manifest, false, true, left.block_bytes));
    const UnpackRules rules{.prefix = "driver/",
                            .most_bytes = space_of(result.manifest, false, true, 1).bytes,
                            // files and links, and directories: at most a few for each
                            .most_members = 4 * expected.size() + 64,
                            .most_top_file = 0,
                            .expected = &expected,
                            // Who vouches for driver.json vouches for the layer that it names, whole.
                            .layer_vouches = result.manifest.user_space_layer == layer.digest};
    unpack_layer(source, layer, staging.fd(), rules, progress);
    result.bytes_downloaded += layer.size;
}

/// Makes user space with a delta, where one is of use here. @return whether that worked
bool patch_user_space(FetchResult& result, ArtifactSource& source, const LayerDescriptor& layer,
                      std::span<const OfferedDelta> deltas, const Staging& staging, const Store& store,
                      Progress& progress, ContentGuard* guard) {
    const auto usable = find_usable_delta(deltas, layer, store);
    if (!usable) return false;
    try {
        apply_delta(source, *usable, staging, store, result.manifest, progress, guard);
    } catch (const Error& error) {
        // What the whole layer would not get over either.
        if (error.code() == Errc::interrupted || error.code() == Errc::no_space) throw;
        result.delta_failed =
            fmt::format("the delta {} from {}: {}", usable->delta.blob.text(), usable->from.path(), error.what());
        return false;
    }
    result.delta = usable->delta;
    result.bytes_downloaded += usable->delta.download_bytes;
    return true;
}

/// What the driver layers announce, without user space that a retained generation has.
UnpackedSize announced_need(const ResolvedArtifact& artifact, const Store& store, const SpaceLeft& left) {
    const bool reuses = !generations_with(store, layer_of(artifact, LayerRole::user_space).digest).empty();
    return announced_space(artifact, reuses, left.block_bytes);
}

}  // namespace

void require_room_for(const ResolvedArtifact& artifact, const Store& store) {
    const SpaceLeft left = space_left(store);
    require_space(store, left, announced_need(artifact, store, left));
}

FetchResult fetch_artifact(ArtifactSource& source, const ResolvedArtifact& artifact, const Staging& staging,
                           const Store& store, Progress& progress, const ManifestCheck& check,
                           std::span<const OfferedDelta> deltas, ContentGuard* guard) {
    UnpackedSize need;
    const auto fetch = [&] {
        const LayerDescriptor& modules = layer_of(artifact, LayerRole::modules);
        const LayerDescriptor& user_space = layer_of(artifact, LayerRole::user_space);
        const SpaceLeft left = space_left(store);
        need = announced_need(artifact, store, left);
        require_space(store, left, need);
        const UnpackRules rules{.prefix = "driver/",
                                .most_bytes = kMostModulesBytes,
                                .most_members = kMostMembers,
                                .most_top_file = kMostDriverJson,
                                .expected = nullptr};
        const auto written = unpack_layer(source, modules, staging.fd(), rules, progress);
        FetchResult result = read_driver_json(staging, store.root());
        need = space_of(result.manifest, true, true, left.block_bytes);
        result.bytes_downloaded = modules.size;
        check_modules(result.manifest, written);
        if (check) check(result.manifest, result.driver_json, result.signature);
        require_complete(result.manifest);
        ContentGuard* const voucher = guard_for(result.manifest, store, guard);
        if (!reuse_any_user_space(result, user_space.digest, staging, store, progress, voucher) &&
            !patch_user_space(result, source, user_space, deltas, staging, store, progress, voucher)) {
            fetch_user_space(result, source, user_space, staging, store, progress);
        }
        check_tree(store.root(), staging.path(), result.manifest);
        return result;
    };
    return attempting(fmt::format("fetch {}", artifact.reference), [&] { return telling_space(store, need, fetch); });
}

FetchResult copy_unpacked(const Root& image, const Staging& staging, const Store& store, Progress& progress,
                          const ManifestCheck& check, ContentGuard* guard) {
    UnpackedSize need;
    const auto copy = [&] {
        TreeCopier copier{image, staging, progress};
        copier.copy_small(kDriverJson, kMostDriverJson);
        if (image.exists(std::string{"/driver/"} + kDriverJsonSignature)) {
            copier.copy_small(kDriverJsonSignature, kMostDriverJson);
        }
        FetchResult result = read_driver_json(staging, store.root());
        copier.refuse_unlisted(result.manifest);
        if (check) check(result.manifest, result.driver_json, result.signature);
        require_complete(result.manifest);
        const auto& layer = result.manifest.user_space_layer;
        const SpaceLeft left = space_left(store);
        const bool reuses = layer && !generations_with(store, *layer).empty();
        need = space_of(result.manifest, true, !reuses, left.block_bytes);
        require_space(store, left, need);
        const bool reused = reuses && reuse_user_space(result, *layer, staging, store, progress,
                                                       guard_for(result.manifest, store, guard));
        if (reuses && !reused) require_space(store, space_of(result.manifest, true, true, left.block_bytes));
        copier.copy_files(result.manifest, !reused);
        check_tree(store.root(), staging.path(), result.manifest);
        return result;
    };
    return attempting(fmt::format("copy the driver out of '{}'", image.host_path("/driver")),
                      [&] { return telling_space(store, need, copy); });
}

void unpack_program(ArtifactSource& source, const ResolvedArtifact& artifact, const Staging& staging,
                    Progress& progress) {
    attempting(fmt::format("fetch the program of {}", artifact.reference), [&] {
        const UnpackRules rules{.prefix = "overdrive/",
                                .most_bytes = kMostProgramBytes,
                                .most_members = kMostProgramMembers,
                                .most_top_file = 0,
                                .expected = nullptr};
        const auto written =
            unpack_layer(source, layer_of(artifact, LayerRole::program), staging.fd(), rules, progress);
        const bool has_program = std::any_of(written.begin(), written.end(), [](const UnpackedFile& file) {
            return file.path == "bin/overdrive" && file.mode == 0755;
        });
        if (!has_program) {
            throw Error{Errc::incomplete_artifact, "the program layer has no executable bin/overdrive"};
        }
    });
}

GenerationInfo describe_generation(const FetchResult& fetched, const ResolvedArtifact* artifact,
                                   std::string_view reference, std::chrono::seconds installed_at) {
    GenerationInfo info{.pair = fetched.manifest.pair(),
                        .kernel_release = fetched.manifest.kernel_release,
                        .manifest_digest = std::nullopt,
                        .reference = std::string{reference},
                        .driver_json_digest = Digest::from_hex(sha256_hex(fetched.driver_json)),
                        .installed_at = installed_at,
                        .size_bytes = space_of(fetched.manifest, true, true, 1).bytes,
                        .layers = {}};
    if (artifact != nullptr) {
        info.manifest_digest = artifact->manifest_digest;
        for (const LayerDescriptor& layer : artifact->layers) info.layers.push_back({layer.role, layer.digest});
    } else if (fetched.manifest.user_space_layer) {
        info.layers.push_back({LayerRole::user_space, *fetched.manifest.user_space_layer});
    }
    return info;
}

}  // namespace overdrive
