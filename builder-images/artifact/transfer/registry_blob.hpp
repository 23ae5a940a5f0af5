#pragma once

#include <functional>
#include <string_view>

#include "builder-images/artifact/oci_layout.hpp"
#include "registry/registry_session.hpp"

namespace overdrive {

/// Reads a blob of a repository in ranges of `piece_bytes`, each asked for by itself: what takes the bytes may be slow,
/// another registry for instance, and no transfer has to wait for it. A range that breaks off is asked for again. A
/// registry that ignores ranges is read in one go.
///
/// @param sink gets all of the blob and nothing else when this returns; what it had before a throw proves nothing
/// @throws Error incomplete_artifact: it is not there; digest_mismatch, truncated; as RegistrySession::perform; what
///         `sink` throws
void read_registry_blob(RegistrySession& session, const BlobDescriptor& blob, std::uint64_t piece_bytes,
                        const std::function<void(std::string_view)>& sink);

}  // namespace overdrive
