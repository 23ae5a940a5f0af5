#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "builder-images/artifact/layer_writer.hpp"
#include "builder-images/artifact/oci_layout.hpp"
#include "ports/artifact_source.hpp"

namespace overdrive {

/// What `overdrive-artifact pack` needs. Directories are trees as a node will have them.
struct PackOptions {
    std::string describe;                    ///< file: driver.json without the computed fields
    std::string program;                     ///< directory: bin/overdrive and what it needs; becomes /overdrive
    std::string user_space;                  ///< directory: bin/ lib64/ lib/ usr/ etc/; becomes /driver
    std::string modules;                     ///< directory: lib/modules/<kernel release>/; becomes /driver
    std::string output;                      ///< OCI layout to make or to add to
    std::optional<std::string> tag;          ///< default: the pair's own
    std::string architecture = "amd64";      ///< OCI spelling
    std::optional<std::string> sign_key;     ///< file: private key
    std::optional<std::string> signature;    ///< file: driver.json.sig made elsewhere, checked with `public_key`
    std::optional<std::string> public_key;   ///< file: public key
    std::optional<std::string> layer_cache;  ///< directory: finished program and user-space layers
    int zstd_level = kDefaultZstdLevel;
};

/// One layer of a finished image.
struct PackedLayer {
    BlobDescriptor blob;
    Digest diff_id;
    std::uint64_t tar_bytes = 0;
    UnpackedSize unpacked;  ///< what the installer checks for room before it asks for the layer
};

/// What came out.
struct PackedImage {
    BlobDescriptor manifest;
    std::string tag;
    PackedLayer program, user_space, modules;
    Digest driver_json;
    bool is_signed = false;
};

/// Takes one line about what is going on.
using Say = std::function<void(std::string_view)>;

/// Makes the artifact of one pair and adds it to the layout; the tag comes last, so a run that fails leaves at most
/// blobs without a name.
/// @throws Error bad_manifest, bad_archive, incomplete_artifact, config (keys), untrusted (a signature that is none),
/// io
PackedImage pack(const PackOptions& options, const Say& say);

/// The driver.json that `pack` would write, to be signed elsewhere. Compresses the user space for its digest.
std::string make_driver_json(const PackOptions& options, const Say& say);

}  // namespace overdrive
