#include "verbs/doctor_bundle.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "archive/text_archive.hpp"
#include "model/config_view.hpp"
#include "model/secret_mask.hpp"
#include "store/store.hpp"
#include "support/visible_text.hpp"
#include "verbs/desired_state.hpp"
#include "verbs/history.hpp"
#include "verbs/list.hpp"
#include "verbs/runtime_files.hpp"
#include "verbs/status.hpp"
#include "verbs/unit_symptoms.hpp"

namespace overdrive {

namespace {

using nlohmann::ordered_json;

constexpr std::size_t kMostBytes = 1U << 20U;  // of one file
constexpr std::size_t kMostEntries = 64;       // of one directory
constexpr const char* kPciDevices = "/sys/bus/pci/devices";

/// Keeps what a verb says, for a file of the bundle.
class KeptJson final : public Report {
public:
    void note(std::string_view /*line*/) override {}
    void warn(std::string_view line) override { warnings.emplace_back(line); }
    void result(const ordered_json& json, std::string_view /*text*/) override { said = json; }
    void failure(std::string_view /*verb*/, const Error& error) override { said = {{"error", error.what()}}; }

    ordered_json said;
    std::vector<std::string> warnings;
};

/// The files of a bundle. What cannot be read is told in place of its content.
class Collection {
public:
    explicit Collection(const Root& root) : root_{root} {}

    void add(std::string name, std::string_view content) {
        files_.push_back({std::move(name), without_secrets(content)});
    }
    void add_json(std::string name, const ordered_json& json) {
        add(std::move(name), json.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n");
    }
    /// What a verb says; one that fails says why.
    template <typename Run>
    void add_verb(std::string name, Run&& run) {
        KeptJson report;
        try {
            std::forward<Run>(run)(report);
        } catch (const Error& error) {
            if (error.code() == Errc::interrupted) throw;
            report.failure(name, error);
        }
        add_json(std::move(name), {{"said", report.said}, {"warnings", report.warnings}});
    }
    /// A file of the host, where it is there.
    void add_file(const std::string& path) {
        if (const auto text = read(path)) add(fmt::format("host{}", path), *text);
    }
    /// A unit or drop-in, whose comments may hold anything.
    void add_unit(const std::string& path) {
        if (const auto text = read(path)) add(fmt::format("host{}", path), without_comments_and_secrets(*text, "#;"));
    }
    void add_config(const std::string& path) {
        if (const auto text = read(path)) add(fmt::format("host{}", path), config_view(*text, path));
    }
    [[nodiscard]] std::vector<std::string> list(const std::string& directory) const {
        try {
            std::vector<std::string> names = root_.list(directory);
            names.resize(std::min(names.size(), kMostEntries));
            return names;
        } catch (const Error&) {
            return {};
        }
    }
    [[nodiscard]] std::optional<std::string> read(const std::string& path) const {
        try {
            return root_.read_file(path, kMostBytes);
        } catch (const Error& error) {
            return fmt::format("not collected: {}\n", error.what());
        }
    }
    [[nodiscard]] const std::vector<TextFile>& files() const noexcept { return files_; }

private:
    const Root& root_;
    std::vector<TextFile> files_;
};

std::string first_line(const std::string& text) { return visible_text(text.substr(0, text.find('\n'))); }

/// The kernel driver of a function; `-` when none is bound, `?` when that cannot be seen.
std::string bound_driver(const Root& root, const std::string& place) {
    try {
        const std::string target = root.read_link(place + "/driver").value_or("-");
        return target.substr(target.rfind('/') + 1);
    } catch (const Error&) {
        return "?";
    }
}

/// What lspci would say of the vendor's functions.
std::string pci_text(const Root& root, const Collection& collection) {
    std::string text;
    for (const std::string& address : root.list(kPciDevices)) {
        const std::string place = fmt::format("{}/{}", kPciDevices, address);
        const auto value = [&](const char* name) {
            return first_line(collection.read(fmt::format("{}/{}", place, name)).value_or("-"));
        };
        if (value("vendor") != "0x10de") continue;
        text +=
            fmt::format("{} class {} device {} subsystem {}:{} revision {} driver {} numa {} override {}\n", address,
                        value("class"), value("device"), value("subsystem_vendor"), value("subsystem_device"),
                        value("revision"), bound_driver(root, place), value("numa_node"), value("driver_override"));
    }
    return text;
}

void add_kernel(Collection& collection, const Root& root, const std::vector<std::string>& kernel_log) {
    for (const char* path :
         {"/proc/modules", "/proc/devices", "/proc/1/mountinfo", "/proc/driver/nvidia/version",
          "/proc/driver/nvidia/params", "/proc/driver/nvidia/registry", "/proc/sys/kernel/tainted",
          "/proc/sys/kernel/modules_disabled", "/sys/kernel/security/lockdown",
          "/sys/module/firmware_class/parameters/path", "/sys/module/module/parameters/sig_enforce", "/etc/os-release"})
        collection.add_file(path);
    for (const std::string& gpu : collection.list("/proc/driver/nvidia/gpus"))
        collection.add_file(fmt::format("/proc/driver/nvidia/gpus/{}/information", gpu));
    collection.add("kernel-parameters.txt", driver_parameters(collection.read("/proc/cmdline").value_or("")) + "\n");
    collection.add("kernel-log.txt", fmt::format("{}\n", fmt::join(kernel_log, "\n")));
    collection.add("pci.txt", pci_text(root, collection));
}

/// Our units, wherever they come from, and what changes them.
void add_units(Collection& collection, Services& services, const Config& config) {
    std::vector<std::string> units;
    for (const HostFile& file : services.unit_files(config)) {
        collection.add_unit(file.path);
        const std::string name = file.path.substr(file.path.rfind('/') + 1);
        if (name.ends_with(".service") || name.ends_with(".timer") || name.ends_with(".path")) units.push_back(name);
    }
    for (const std::string& directory : unit_directories()) {
        for (const std::string& unit : units) {
            const std::string path = fmt::format("{}/{}", directory, unit);
            if (directory != unit_directories().front()) collection.add_unit(path);
            for (const std::string& drop_in : collection.list(path + ".d"))
                collection.add_unit(fmt::format("{}.d/{}", path, drop_in));
        }
    }
    ordered_json states = ordered_json::object();
    for (const std::string& unit : units) {
        try {
            states[unit] = services.units.active_state(unit).value_or("unknown");
        } catch (const Error& error) {
            states[unit] = error.what();
        }
    }
    collection.add_json("units.json", states);
}

void add_state(Collection& collection, Services& services, const Store& store) {
    collection.add_verb("status.json", [&](Report& report) { run_status({}, services, report); });
    collection.add_verb("list.json", [&](Report& report) { run_list({}, services, report); });
    collection.add_verb("history.json", [&](Report& report) { run_history({}, services, report); });
    for (const std::string& path : {store.record_path(), store.journal_path(), std::string{kStatusFile}})
        collection.add_file(path);
    collection.add_config("/etc/overdrive/config.toml");
    for (const std::string& name : collection.list("/etc/overdrive/config.toml.d"))
        collection.add_config(fmt::format("/etc/overdrive/config.toml.d/{}", name));
}

/// In our own tree, relative to the directory that we were started in.
std::string absolute(const std::string& path) { return std::filesystem::absolute(path).lexically_normal().string(); }

}  // namespace

void require_bundle_place(const std::string& path, bool force) {
    const Root own{"/"};
    const auto there = own.link_status(absolute(path));
    if (there && S_ISDIR(there->st_mode))
        throw Error{Errc::usage, fmt::format("'{}' is a directory", path)}.with_remedy("name the file to write");
    if (there && !force)
        throw Error{Errc::usage, fmt::format("'{}' is there already", path)}.with_remedy("'--force' replaces it");
}

void write_bundle(Services& services, const BundleFindings& findings, const std::string& path, bool force) {
    const Store store{services.root};
    const Config config = load_config(services.root, {}, Strictness::boot);
    Collection collection{services.root};
    collection.add_json("about.json", {{"schema", 1},
                                       {"overdrive", services.program.version},
                                       {"at", services.clock.wall().count()},
                                       {"as_root", services.program.is_root},
                                       {"in_container", services.program.in_container}});
    collection.add_json("doctor.json", findings.doctor);
    add_state(collection, services, store);
    add_units(collection, services, config);
    add_kernel(collection, services.root, findings.kernel_log);
    const std::string archive = make_text_archive("overdrive-doctor", collection.files(), services.clock.wall());
    const Root own{"/"};
    const std::string place = absolute(path);
    const std::string beside = place + ".part";
    own.write_file(beside, archive, 0600);
    try {
        own.rename(beside, place, force);
        own.sync_directory(place.substr(0, std::max<std::size_t>(place.rfind('/'), 1)));
    } catch (const Error& error) {
        own.remove(beside);
        throw;
    }
}

}  // namespace overdrive
