#include "builder-images/artifact/layer_cache.hpp"

#include <archive.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <zstd.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "builder-images/artifact/zstd_frames.hpp"
#include "model/json_reader.hpp"
#include "support/sha256.hpp"

namespace overdrive {

namespace {

Root make_root(const std::string& directory) {
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error) throw Error::from_errno(Errc::io, error.value(), fmt::format("make the directory '{}'", directory));
    return Root{directory};
}

std::string blob_name(const std::string& key) { return key + ".tar.zst"; }
std::string note_name(const std::string& key) { return key + ".json"; }

}  // namespace

LayerCache::LayerCache(const std::string& directory) : root_{make_root(directory)} {}

std::string LayerCache::key_of(const LayerContent& content, int zstd_level) {
    Sha256 hash;
    hash.update(fmt::format("layer 2\n{}\n{}\n{} {}\n{}\n", archive_version_string(), ZSTD_versionString(), zstd_level,
                            ZstdFrames::kFrameBytes, content.prefix));
    for (const TreeEntry& entry : content.entries) {
        hash.update(fmt::format("{}\n{} {:o} {} {} {}\n", entry.path, static_cast<int>(entry.kind), entry.mode,
                                entry.size, entry.sha256, entry.link_target));
    }
    for (const Document& document : content.documents)
        hash.update(fmt::format("{}\n{}\n{}", document.path, document.content.size(), document.content));
    return hash.finish();
}

std::optional<PackedLayer> LayerCache::get(const std::string& key, OciLayout& layout) const {
    const auto note = root_.read_file(note_name(key));
    if (!note || !root_.exists(blob_name(key))) return std::nullopt;
    try {
        const JsonReader reader = JsonReader::parse(*note, root_.host_path(note_name(key)), Errc::bad_manifest);
        const Digest digest = Digest::parse(reader.string("digest"));
        const BlobDescriptor blob =
            layout.add(kLayerType, [&](const OciLayout::Sink& sink) { read_pieces(root_, blob_name(key), sink); });
        if (blob.digest != digest) return std::nullopt;
        return PackedLayer{blob, Digest::parse(reader.string("diff_id")), reader.number("tar_bytes"), {}};
    } catch (const Error& error) {
        if (error.code() == Errc::bad_manifest || error.code() == Errc::bad_reference) return std::nullopt;
        throw;
    }
}

void LayerCache::put(const std::string& key, const PackedLayer& layer, const OciLayout& layout) const {
    const std::string incoming = fmt::format(".{}.{}", key, ::getpid());
    {
        const UniqueFd file = root_.open(incoming, O_WRONLY | O_CREAT | O_TRUNC, 0644);
        layout.read(layer.blob, [&](std::string_view piece) { write_all(file.get(), piece, incoming); });
    }
    root_.rename(incoming, blob_name(key));
    const nlohmann::ordered_json note{
        {"digest", layer.blob.digest.text()}, {"diff_id", layer.diff_id.text()}, {"tar_bytes", layer.tar_bytes}};
    root_.write_file(note_name(key), note.dump() + "\n");
}

}  // namespace overdrive
