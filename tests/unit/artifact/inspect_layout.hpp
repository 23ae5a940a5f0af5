#pragma once

#include <filesystem>

#include "builder-images/artifact/inspect.hpp"
#include "builder-images/artifact/transfer/layout_images.hpp"

namespace overdrive {

/// The only image of a layout, every blob read.
inline InspectedImage inspect_layout(const std::filesystem::path& directory) {
    LayoutImages place{"oci:" + directory.string(), open_layout_directory(directory)};
    return inspect(place, place.tagged("").value(), {.tag = ""});
}

}  // namespace overdrive
