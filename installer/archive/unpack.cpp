#include "archive/unpack.hpp"

#include <fmt/format.h>

#include "archive/blob_stages.hpp"
#include "archive/layer_reader.hpp"
#include "support/error.hpp"

namespace overdrive {

std::vector<UnpackedFile> unpack_layer(const ReadLayer& read, const LayerDescriptor& layer, int staging,
                                       const UnpackRules& rules, Progress& progress) {
    std::vector<UnpackedFile> written;
    BlobStages stages;
    stages.fetch = read;
    stages.decode = [&](DecodeAhead::Pull compressed, DecodeAhead::Fail fail) {
        return decode_ahead(layer.media_type, std::move(compressed), std::move(fail));
    };
    stages.write = [&](const BlobStages::Pull& unpacked) {
        LayerReader reader{unpacked, staging, rules};
        reader.run();
        written = reader.take_written();
    };
    attempting(fmt::format("{} layer", to_string(layer.role)), [&] {
        progress.begin(fmt::format("fetching {}", to_string(layer.role)), layer.size);
        run_stages(stages, progress);
        progress.end();
    });
    return written;
}

std::vector<UnpackedFile> unpack_layer(ArtifactSource& source, const LayerDescriptor& layer, int staging,
                                       const UnpackRules& rules, Progress& progress) {
    return unpack_layer([&](const ArtifactSource::Sink& sink) { source.read_blob(layer, sink); }, layer, staging, rules,
                        progress);
}

}  // namespace overdrive
