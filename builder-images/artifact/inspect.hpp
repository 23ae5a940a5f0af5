#pragma once

#include <optional>
#include <string>
#include <vector>

#include "builder-images/artifact/image_place.hpp"
#include "model/driver_manifest.hpp"

namespace overdrive {

/// What an image says about itself; all that was read of it is checked against its digest.
struct InspectedImage {
    struct Layer {
        std::string role;
        Digest digest;
        std::uint64_t size = 0;
    };
    std::string tag;
    std::string architecture;
    Digest manifest;
    std::vector<Layer> layers;
    DriverManifest driver;
    Digest driver_json;
    bool is_signed = false;
    std::map<std::string, std::string> labels;
    bool every_blob = false;  ///< whether every layer was read
};

struct InspectOptions {
    std::string tag;                            ///< as it was asked for; may be empty
    std::optional<std::string> architecture{};  ///< which one of several
    bool every_blob = true;                     ///< otherwise only what is printed is read
};

/// @param top manifest, or an index with one for the architecture
/// @throws Error bad_reference: several architectures and none named; no_artifact; bad_manifest; digest_mismatch;
///         truncated; bad_archive
[[nodiscard]] InspectedImage inspect(ImageReader& place, const RawManifest& top, const InspectOptions& options);

/// For people: one screen.
[[nodiscard]] std::string to_text(const InspectedImage& image);
/// For scripts: an object with all fields, driver.json without its list of files included.
[[nodiscard]] std::string to_json(const InspectedImage& image);

}  // namespace overdrive
