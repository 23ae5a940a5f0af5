#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "builder-images/artifact/cli/artifact_cli.hpp"
#include "builder-images/artifact/cli/place_opener.hpp"
#include "builder-images/artifact/delta/delta_image.hpp"
#include "builder-images/artifact/inspect.hpp"
#include "builder-images/artifact/size_text.hpp"
#include "model/pair.hpp"

namespace overdrive {

namespace {

using nlohmann::ordered_json;

constexpr std::size_t kMostTags = 100'000;

ordered_json tag_json(const std::string& tag) {
    const std::optional<Pair> pair = pair_of_tag(tag);
    ordered_json json{{"tag", tag}, {"driver", nullptr}, {"os_key", nullptr}};
    if (pair) {
        json["driver"] = pair->driver.text();
        json["os_key"] = pair->os_key;
    }
    return json;
}

std::string tag_line(const std::string& tag, std::size_t width) {
    const std::optional<Pair> pair = pair_of_tag(tag);
    if (!pair) return tag + "\n";
    return fmt::format("{:<{}}  driver {}, OS key {}\n", tag, width, pair->driver.text(), pair->os_key);
}

void run_list(ArtifactServices& services, const PlaceOptions& places, const std::string& text, bool all, bool as_json) {
    const PlaceReference reference = PlaceReference::parse(text);
    if (!reference.tag.empty() || reference.digest)
        throw Error{Errc::usage, fmt::format("'{}' names an image; list wants the place that it lies in", text)};
    PlaceOpener opener{services, places};
    std::vector<std::string> tags = opener.reader(reference).tags(kMostTags);
    // Signatures and referrers are kept under tags of their own.
    if (!all) std::erase_if(tags, [](const std::string& tag) { return tag.starts_with("sha256-"); });
    if (as_json) {
        ordered_json list = ordered_json::array();
        for (const std::string& tag : tags) list.push_back(tag_json(tag));
        return print(ordered_json{{"place", reference.text()}, {"tags", list}}.dump(2) + "\n");
    }
    std::size_t width = 0;
    for (const std::string& tag : tags) width = std::max(width, tag.size());
    std::string lines;
    for (const std::string& tag : tags) lines += tag_line(tag, width);
    print(lines);
}

void add_list(CLI::App& app, Chosen& chosen) {
    const auto place = std::make_shared<std::string>();
    const auto all = std::make_shared<bool>(false);
    const auto as_json = std::make_shared<bool>(false);
    const auto places = std::make_shared<PlaceOptions>();
    CLI::App* verb =
        app.add_subcommand("list", "print the tags of a repository or layout, and the pairs that they name");
    verb->footer("Every page is read, up to 100000 tags. A repository that is not there yet has none.");
    verb->add_option("PLACE", *place, "docker://HOST/REPOSITORY, oci:DIRECTORY or oci-archive:FILE")->required();
    verb->add_flag("--all", *all, "tags of signatures too (sha256-...)");
    verb->add_flag("--json", *as_json, "print one JSON object");
    add_place_options(verb, places);
    verb->callback([=, &chosen] {
        chosen = [=](ArtifactServices& services) { run_list(services, *places, *place, *all, *as_json); };
    });
}

struct InspectArguments {
    std::string reference{};
    std::optional<std::string> architecture{};
    bool verify_blobs = false;
    bool as_json = false;
};

void inspect_delta(ImageReader& place, const OfferedDelta& delta, const InspectArguments& arguments) {
    const DeltaTable table = read_delta_table(place, delta);
    std::uint64_t bytes = 0;
    for (const DeltaFile& file : table.files) bytes += file.size();
    if (arguments.as_json) {
        ordered_json files = ordered_json::array();
        for (const DeltaFile& file : table.files) files.push_back({{"path", file.path}, {"bytes", file.size()}});
        return print(ordered_json{{"delta", tag_of(delta)},
                                  {"from", {{"version", delta.from_version}, {"layer", delta.from.text()}}},
                                  {"to", {{"version", delta.to_version}, {"layer", delta.to.text()}}},
                                  {"manifest", delta.manifest.text()},
                                  {"blob", delta.blob.text()},
                                  {"bytes", delta.download_bytes},
                                  {"files", std::move(files)}}
                         .dump(2) +
                     "\n");
    }
    print(fmt::format(
        "delta           {}\nfrom            {}, layer {}\nto              {}, layer {}\n"
        "manifest        {}\nblob            {}, {}\nfiles           {} that differ, {}\n",
        tag_of(delta), delta.from_version, delta.from.text(), delta.to_version, delta.to.text(), delta.manifest.text(),
        delta.blob.text(), size_text(delta.download_bytes), table.files.size(), size_text(bytes)));
}

void run_inspect(ArtifactServices& services, const PlaceOptions& places, const InspectArguments& arguments) {
    const PlaceReference reference = PlaceReference::parse(arguments.reference);
    PlaceOpener opener{services, places};
    ImageReader& place = opener.reader(reference);
    const RawManifest top = find_image(place, reference);
    if (is_delta(top)) return inspect_delta(place, parse_delta_manifest(top), arguments);
    const InspectedImage image = inspect(place, top,
                                         {.tag = reference.tag.empty() ? only_tag(place, reference) : reference.tag,
                                          .architecture = arguments.architecture,
                                          .every_blob = arguments.verify_blobs || !reference.is_registry()});
    print(arguments.as_json ? to_json(image) : to_text(image));
}

void add_inspect(CLI::App& app, Chosen& chosen) {
    const auto arguments = std::make_shared<InspectArguments>();
    const auto places = std::make_shared<PlaceOptions>();
    CLI::App* verb = app.add_subcommand("inspect", "print what an image is, checking what is read of it");
    verb->footer(
        "Of an image in a registry only the manifest, the configuration and the modules layer are read, unless\n"
        "--verify-blobs is given; of a layout every blob is. Of a delta all is read.");
    verb->add_option("IMAGE", arguments->reference, "docker://..., oci:... or oci-archive:...")->required();
    verb->add_option("--architecture", arguments->architecture, "which one of several (amd64, arm64)")
        ->type_name("ARCH");
    verb->add_flag("--verify-blobs", arguments->verify_blobs, "read every blob and check it against its digest");
    verb->add_flag("--json", arguments->as_json, "print one JSON object");
    add_place_options(verb, places);
    verb->callback(
        [=, &chosen] { chosen = [=](ArtifactServices& services) { run_inspect(services, *places, *arguments); }; });
}

}  // namespace

void add_looking_verbs(CLI::App& app, Chosen& chosen) {
    add_inspect(app, chosen);
    add_list(app, chosen);
}

}  // namespace overdrive
