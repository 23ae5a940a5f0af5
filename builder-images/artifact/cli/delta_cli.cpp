#include <fmt/format.h>
#include <stdlib.h>  // NOLINT(*-deprecated-headers): mkdtemp

#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "builder-images/artifact/cli/artifact_cli.hpp"
#include "builder-images/artifact/cli/place_opener.hpp"
#include "builder-images/artifact/delta/delta_image.hpp"
#include "builder-images/artifact/delta/make_delta.hpp"

namespace overdrive {

namespace {

using nlohmann::ordered_json;

struct DeltaArguments {
    std::string from{};
    std::string to{};
    std::string output{};
    std::string work{};
    DeltaOptions options{};
    bool dry_run = false;
    bool as_json = false;
};

/// A directory of our own below another one, removed with all that is in it.
class WorkDirectory {
public:
    explicit WorkDirectory(const std::string& below) : path_{below + "/overdrive-delta.XXXXXX"} {
        const char* made = ::mkdtemp(path_.data());
        const int saved_errno = errno;
        if (made == nullptr)
            throw Error::from_errno(Errc::io, saved_errno, fmt::format("make a directory in '{}'", below));
    }
    WorkDirectory(const WorkDirectory&) = delete;
    WorkDirectory& operator=(const WorkDirectory&) = delete;
    ~WorkDirectory() {
        try {
            const std::filesystem::path path{path_};
            Root{path.parent_path().string()}.remove_tree(path.filename().string());
        } catch (const Error& error) {
            say(fmt::format("ignoring: '{}' is left behind: {}", path_, error.what()));
        }
    }
    [[nodiscard]] const std::string& path() const noexcept { return path_; }

private:
    std::string path_;
};

ordered_json count_json(const FileCount& count) { return {{"files", count.files}, {"bytes", count.bytes}}; }

ordered_json delta_json(const DeltaArguments& arguments, const PlaceReference& output, const MadeDelta& made,
                        bool changed) {
    const OfferedDelta& delta = made.delta;
    return {{"from", {{"image", arguments.from}, {"version", delta.from_version}, {"layer", delta.from.text()}}},
            {"to", {{"image", arguments.to}, {"version", delta.to_version}, {"layer", delta.to.text()}}},
            {"delta", output.with_tag(tag_of(delta)).text()},
            {"tag", tag_of(delta)},
            {"manifest", delta.manifest.text()},
            {"blob", delta.blob.text()},
            {"bytes", delta.download_bytes},
            {"layer_bytes", made.layer_bytes},
            {"same", count_json(made.summary.same)},
            {"patched", count_json(made.summary.patched)},
            {"whole", count_json(made.summary.whole)},
            {"dry_run", arguments.dry_run},
            {"changed", changed}};
}

/// Where the delta is put: a place, without a tag.
PlaceReference output_of(const DeltaArguments& arguments) {
    PlaceReference output = PlaceReference::parse(arguments.output.empty() ? arguments.to : arguments.output);
    if (!arguments.output.empty() && (!output.tag.empty() || output.digest))
        throw Error{Errc::usage, fmt::format("'{}' names an image; a delta gets a tag of its own", arguments.output)};
    if (output.place.kind == SourceName::Kind::layout_archive)
        throw Error{Errc::usage, fmt::format("'{}' is a tar file, which is written as a whole", output.place.text())}
            .with_remedy("give --output a registry's repository or oci:DIRECTORY");
    output.tag.clear();
    output.digest.reset();
    return output;
}

void run_delta(ArtifactServices& services, const PlaceOptions& places, const DeltaArguments& arguments) {
    const PlaceReference from = PlaceReference::parse(arguments.from);
    const PlaceReference to = PlaceReference::parse(arguments.to);
    const PlaceReference output = output_of(arguments);
    PlaceOpener opener{services, places};
    const auto end = [&](const PlaceReference& reference) {
        ImageReader& place = opener.reader(reference);
        return DeltaEnd{place, find_image(place, reference), reference.text()};
    };
    const WorkDirectory directory{arguments.work.empty() ? std::filesystem::temp_directory_path().string()
                                                         : arguments.work};
    const Root work{directory.path()};
    const MadeDelta made = make_delta(end(from), end(to), arguments.options, work, services.progress, say);
    bool changed = false;
    if (!arguments.dry_run) {
        ImageWriter& place = opener.writer(output);
        changed = put_delta(place, made.delta, work, services.progress);
        place.finish();
    }
    const std::string tag = tag_of(made.delta);
    say(fmt::format("{} {}", output.with_tag(tag).text(),
                    arguments.dry_run ? "would be written"
                    : changed         ? "is written"
                                      : "is unchanged"));
    print(arguments.as_json ? delta_json(arguments, output, made, changed).dump(2) + "\n" : tag + "\n");
}

}  // namespace

void add_delta_verb(CLI::App& app, Chosen& chosen) {
    const auto arguments = std::make_shared<DeltaArguments>();
    const auto places = std::make_shared<PlaceOptions>();
    CLI::App* verb = app.add_subcommand(
        "delta", "make what turns the user space of one driver version into that of another, for nodes that update");
    verb->footer(
        "For two versions of a branch it has a few hundredths of the layer's bytes. Nodes learn of it from the pair\n"
        "index ('overdrive-artifact index add PLACE TAG', with the tag that is printed here), use it when they have "
        "the\n"
        "old version, and check every file that they make against driver.json: a delta needs no signature.\n"
        "One delta is for all OS releases whose images have the same user-space layers.\n"
        "Exit code 8: it is not worthwhile, having more than half of the layer's bytes. Format: docs/delta.md");
    verb->add_option("--from", arguments->from, "image with the old version: docker://..., oci:..., oci-archive:...")
        ->type_name("IMAGE")
        ->required();
    verb->add_option("--to", arguments->to, "image with the new version")->type_name("IMAGE")->required();
    verb->add_option("--output", arguments->output,
                     "docker://HOST/REPOSITORY or oci:DIRECTORY to write it to; default: where --to lies, which is "
                     "where nodes look for it")
        ->type_name("PLACE");
    verb->add_option("--architecture", arguments->options.architecture, "which one of several (amd64, arm64)")
        ->type_name("ARCH");
    verb->add_option("--zstd-level", arguments->options.zstd_level,
                     "3 is quick, 19 is a tenth smaller and takes minutes")
        ->capture_default_str()
        ->check(CLI::Range(3, 19));
    verb->add_option("--work", arguments->work,
                     "directory with room for both trees, unpacked; default: that of temporary files")
        ->type_name("DIR")
        ->check(CLI::ExistingDirectory);
    verb->add_flag("--dry-run", arguments->dry_run, "make it, say what it has, and write nothing");
    verb->add_flag("--json", arguments->as_json, "print one JSON object");
    add_upload_options(verb, places);
    verb->callback(
        [=, &chosen] { chosen = [=](ArtifactServices& services) { run_delta(services, *places, *arguments); }; });
}

}  // namespace overdrive
