#include "verbs/install_program.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>

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

}  // namespace

std::optional<std::string> installed_program_version(const Root& root) {
    return root.read_link(std::string{kProgramRoot} + "/current");
}

std::optional<std::string> copy_own_program(Services& services, Report& report) {
    if (services.program.program_directory.empty()) return std::nullopt;
    const std::string target = place_of(services.program.version);
    if (services.root.exists(target + "/bin/overdrive")) return target;
    report.note(fmt::format("copying overdrive {} to the host", services.program.version));
    const std::string beside = fmt::format("{}/.{}.new", kProgramRoot, services.program.version);
    services.root.make_directories(kProgramRoot);
    services.root.remove_tree(beside);
    const Root own{"/"};
    copy_tree(own, services.program.program_directory, services.root, beside);
    services.root.remove_tree(target);
    services.root.rename(beside, target);
    services.root.sync_directory(kProgramRoot);
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
        const std::string beside = fmt::format("{}/.{}.new", kProgramRoot, version);
        services.root.remove_tree(beside);
        services.root.make_directories(beside);
        Staging staging{services.root, beside};
        unpack_program(source, artifact, staging, services.progress);
        sync_tree(services.root, beside);
        services.root.remove_tree(target);
        services.root.rename(beside, target);
        staging.release();
        services.root.sync_directory(kProgramRoot);
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
