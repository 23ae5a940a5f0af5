#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "archive/decode_ahead.hpp"
#include "ports/artifact_source.hpp"
#include "ports/progress.hpp"

namespace overdrive {

/// What is done to a blob on its way. Each may throw; QueueClosed says that another one failed.
struct BlobStages {
    /// Gives the next bytes, valid until the next call; empty at the end. @throws QueueClosed
    using Pull = std::function<std::string_view()>;

    std::function<void(const ArtifactSource::Sink& sink)> fetch;  ///< in a thread of its own, as `read_blob`
    std::function<std::unique_ptr<DecodeAhead>(DecodeAhead::Pull compressed, DecodeAhead::Fail fail)> decode;
    std::function<void(const Pull& decoded)> write;  ///< in the caller's thread
};

/// Fetches a blob, decodes and writes it side by side, over bounded queues of reused buffers: 4 MiB of what was
/// fetched, and what DecodeAhead takes. A failure in one stage ends the others.
///
/// The one nearest to the source is believed. What could be damage seen from behind (bad_archive, digest_mismatch) lets
/// the source run to its end, so that a flipped bit is told as the digest mismatch of the blob.
/// @param progress told of compressed bytes
/// @throws Error what the source or a stage threw
void run_stages(const BlobStages& stages, Progress& progress);

}  // namespace overdrive
