#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "builder-images/artifact/cli/artifact_cli.hpp"
#include "builder-images/artifact/cli/place_opener.hpp"
#include "registry/image_reference.hpp"

namespace overdrive {

namespace {

void run_tag(ArtifactServices& services, const PlaceOptions& places, const std::string& source,
             const std::string& new_tag, bool as_json) {
    const PlaceReference from = PlaceReference::parse(source);
    if (!is_tag(new_tag)) throw Error{Errc::bad_reference, fmt::format("'{}' is not a tag", new_tag.substr(0, 150))};
    if (from.place.kind == SourceName::Kind::layout_archive) {
        throw Error{Errc::usage, fmt::format("'{}' is a tar file, which is written as a whole", source)}.with_remedy(
            "copy it to an oci:DIRECTORY and tag that");
    }
    PlaceOpener opener{services, places};
    ImageWriter& place = opener.writer(from);
    const RawManifest image = find_image(place, from);
    const bool changed = place.put_tag(new_tag, image);
    const std::string named = from.with_tag(new_tag).text();
    say(fmt::format("{} {} {}", named, changed ? "now is" : "was already", image.digest.text()));
    print(as_json
              ? nlohmann::ordered_json{{"reference", named}, {"digest", image.digest.text()}, {"tag_changed", changed}}
                        .dump(2) +
                    "\n"
              : image.digest.text() + "\n");
}

}  // namespace

void add_tag_verb(CLI::App& app, Chosen& chosen) {
    const auto source = std::make_shared<std::string>();
    const auto new_tag = std::make_shared<std::string>();
    const auto as_json = std::make_shared<bool>(false);
    const auto places = std::make_shared<PlaceOptions>();
    CLI::App* verb = app.add_subcommand("tag", "give an image in a registry or layout another tag");
    verb->footer(
        "Nothing is moved and the digest stays. A signature names the tag that it was made for: nodes that ask for "
        "the\n"
        "new tag want one for it ('overdrive-artifact sign').");
    verb->add_option("IMAGE", *source, "docker://HOST/REPOSITORY:TAG (or @DIGEST), or oci:DIRECTORY:TAG")->required();
    verb->add_option("NEWTAG", *new_tag, "the tag that it gets as well; replaced when it is there")->required();
    verb->add_flag("--json", *as_json, "print one JSON object");
    add_place_options(verb, places);
    verb->callback([=, &chosen] {
        chosen = [=](ArtifactServices& services) { run_tag(services, *places, *source, *new_tag, *as_json); };
    });
}

}  // namespace overdrive
