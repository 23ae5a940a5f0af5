#include "unit/archive/delta_maker.hpp"

#include <zstd.h>

#include "archive/delta_reader.hpp"
#include "support/sha256.hpp"

namespace overdrive {

namespace {

Digest layer_of(const SampleArtifact& sample) { return Digest::from_hex(sha256_hex(sample.user_space_layer())); }

bool has_content(const SampleArtifact& sample, const std::string& content) {
    for (const auto& [path, there] : sample.user_space)
        if (there == content) return true;
    return false;
}

}  // namespace

DeltaMaker::DeltaMaker(const SampleArtifact& from, const SampleArtifact& to)
    : table{.from = layer_of(from), .to = layer_of(to)} {
    for (const auto& [path, content] : to.user_space) {
        if (has_content(from, content)) continue;
        const auto old = from.user_space.find(path);
        const std::string prefix = old == from.user_space.end() ? "" : old->second;
        frames.push_back(delta_frame(content, prefix));
        table.files.push_back(
            {.path = path,
             .old_path = prefix.empty() ? "" : path,
             .pieces = {{.bytes = content.size(), .frame_bytes = frames.back().size(), .slice_bytes = prefix.size()}}});
    }
}

std::string DeltaMaker::bytes() const {
    const std::string json = table.to_json();
    std::string out{kDeltaMagic};
    for (unsigned shift = 0; shift < 32; shift += 8) out += static_cast<char>((json.size() >> shift) & 0xFFU);
    out += json;
    for (const std::string& frame : frames) out += frame;
    return out;
}

std::string delta_frame(std::string_view bytes, std::string_view prefix, int window_log) {
    ZSTD_CCtx* context = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
    ZSTD_CCtx_refPrefix(context, prefix.data(), prefix.size());
    std::string out(ZSTD_compressBound(bytes.size()), '\0');
    out.resize(ZSTD_compress2(context, out.data(), out.size(), bytes.data(), bytes.size()));
    ZSTD_freeCCtx(context);
    return out;
}

}  // namespace overdrive
