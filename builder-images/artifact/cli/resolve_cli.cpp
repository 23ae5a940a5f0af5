#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "builder-images/artifact/cli/artifact_cli.hpp"
#include "builder-images/artifact/cli/place_opener.hpp"
#include "builder-images/artifact/manifest_links.hpp"
#include "registry/image_reference.hpp"

namespace overdrive {

namespace {

using nlohmann::ordered_json;

/// Architecture -> digest of its manifest.
ordered_json architectures_of(ImageReader& place, const RawManifest& image) {
    ordered_json found = ordered_json::object();
    const ManifestLinks links = links_of(image);
    for (const IndexEntry& entry : links.manifests)
        if (entry.os == "linux") found[entry.architecture] = entry.manifest.digest.text();
    if (!links.is_index) {
        if (const std::string architecture = architecture_of(place, links); !architecture.empty())
            found[architecture] = image.digest.text();
    }
    return found;
}

ordered_json resolved(ImageReader& place, const std::string& tag) {
    const std::optional<RawManifest> image = place.tagged(tag);
    if (!image) return {{"tag", tag}, {"digest", nullptr}, {"architectures", ordered_json::object()}};
    return {{"tag", tag}, {"digest", image->digest.text()}, {"architectures", architectures_of(place, *image)}};
}

void run_resolve(ArtifactServices& services, const PlaceOptions& places, const std::string& text,
                 const std::vector<std::string>& tags, bool as_json) {
    const PlaceReference reference = PlaceReference::parse(text);
    if (!reference.tag.empty() || reference.digest)
        throw Error{Errc::usage, fmt::format("'{}' names an image; resolve wants the place, and then its tags", text)};
    for (const std::string& tag : tags)
        if (!is_tag(tag)) throw Error{Errc::bad_reference, fmt::format("'{}' is not a tag", tag.substr(0, 150))};
    PlaceOpener opener{services, places};
    ImageReader& place = opener.reader(reference);
    ordered_json list = ordered_json::array();
    for (const std::string& tag : tags) list.push_back(resolved(place, tag));
    if (as_json) return print(ordered_json{{"place", reference.text()}, {"tags", list}}.dump(2) + "\n");
    std::string lines;
    for (const ordered_json& entry : list) {
        lines += fmt::format("{}  {}\n", entry["digest"].is_null() ? "-" : entry["digest"].get<std::string>(),
                             entry["tag"].get<std::string>());
    }
    print(lines);
}

}  // namespace

void add_resolve_verb(CLI::App& app, Chosen& chosen) {
    const auto place = std::make_shared<std::string>();
    const auto tags = std::make_shared<std::vector<std::string>>();
    const auto as_json = std::make_shared<bool>(false);
    const auto places = std::make_shared<PlaceOptions>();
    CLI::App* verb =
        app.add_subcommand("resolve", "print the digests that tags point at, and those that are not there");
    verb->footer(
        "One small request a tag over one connection; no layer is read and no list of tags asked for. A tag that is\n"
        "not there is an answer, not a failure: '-', in JSON a digest of null.");
    verb->add_option("PLACE", *place, "docker://HOST/REPOSITORY, oci:DIRECTORY or oci-archive:FILE")->required();
    verb->add_option("TAG", *tags, "the tags to look for")->required();
    verb->add_flag("--json", *as_json, "print one JSON object, with the digest of each architecture");
    add_place_options(verb, places);
    verb->callback([=, &chosen] {
        chosen = [=](ArtifactServices& services) { run_resolve(services, *places, *place, *tags, *as_json); };
    });
}

}  // namespace overdrive
