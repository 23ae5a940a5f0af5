#include "verbs/install_program.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "model/driver_id.hpp"
#include "store/fetch.hpp"
#include "store/store.hpp"

namespace overdrive {

namespace {

constexpr std::size_t kMostProgramBytes = 256U << 20U;

std::string place_of(const std::string& version) { return fmt::format("{}/{}", kProgramRoot, version); }

void copy_tree(const Root& from, const std::string& source, const Root& to, const std::string& target) {
    to.make_directories(target);
    for (const std::string& name : from.list(source)) {
        const std::string source_path = source + "/" + name;
        const std::string target_path = target + "/" + name;
        const auto status = from.link_status(source_path);
        if (!status) continue;
        if (S_ISDIR(status->st_mode)) {
            copy_tree(from, source_path, to, target_path);
        } else if (S_ISLNK(status->st_mode)) {
            to.make_link(target_path, from.read_link(source_path).value_or(""));
        } else {
            to.write_file(target_path, from.read_file(source_path, kMostProgramBytes).value_or(""),
                          status->st_mode & 0755U);
        }
    }
}

/// Fills a tree beside the programs, syncs it and renames it to its version: the whole program is there or none of it.
void publish_program(const Root& root, const std::string& version, const std::function<void(const Staging&)>& fill) {
    const std::string beside = fmt::format("{}/.{}.new", kProgramRoot, version);
    root.remove_tree(beside);
    root.make_directories(beside);
    Staging staging{root, beside};
    fill(staging);
    sync_tree(root, beside);
    root.remove_tree(place_of(version));
    root.rename(beside, place_of(version));
    staging.release();
    root.sync_directory(kProgramRoot);
}

}  // namespace

std::optional<std::string> installed_program_version(const Root& root) {
    return root.read_link(std::string{kProgramRoot} + "/current");
}

std::optional<std::string> copy_own_program(Services& services, Report& report) {
    if (services.program.program_directory.empty()) return std::nullopt;
    const std::string target = place_of(services.program.version);
    if (services.root.exists(target + "/bin/overdrive")) return target;
    report.note(fmt::format("copying overdrive {} to the host", services.program.version));
    publish_program(services.root, services.program.version, [&](const Staging& staging) {
        copy_tree(Root{"/"}, services.program.program_directory, services.root, staging.path());
    });
    return target;
}

bool update_program(Services& services, ArtifactSource& source, const ResolvedArtifact& artifact,
                    const DriverManifest& manifest, Report& report) {
    if (!manifest.program_version || !manifest.program_layer) return false;
    const std::string& version = *manifest.program_version;
    const auto installed = installed_program_version(services.root);
    if (installed && compare_versions(version, *installed) <= 0) return false;
    const auto layer = std::find_if(artifact.layers.begin(), artifact.layers.end(),
                                    [](const LayerDescriptor& each) { return each.role == LayerRole::program; });
    if (layer == artifact.layers.end() || layer->digest != *manifest.program_layer) {
        throw Error{Errc::bad_manifest, fmt::format("{}: its program layer is not the {} that driver.json names",
                                                    artifact.reference, manifest.program_layer->text())};
    }
    const std::string target = place_of(version);
    if (!services.root.exists(target + "/bin/overdrive")) {
        publish_program(services.root, version,
                        [&](const Staging& staging) { unpack_program(source, artifact, staging, services.progress); });
    }
    return adopt_program(services, version, report);
}

bool adopt_program(Services& services, const std::string& version, Report& report) {
    const auto installed = installed_program_version(services.root);
    if (installed && compare_versions(version, *installed) <= 0) return false;
    if (!services.program.in_container) {
        const ProcessResult test = services.processes.run(
            {.arguments = {place_of(version) + "/bin/overdrive", "--version"}, .environment = {}});
        if (test.exit_code != 0 || test.output.find(version) == std::string::npos) {
            report.warn(
                fmt::format("overdrive {} failed its self-test and is not made current: {}", version, test.output));
            return false;
        }
    }
    services.root.replace_link(std::string{kProgramRoot} + "/current", version);
    report.note(fmt::format("overdrive {} is the installed program", version));
    return true;
}

}  // namespace overdrive
