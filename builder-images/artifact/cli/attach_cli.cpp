#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "builder-images/artifact/cli/artifact_cli.hpp"
#include "builder-images/artifact/cli/place_opener.hpp"
#include "builder-images/artifact/files.hpp"
#include "builder-images/artifact/transfer/attach_file.hpp"

namespace overdrive {

namespace {

struct AttachArguments {
    std::string image{};
    std::string file{};
    std::string artifact_type{};
    std::string media_type{};
    std::string predicate_type{};
    std::string output{};
    bool as_json = false;
};

void run_attach(ArtifactServices& services, const PlaceOptions& places, const AttachArguments& arguments) {
    const PlaceReference reference = PlaceReference::parse(arguments.image);
    if (reference.place.kind == SourceName::Kind::layout_archive)
        throw Error{Errc::usage, fmt::format("'{}' is a tar file, which is written as a whole", arguments.image)};
    const Attachment attachment{
        arguments.artifact_type, arguments.media_type.empty() ? arguments.artifact_type : arguments.media_type,
        std::filesystem::path{arguments.file}.filename().string(), read_small_file(arguments.file)};
    PlaceOpener opener{services, places};
    ImageWriter& place = opener.writer(reference);
    const RawManifest image = find_image(place, reference);
    const Attached attached = attach_file(place, image, attachment);
    const bool attested = !arguments.predicate_type.empty() &&
                          add_attestation(place, image, attachment.content, arguments.predicate_type);
    const bool changed = attached.is_new || attested;
    say(fmt::format("'{}' {} to {}", arguments.file, changed ? "is attached" : "was attached already",
                    image.digest.text()));
    print(arguments.as_json ? nlohmann::ordered_json{{"image", reference.text()},
                                                     {"subject", image.digest.text()},
                                                     {"artifact_type", attachment.artifact_type},
                                                     {"manifest", attached.manifest.text()},
                                                     {"changed", changed}}
                                      .dump(2) +
                                  "\n"
                            : attached.manifest.text() + "\n");
}

void run_attached(ArtifactServices& services, const PlaceOptions& places, const AttachArguments& arguments) {
    const PlaceReference reference = PlaceReference::parse(arguments.image);
    PlaceOpener opener{services, places};
    ImageReader& place = opener.reader(reference);
    const RawManifest image = find_image(place, reference);
    const auto found = attached_file(place, image.digest, arguments.artifact_type);
    if (!found) {
        throw Error{Errc::no_artifact, fmt::format("nothing of type '{}' is attached to {} ({})",
                                                   arguments.artifact_type, reference.text(), image.digest.text())};
    }
    if (arguments.output.empty()) return print(found->content);
    write_small_file(arguments.output, found->content);
}

CLI::Option* add_type(CLI::App* verb, const std::shared_ptr<AttachArguments>& arguments) {
    return verb
        ->add_option("--type", arguments->artifact_type,
                     "what it is: application/vnd.cyclonedx+json, application/vnd.in-toto+json ...")
        ->type_name("TYPE")
        ->required();
}

void add_attach(CLI::App& app, Chosen& chosen) {
    const auto arguments = std::make_shared<AttachArguments>();
    const auto places = std::make_shared<PlaceOptions>();
    CLI::App* verb = app.add_subcommand("attach", "attach a file, such as an SBOM, to an image where it lies");
    verb->footer(
        "The image and its digest stay as they are. Registries that list no referrers get the list under the tag\n"
        "sha256-<digest>, where oras looks for it. The same file again changes nothing.\n"
        "Read it back: overdrive-artifact attached IMAGE --type TYPE, or: oras discover REPOSITORY:TAG");
    verb->add_option("IMAGE", arguments->image, "docker://HOST/REPOSITORY[:TAG][@DIGEST] or oci:DIRECTORY[:TAG]")
        ->required();
    verb->add_option("FILE", arguments->file, "at most 16 MiB")->required();
    add_type(verb, arguments);
    verb->add_option("--media-type", arguments->media_type, "of the file; default: TYPE")->type_name("TYPE");
    verb->add_option("--predicate-type", arguments->predicate_type,
                     "FILE is an in-toto statement in a DSSE envelope: put it under sha256-<digest>.att as well, for "
                     "cosign verify-attestation")
        ->type_name("URI");
    verb->add_flag("--json", arguments->as_json, "print one JSON object");
    add_place_options(verb, places);
    verb->callback(
        [=, &chosen] { chosen = [=](ArtifactServices& services) { run_attach(services, *places, *arguments); }; });
}

void add_attached(CLI::App& app, Chosen& chosen) {
    const auto arguments = std::make_shared<AttachArguments>();
    const auto places = std::make_shared<PlaceOptions>();
    CLI::App* verb = app.add_subcommand("attached", "print the file of a type that was attached to an image last");
    verb->footer("Exit code 3: nothing of that type is attached. What it says is not checked here.");
    verb->add_option("IMAGE", arguments->image, "docker://..., oci:... or oci-archive:...")->required();
    add_type(verb, arguments);
    verb->add_option("--output", arguments->output, "write it to a file")->type_name("FILE");
    add_place_options(verb, places);
    verb->callback(
        [=, &chosen] { chosen = [=](ArtifactServices& services) { run_attached(services, *places, *arguments); }; });
}

}  // namespace

void add_attach_verbs(CLI::App& app, Chosen& chosen) {
    add_attach(app, chosen);
    add_attached(app, chosen);
}

}  // namespace overdrive
