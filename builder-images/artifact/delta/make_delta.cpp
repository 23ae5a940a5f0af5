#include "builder-images/artifact/delta/make_delta.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "archive/unpack.hpp"
#include "builder-images/artifact/delta/delta_image.hpp"
#include "builder-images/artifact/delta/delta_plan.hpp"
#include "builder-images/artifact/inspect.hpp"
#include "builder-images/artifact/manifest_links.hpp"
#include "builder-images/artifact/size_text.hpp"
#include "builder-images/artifact/source_tree.hpp"
#include "registry/pair_index_manifest.hpp"
#include "support/error.hpp"
#include "support/sha256.hpp"

namespace overdrive {

namespace {

/// What is known of one end before anything large is read.
struct End {
    DriverManifest driver;
    LayerDescriptor layer;
};

End read_end(const DeltaEnd& end, const DeltaOptions& options) {
    const InspectedImage image =
        inspect(end.place, end.image, {.tag = {}, .architecture = options.architecture, .every_blob = false});
    const auto layer = std::find_if(image.layers.begin(), image.layers.end(), [](const InspectedImage::Layer& each) {
        return each.role == to_string(LayerRole::user_space);
    });
    if (layer == image.layers.end())
        throw Error{Errc::incomplete_artifact, fmt::format("'{}' has no user-space layer", end.name)};
    const auto manifest = end.place.manifest(image.manifest);
    if (!manifest) throw Error{Errc::incomplete_artifact, fmt::format("'{}' lost its manifest", end.name)};
    for (const BlobDescriptor& blob : links_of(*manifest).blobs) {
        if (blob.digest != layer->digest) continue;
        return {image.driver, {blob.digest, blob.size, blob.media_type, LayerRole::user_space}};
    }
    throw Error{Errc::bad_manifest, fmt::format("the manifest of '{}' does not name its user-space layer", end.name)};
}

/// Unpacks a user-space layer, every file of it checked.
void unpack(ImageReader& place, const End& end, const Root& tree, Progress& progress) {
    std::map<std::string, FileSpec, std::less<>> expected;
    for (const FileSpec& file : end.driver.files)
        if (file.layer == LayerRole::user_space) expected.emplace(file.path, file);
    const UnpackRules rules{.prefix = "driver/",
                            .most_bytes = end.driver.size_bytes,
                            .most_members = 4 * expected.size() + 64,
                            .most_top_file = 0,
                            .expected = &expected,
                            .layer_vouches = end.driver.user_space_layer == end.layer.digest};
    const UniqueFd directory = tree.open("/", O_RDONLY | O_DIRECTORY);
    const BlobDescriptor blob{end.layer.media_type, end.layer.digest, end.layer.size, {}};
    static_cast<void>(unpack_layer([&](const ImageReader::Sink& sink) { place.read_blob(blob, sink); }, end.layer,
                                   directory.get(), rules, progress));
}

Root make_directory(const Root& work, const char* name) {
    work.make_directories(name);
    return Root{work.host_path(name)};
}

Digest digest_of(const Root& work) {
    Sha256 hash;
    read_pieces(work, kDeltaFile, [&](std::string_view bytes) { hash.update(bytes); });
    return Digest::from_hex(hash.finish());
}

void require_different(const End& old_end, const End& new_end, const DeltaEnd& from, const DeltaEnd& to) {
    if (old_end.layer.digest == new_end.layer.digest)
        throw Error{Errc::usage, fmt::format("'{}' and '{}' have the same user space: nodes fetch nothing of it",
                                             from.name, to.name)};
    if (old_end.driver.architecture != new_end.driver.architecture)
        throw Error{Errc::usage, fmt::format("'{}' is for {}, '{}' for {}", from.name, old_end.driver.architecture,
                                             to.name, new_end.driver.architecture)};
}

}  // namespace

MadeDelta make_delta(const DeltaEnd& from, const DeltaEnd& to, const DeltaOptions& options, const Root& work,
                     Progress& progress, const std::function<void(std::string_view)>& say) {
    const End old_end = read_end(from, options);
    const End new_end = read_end(to, options);
    require_different(old_end, new_end, from, to);
    const Root old_files = make_directory(work, "from");
    const Root new_files = make_directory(work, "to");
    unpack(from.place, old_end, old_files, progress);
    unpack(to.place, new_end, new_files, progress);
    const UserSpaceTree old_tree{old_files, old_end.driver, old_end.layer.digest};
    const UserSpaceTree new_tree{new_files, new_end.driver, new_end.layer.digest};
    MadeDelta made{.delta = {.from = old_tree.layer,
                             .to = new_tree.layer,
                             .from_version = old_end.driver.driver_version,
                             .to_version = new_end.driver.driver_version,
                             .manifest = new_tree.layer,
                             .blob = new_tree.layer},
                   .summary = write_delta(old_tree, new_tree, options.zstd_level, work),
                   .layer_bytes = new_end.layer.size};
    made.delta.download_bytes = delta_bytes(work);
    const std::string sizes =
        fmt::format("{} instead of {}", size_text(made.delta.download_bytes), size_text(made.layer_bytes));
    if (!is_worthwhile(made.delta.download_bytes, made.layer_bytes))
        throw Error{Errc::answer_is_no, fmt::format("a delta from {} to {} is not worthwhile: {}",
                                                    made.delta.from_version, made.delta.to_version, sizes)};
    check_delta(old_tree, new_tree, work);
    made.delta.blob = digest_of(work);
    made.delta.manifest = delta_manifest(made.delta).digest;
    say(fmt::format("delta from {} to {}: {}; applied once, every file is right", made.delta.from_version,
                    made.delta.to_version, sizes));
    return made;
}

bool put_delta(ImageWriter& place, const OfferedDelta& delta, const Root& work, Progress& progress) {
    const std::string_view config = kEmptyConfig;
    const BlobDescriptor empty{kEmptyConfigType, Digest::from_hex(sha256_hex(config)), config.size(), {}};
    const auto put = [&](const BlobDescriptor& blob, const std::function<void(const ImageReader::Sink&)>& read) {
        if (place.has_blob(blob)) return;
        BlobOrigin origin;
        origin.read = read;
        origin.moved = [&](std::int64_t bytes) {
            if (bytes > 0) progress.advance(static_cast<std::uint64_t>(bytes));
        };
        place.put_blob(blob, origin);
    };
    progress.begin("sending the delta", delta.download_bytes);
    put(empty, [&](const ImageReader::Sink& sink) { sink(config); });
    put({kDeltaType, delta.blob, delta.download_bytes, {}},
        [&](const ImageReader::Sink& sink) { read_pieces(work, kDeltaFile, sink); });
    progress.end();
    const RawManifest manifest = delta_manifest(delta);
    place.put_manifest(manifest);
    return place.put_tag(tag_of(delta), manifest);
}

}  // namespace overdrive
