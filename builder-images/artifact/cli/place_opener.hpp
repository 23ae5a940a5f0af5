#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "builder-images/artifact/cli/artifact_services.hpp"
#include "builder-images/artifact/image_place.hpp"
#include "builder-images/artifact/transfer/place_reference.hpp"

namespace overdrive {

/// How places are reached, from the command line.
struct PlaceOptions {
    std::vector<std::string> insecure{};  ///< registries that plain http may be spoken to
    std::uint64_t piece_mebibytes = 16;   ///< larger blobs are uploaded in pieces of it
};

/// Adds the options that every verb with a registry has.
void add_place_options(CLI::App* verb, const std::shared_ptr<PlaceOptions>& options);
/// Adds those of a verb that uploads.
void add_upload_options(CLI::App* verb, const std::shared_ptr<PlaceOptions>& options);

/// Opens the places that the command line names, with the logins, certificates and rules of this machine, and keeps
/// them open. Each registry has its own connection, so that one can be read while another is written.
class PlaceOpener {
public:
    /// @param services must outlive this
    PlaceOpener(ArtifactServices& services, PlaceOptions options);
    ~PlaceOpener();
    PlaceOpener(const PlaceOpener&) = delete;
    PlaceOpener& operator=(const PlaceOpener&) = delete;

    /// @throws Error bad_reference, unreachable (no such file), config
    [[nodiscard]] ImageReader& reader(const PlaceReference& reference);
    [[nodiscard]] ImageWriter& writer(const PlaceReference& reference);

private:
    struct Registry;
    struct Machine;
    [[nodiscard]] Registry& open_registry(const PlaceReference& reference, const char* actions);

    ArtifactServices& services_;
    PlaceOptions options_;
    std::unique_ptr<Machine> machine_;
    std::vector<std::unique_ptr<Registry>> registries_;
    std::vector<std::unique_ptr<ImageReader>> layouts_;
};

/// The tag of a place that has one image; empty when it has more, or is a registry's.
[[nodiscard]] std::string only_tag(ImageReader& place, const PlaceReference& reference);

/// The image that a reference names. @throws Error no_artifact when it is not there
[[nodiscard]] RawManifest find_image(ImageReader& place, const PlaceReference& reference);

}  // namespace overdrive
