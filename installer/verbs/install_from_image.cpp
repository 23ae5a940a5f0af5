#include "verbs/install_from_image.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "store/fetch.hpp"
#include "verbs/finish_install.hpp"
#include "verbs/install_program.hpp"
#include "verbs/preconditions.hpp"
#include "verbs/relay.hpp"
#include "verbs/trust_check.hpp"

namespace overdrive {

namespace {

using nlohmann::ordered_json;

constexpr const char* kAlreadyInstalled = "-";
constexpr std::size_t kMostManifestBytes = 16U << 20U;

DriverManifest image_manifest(const Root& image, const Services& services) {
    const std::string path = services.program.image_directory + "/driver.json";
    const auto text = image.read_file(path, kMostManifestBytes);
    if (!text) throw Error{Errc::incomplete_artifact, fmt::format("this image has no '{}'", path)};
    return DriverManifest::parse(*text);
}

/// The image is the default of everything: its driver is wanted unless a file or the command line says otherwise.
void require_wanted(Config& config, const DriverManifest& manifest) {
    const auto wish = config.wish();
    if (!wish) {
        config.driver = DriverWish::parse(manifest.driver.text());
    } else if (!wish->allows(manifest.driver)) {
        throw Error{Errc::config, fmt::format("the configuration wants driver {}, this image holds {}", wish->text,
                                              manifest.driver.text())}
            .with_remedy(fmt::format("run the image of driver {}, or name '{}' on the command line to install this one",
                                     wish->text, manifest.driver.text()));
    }
}

void require_image_fits(const DriverManifest& manifest, const HostFacts& facts, const std::string& os_key) {
    if (manifest.kernel_release == facts.kernel_release && manifest.os_key == os_key &&
        manifest.architecture == facts.architecture)
        return;
    throw Error{Errc::no_artifact,
                fmt::format("this image is for {} (kernel {}), the host runs {} (kernel {})", manifest.pair().path(),
                            manifest.kernel_release, os_key, facts.kernel_release)}
        .with_remedy(fmt::format("run the image with the tag '{}'", tag_of({manifest.driver, os_key})));
}

ExitCode tell_plan(const DriverManifest& manifest, bool installed, Report& report) {
    const std::string path = manifest.pair().path();
    report.result(
        {{"schema", 1},
         {"result", "dry-run"},
         {"generation", path},
         {"installed", installed},
         {"source", "this image"}},
        installed
            ? fmt::format("{} is installed already; it would be activated\n", path)
            : fmt::format("would copy {} from this image to /opt/nvidia/{} and activate it on the host\n", path, path));
    return ExitCode::ok;
}

/// The program's directory on the host, copied there if it is not. @throws Error incomplete_artifact
std::string program_on_host(Services& services, Report& report) {
    auto program = copy_own_program(services, report);
    if (!program) {
        throw Error{Errc::incomplete_artifact, "this image's program is no bundle, so it cannot be copied to the host"};
    }
    return std::move(*program);
}

/// Hands over to the host. Whatever happens to us now, the unit finishes what it began.
ExitCode run_on_host(const InstallOptions& options, Services& services, const std::string& program,
                     const std::string& staged, const Pair& pair, Report& report) {
    RelayReader relay{services.root, fmt::format("{}-{}", getpid(), services.clock.wall().count())};
    UnitManager::TransientUnit unit{.name = fmt::format("overdrive-install-{}.service", relay.id()),
                                    .description = fmt::format("overdrive: install {}", pair.path()),
                                    .arguments = {program + "/bin/overdrive", "--root", "/", "--relay", relay.path(),
                                                  "install", pair.driver.text(), "--staged", staged}};
    if (options.no_activate) unit.arguments.emplace_back("--no-activate");
    if (options.no_units) unit.arguments.emplace_back("--no-units");
    if (options.overrides.exposure) {
        unit.arguments.emplace_back("--exposure");
        unit.arguments.push_back(*options.overrides.exposure);
    }
    report.note(fmt::format("handing over to the host: {}", unit.name));
    const auto ended = services.units.run_transient(unit, [&] { relay.pass_on(report); });
    relay.pass_on(report);
    relay.finish(report);  // throws the failure that the host told
    if (ended.exit_code != 0 && ended.exit_code != static_cast<int>(ExitCode::at_reboot)) {
        throw Error{Errc::service_manager,
                    fmt::format("{} ended with {} ({})", unit.name, ended.exit_code, ended.result)}
            .with_remedy(fmt::format("'journalctl -u {}' on the host says why", unit.name));
    }
    return static_cast<ExitCode>(ended.exit_code);
}

ExitCode leave_pending(Services& services, Store& store, const Config& config, Staging staging,
                       const FetchResult& fetched, Report& report) {
    const Pair pair = fetched.manifest.pair();
    store.publish(std::move(staging), describe_generation(fetched, nullptr, "image", services.clock.wall()));
    record_installed(store, config, pair);
    adopt_program(services, services.program.version, report);
    const std::string command = fmt::format("{}/current/bin/overdrive install {} --staged {}", kProgramRoot,
                                            pair.driver.text(), kAlreadyInstalled);
    report.result({{"schema", 1}, {"result", "at-reboot"}, {"generation", pair.path()}, {"host_command", command}},
                  fmt::format("{} is installed; systemd cannot be reached from here, so run this on the host:\n  {}\n",
                              pair.path(), command));
    return ExitCode::at_reboot;
}

}  // namespace

ExitCode install_from_image(const InstallOptions& options, Services& services, Config config, Report& report) {
    const Root image{"/"};
    const DriverManifest manifest = image_manifest(image, services);
    const HostFacts facts = services.read_facts();
    const std::string key = os_key(profile_for(facts.os_release.id()), facts.os_release, facts.kernel_release);
    require_wanted(config, manifest);
    require_image_fits(manifest, facts, key);
    Store store{services.root};
    const auto installed = store.find_generation(manifest.pair());
    if (options.dry_run) return tell_plan(manifest, installed.has_value(), report);

    std::optional<Lock> lock = take_lock(services, store, "install from a container");
    store.remove_stale_staging();
    if (installed) {
        const std::string program = program_on_host(services, report);
        lock.reset();
        return run_on_host(options, services, program, kAlreadyInstalled, manifest.pair(), report);
    }
    Staging staging = store.make_staging();
    const FetchResult fetched = copy_unpacked(
        image, staging, store, services.progress,
        [&](const DriverManifest& found, const std::string& json, const std::optional<std::string>& signature) {
            require_fit(found, facts, key);
            report.note(require_trust(services, config, options.overrides, json, signature).reason);
        });
    // After the trust check, and a killed container leaves only staging behind, which the next run removes.
    const std::string program = program_on_host(services, report);
    if (!services.units.reachable()) return leave_pending(services, store, config, std::move(staging), fetched, report);
    const std::string staged = staging.id();
    staging.release();
    lock.reset();  // the host's half takes it
    return run_on_host(options, services, program, staged, manifest.pair(), report);
}

ExitCode install_staged(const InstallOptions& options, Services& services, Config config, Report& report) {
    if (!options.overrides.driver) throw Error{Errc::usage, "'--staged' needs the driver's name"};
    const HostFacts facts = services.read_facts();
    const std::string key = os_key(profile_for(facts.os_release.id()), facts.os_release, facts.kernel_release);
    Installed installed{.pair = {DriverId::parse(*options.overrides.driver), key},
                        .reference = "the image it came in",
                        .signed_by = {}};
    Store store{services.root};
    Lock lock = take_lock(services, store, "install");
    if (*options.staged != kAlreadyInstalled) {
        Staging staging = store.adopt_staging(*options.staged);
        const auto json = services.root.read_file(staging.path() + "/driver.json", kMostManifestBytes);
        if (!json) throw Error{Errc::incomplete_artifact, fmt::format("'{}' holds no driver.json", staging.path())};
        const FetchResult fetched{.manifest = DriverManifest::parse(*json),
                                  .driver_json = *json,
                                  .signature = std::nullopt,
                                  .not_reused = ""};
        require_fit(fetched.manifest, facts, key);
        installed.pair = fetched.manifest.pair();
        installed.fetched = true;
        report.note(fmt::format("publishing {}", installed.pair.path()));
        store.publish(std::move(staging), describe_generation(fetched, nullptr, "image", services.clock.wall()));
    } else if (!store.find_generation(installed.pair)) {
        throw Error{Errc::no_artifact, fmt::format("{} is not installed", installed.pair.path())};
    }
    record_installed(store, config, installed.pair);
    return finish_install(options, services, store, config, installed, {}, std::move(lock), report);
}

}  // namespace overdrive
