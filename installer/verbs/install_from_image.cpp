#include "verbs/install_from_image.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <functional>

#include "store/fetch.hpp"
#include "store/install_root.hpp"
#include "store/tree_check.hpp"
#include "verbs/finish_install.hpp"
#include "verbs/install_program.hpp"
#include "verbs/preconditions.hpp"
#include "verbs/recovery.hpp"
#include "verbs/relay.hpp"
#include "verbs/space_offer.hpp"
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
        throw Error{Errc::incomplete_artifact,
                    "the program in this image is a development build, which does not run on a host"}
            .with_remedy("make the image with the program that 'ci/bundle' makes");
    }
    return std::move(*program);
}

/// Hands over to the host. Whatever happens to us now, the unit finishes what it began.
/// @param vouching who vouched for what is staged; nullopt when nothing is
ExitCode run_on_host(const InstallOptions& options, Services& services, const std::string& program,
                     const std::string& staged, const Pair& pair, const std::optional<Vouching>& vouching,
                     Report& report) {
    RelayReader relay{services.root, fmt::format("{}-{}", getpid(), services.clock.wall().count())};
    UnitManager::TransientUnit unit{.name = fmt::format("overdrive-install-{}.service", relay.id()),
                                    .description = fmt::format("overdrive: install {}", pair.path()),
                                    .arguments = {program + "/bin/overdrive", "--root", "/", "--relay", relay.path(),
                                                  "install", pair.driver.text(), "--staged", staged}};
    if (options.no_activate) unit.arguments.emplace_back("--no-activate");
    if (options.no_units) unit.arguments.emplace_back("--no-units");
    const auto add = [&](const char* option, const std::string& value) {
        unit.arguments.emplace_back(option);
        unit.arguments.push_back(value);
    };
    if (options.busy.now) unit.arguments.emplace_back("--now");
    if (options.busy.when_busy) add("--when-busy", std::string{to_string(*options.busy.when_busy)});
    if (options.overrides.exposure) add("--exposure", *options.overrides.exposure);
    if (vouching) add("--vouched", std::string{to_string(vouching->kind)});
    for (const std::string& key : vouching ? vouching->keys : std::vector<std::string>{}) add("--signed-by", key);
    report.note(fmt::format("handing over to the host: {}", unit.name));
    const auto ended = services.units.run_transient(unit, [&] { relay.pass_on(report); });
    relay.pass_on(report);
    relay.finish(report);  // throws the failure that the host told
    if (ended.exit_code != 0 && ended.exit_code != static_cast<int>(ExitCode::at_reboot)) {
        throw Error{Errc::service_manager, fmt::format("unit {} on the host ended with exit code {} ({})", unit.name,
                                                       ended.exit_code, ended.result)}
            .with_remedy(fmt::format("'journalctl -u {}' on the host says why", unit.name));
    }
    return static_cast<ExitCode>(ended.exit_code);
}

/// The image that we run in, as a signature or a serial could be for it: it knows no repository of its own.
ImageClaim own_claim(const Pair& pair) { return {.repository = {}, .tag = tag_of(pair), .digests = {}}; }

/// Copies the image's driver into a staging tree, after its driver.json was found to fit and to be trusted.
/// @param vouching set to who vouches for it
FetchResult copy_image(const InstallOptions& options, Services& services, Store& store, const Config& config,
                       const HostFacts& facts, const std::string& key, const Staging& staging,
                       std::optional<Vouching>& vouching, Report& report) {
    const PlaceTrust trust = trust_for(services, config, options.overrides, kImagePlace);
    FetchResult copied = copy_unpacked(
        Root{"/"}, staging, store, services.progress,
        [&](const DriverManifest& found, const std::string& json, const std::optional<std::string>& signature) {
            require_fit(found, facts, key);
            const TrustResult result = check_trust(trust.policy, trust.keys, json, signature, {});
            vouching = result.vouching;
            report.note(result.reason);
        },
        &services.guard);
    check_module_files(services.modules, staging.path(), copied.manifest);
    return copied;
}

/// Without a bus: everything that can be done from here, and the command for the rest.
/// @param copy copies the image's driver into staging and tells who vouches; empty when it is installed already
ExitCode leave_pending(const std::function<FetchResult(const Staging&, std::optional<Vouching>&)>& copy,
                       Services& services, Store& store, const Config& config, const Pair& pair, Report& report) {
    Installed installed{.pair = pair, .reference = "image", .claim = own_claim(pair), .record_before = {}};
    FillStaging::Fill fill;
    if (copy) {
        fill = [&](const Staging& staging) {
            return describe_generation(copy(staging, installed.vouching), nullptr, "image", services.clock.wall());
        };
    }
    publish_and_record(services, store, config, installed, {.fill = fill, .look = {}, .adopted = {}}, "install",
                       report);
    copy_own_program(services, report);
    adopt_program(services, services.program.version, report);
    const std::string command = fmt::format("{}/current/bin/overdrive install {} --staged {}", kProgramRoot,
                                            pair.driver.text(), kAlreadyInstalled);
    report.result({{"schema", 1}, {"result", "at-reboot"}, {"generation", pair.path()}, {"host_command", command}},
                  fmt::format("{} is installed; systemd cannot be reached from here, so run this on the host:\n  {}\n",
                              pair.path(), command));
    return ExitCode::at_reboot;
}

/// Who vouched, as the container found it. @throws Error usage
std::optional<Vouching> handed_over(const InstallOptions& options) {
    if (!options.vouched) return std::nullopt;
    const auto kind = parse_vouching_kind(*options.vouched);
    if (!kind) throw Error{Errc::usage, fmt::format("'--vouched' cannot be '{}'", *options.vouched)};
    return Vouching{.kind = *kind, .keys = options.signed_by};
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
    recover_store(services, store, facts, report);
    const bool can_hand_over = services.units.reachable();
    if (installed && !can_hand_over) return leave_pending({}, services, store, config, manifest.pair(), report);
    if (installed) {
        const std::string program = program_on_host(services, report);
        lock.reset();
        return run_on_host(options, services, program, kAlreadyInstalled, manifest.pair(), {}, report);
    }
    require_place_for(store, manifest.pair());
    if (!options.allow_older) require_not_older(known_serials(store), own_claim(manifest.pair()), {});
    const auto copy = [&](const Staging& staging, std::optional<Vouching>& vouching) {
        return copy_image(options, services, store, config, facts, key, staging, vouching, report);
    };
    if (!can_hand_over) return leave_pending(copy, services, store, config, manifest.pair(), report);
    Staging staging = store.make_staging();
    std::optional<Vouching> vouching;
    static_cast<void>(offering_prune(services, store, [&] { return copy(staging, vouching); }));
    // After the trust check, and a killed container leaves only staging behind, which the next run removes.
    const std::string program = program_on_host(services, report);
    staging.release();  // ours no more, but held until we end: no other run takes it for a dead one's
    lock.reset();       // the host's half takes it
    return run_on_host(options, services, program, staging.id(), manifest.pair(), vouching, report);
}

ExitCode install_staged(const InstallOptions& options, Services& services, Config config, Report& report) {
    if (!options.overrides.driver) throw Error{Errc::usage, "'--staged' needs the driver's name"};
    const HostFacts facts = services.read_facts();
    const std::string key = os_key(profile_for(facts.os_release.id()), facts.os_release, facts.kernel_release);
    Installed installed{.pair = {DriverId::parse(*options.overrides.driver), key},
                        .reference = "the image it came in",
                        .vouching = handed_over(options),
                        .record_before = {}};
    Store store{services.root};
    Lock lock = take_lock(services, store, "install");
    const bool adopt = *options.staged != kAlreadyInstalled;
    std::optional<Staging> held;  // so that recovery does not take it for a dead run's
    if (adopt) held.emplace(store.adopt_staging(*options.staged));
    installed.daemons_were_stopped = recover_store(services, store, facts, report).daemons_were_stopped();
    if (!adopt && !store.find_generation(installed.pair))
        throw Error{Errc::no_artifact, fmt::format("{} is not installed", installed.pair.path())};
    if (!adopt) installed.vouching = store.find_generation(installed.pair)->vouching;
    const auto fill = [&](const Staging& staging) {
        const auto json = services.root.read_file(staging.path() + "/driver.json", kMostManifestBytes);
        if (!json) throw Error{Errc::incomplete_artifact, fmt::format("'{}' holds no driver.json", staging.path())};
        const FetchResult fetched{.manifest = DriverManifest::parse(*json),
                                  .driver_json = *json,
                                  .signature = std::nullopt,
                                  .not_reused = ""};
        require_fit(fetched.manifest, facts, key);
        return describe_generation(fetched, nullptr, "image", services.clock.wall());
    };
    FillStaging::Means means;
    if (adopt) means = {.fill = fill, .look = {}, .adopted = options.staged};
    publish_and_record(services, store, config, installed, std::move(means), "install", report);
    return finish_install(options, services, store, config, installed, {}, std::move(lock), report);
}

}  // namespace overdrive
