#pragma once

#include <map>
#include <string>
#include <vector>

#include "model/driver_manifest.hpp"
#include "unit/archive/fake_source.hpp"
#include "unit/archive/tar_maker.hpp"

namespace overdrive {

/// A small whole artifact. Change its fields before calling a method to make a wrong one.
struct SampleArtifact {
    explicit SampleArtifact(const std::string& kernel = "6.1.0-1-test", const std::string& os_key = "4081.2.1");

    std::map<std::string, std::string> user_space;  ///< path -> content; executable below bin/
    std::map<std::string, std::string> links;       ///< of user space: path -> target
    std::map<std::string, std::string> modules;     ///< path -> content
    std::map<std::string, std::string> program{{"bin/overdrive", "#!the program\n"}};
    std::string signature = "MEUCIQ==\n";
    std::string kernel_release;
    std::string os_key;

    [[nodiscard]] std::string user_space_layer() const;  ///< tar+zstd
    [[nodiscard]] std::string program_layer() const;
    /// Modules and driver.json. @param driver_json instead of the right one, when not empty
    [[nodiscard]] std::string modules_layer(const std::string& driver_json = {}) const;
    [[nodiscard]] DriverManifest manifest() const;

    /// The layers as blobs of `source`, which resolves every tag to them.
    void put_into(FakeSource& source) const;
    /// Writes an OCI image layout: an index for amd64 under each tag. @return digest of the image manifest
    std::string write_layout(const std::string& directory, const std::vector<std::string>& tags) const;
    /// Writes the unpacked image: `/driver/...` below `root`.
    void write_unpacked(const std::string& root) const;
};

}  // namespace overdrive
