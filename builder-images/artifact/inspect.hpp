#pragma once

#include <string>
#include <vector>

#include "builder-images/artifact/oci_layout.hpp"
#include "model/driver_manifest.hpp"

namespace overdrive {

/// What an image in a layout says about itself, every blob checked against its digest.
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
};

/// Reads the image that `reference` names; without a tag the layout must hold exactly one.
/// @throws Error bad_reference: no such image, or several; bad_manifest; digest_mismatch; truncated; bad_archive
[[nodiscard]] InspectedImage inspect(const LayoutReference& reference);

/// For people: one screen.
[[nodiscard]] std::string to_text(const InspectedImage& image);
/// For scripts: an object with all fields, driver.json without its list of files included.
[[nodiscard]] std::string to_json(const InspectedImage& image);

}  // namespace overdrive
