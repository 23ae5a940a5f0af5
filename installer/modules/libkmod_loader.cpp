#include "modules/libkmod_loader.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/utsname.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "model/host_facts.hpp"
#include "modules/insert_failure.hpp"
#include "modules/kernel_log.hpp"
#include "modules/module_facts_reader.hpp"
#include "modules/parameters.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

using ModuleList = std::unique_ptr<kmod_list, ReleaseWith<kmod_module_unref_list>>;

std::string running_kernel() {
    utsname kernel{};
    if (uname(&kernel) != 0) {
        const int saved_errno = errno;
        throw Error::from_errno(Errc::unsupported, saved_errno, "uname");
    }
    return static_cast<const char*>(kernel.release);
}

bool is_loaded(int state) { return state == KMOD_MODULE_LIVE || state == KMOD_MODULE_COMING; }

std::string message_of(int error) { return std::generic_category().message(error); }

}  // namespace

LibkmodLoader::LibkmodLoader(const Root& root) : LibkmodLoader{root, running_kernel()} {}

LibkmodLoader::LibkmodLoader(const Root& root, std::string kernel_release)
    : root_{root}, kernel_release_{std::move(kernel_release)} {}

KmodContext LibkmodLoader::host_context() const {
    const std::array<std::string, 3> paths{root_.host_path("/etc/modprobe.d"), root_.host_path("/run/modprobe.d"),
                                           root_.host_path("/lib/modprobe.d")};
    const std::array<const char*, 4> config{paths[0].c_str(), paths[1].c_str(), paths[2].c_str(), nullptr};
    return make_kmod_context(root_.host_path("/lib/modules/" + kernel_release_), config.data());
}

ModuleLoader::Outcome LibkmodLoader::load_prerequisite(const std::string& name) {
    const KmodContext context = host_context();
    kmod_list* raw = nullptr;
    const int lookup = kmod_module_new_from_lookup(context.get(), name.c_str(), &raw);
    const ModuleList list{raw};
    if (lookup < 0 && lookup != -ENOENT && lookup != -ENOSYS) {
        throw Error{Errc::module_load, fmt::format("look up module '{}': {}", name, message_of(-lookup))};
    }
    if (!list) return Outcome::not_available;
    const KmodModule module{kmod_module_get_module(list.get())};
    const int state = kmod_module_get_initstate(module.get());
    if (state == KMOD_MODULE_BUILTIN) return Outcome::not_available;
    if (is_loaded(state)) return Outcome::already_loaded;
    if (kmod_module_get_path(module.get()) == nullptr) return Outcome::not_available;
    const KernelLog log{root_};
    const int result =
        kmod_module_probe_insert_module(module.get(), KMOD_PROBE_IGNORE_COMMAND, nullptr, nullptr, nullptr, nullptr);
    if (result == 0) return Outcome::loaded;
    if (result == -EEXIST) return Outcome::already_loaded;
    const std::string path = kmod_module_get_path(module.get());
    throw explain({path, result < 0 ? -result : EPERM, read_module_info(module.get()).vermagic, host_vermagic(),
                   log.lines_about(name)});
}

ModuleLoader::Outcome LibkmodLoader::load(const std::string& path,
                                          const std::map<std::string, std::string>& parameters) {
    const KmodModule module = open_module_file(root_.host_path(path));
    const ModuleInfo info = read_module_info(module.get());
    const std::string options = module_options(info.name, parameters, info.parameter_names());
    if (is_loaded(kmod_module_get_initstate(module.get()))) return Outcome::already_loaded;
    // A kernel with MODVERSIONS does not compare the release when the symbols' checksums fit: it would take the module.
    if (info.vermagic.substr(0, info.vermagic.find(' ')) != kernel_release_) {
        throw explain({path, ENOEXEC, info.vermagic, host_vermagic(), {}});
    }
    const KernelLog log{root_};
    const int result = kmod_module_insert_module(module.get(), 0, options.c_str());
    switch (-result) {
        case 0:
            return Outcome::loaded;
        case EEXIST:
            return Outcome::already_loaded;
        case ENODEV:
            return Outcome::no_device;
        default:
            throw explain({path, -result, info.vermagic, host_vermagic(), log.lines_about(info.name)});
    }
}

std::vector<std::string> LibkmodLoader::holders_of(const std::string& name) const {
    return root_.list(fmt::format("/sys/module/{}/holders", name));
}

bool LibkmodLoader::unload(const std::string& name) {
    const char* const no_configuration = nullptr;
    const KmodContext context = make_kmod_context("/nonexistent", &no_configuration);
    const std::string kernel_name = kernel_spelling(name);
    kmod_module* raw = nullptr;
    const int made = kmod_module_new_from_name(context.get(), kernel_name.c_str(), &raw);
    if (made < 0) throw Error{Errc::module_load, fmt::format("unload module '{}': {}", name, message_of(-made))};
    const KmodModule module{raw};
    if (kmod_module_get_initstate(module.get()) < 0) return false;
    const int references = kmod_module_get_refcnt(module.get());
    const int result = references > 0 ? -EBUSY : kmod_module_remove_module(module.get(), 0);
    if (result == 0) return true;
    if (result == -ENOENT) return false;
    if (result != -EBUSY && result != -EAGAIN) {
        throw Error{Errc::module_load, fmt::format("unload module '{}': {}", name, message_of(-result))};
    }
    const std::vector<std::string> holders = holders_of(kernel_name);
    if (!holders.empty()) {
        throw Error{Errc::module_busy, fmt::format("module '{}' is in use by {}", name, fmt::join(holders, ", "))};
    }
    throw Error{Errc::module_busy,
                fmt::format("module '{}' is in use: {} open device files or other references", name, references)}
        .with_remedy(
            "stop what uses the GPU ('fuser -v /dev/nvidia*'), or let the change take effect at the next boot");
}

ModuleDescription LibkmodLoader::describe(const std::string& path) {
    ModuleInfo info = read_module_info(open_module_file(real_module_path(root_, path)).get());
    if (info.vermagic.empty()) {
        throw Error{Errc::incomplete_artifact, fmt::format("'{}' has no vermagic; it is no kernel module", path)};
    }
    return {std::move(info.vermagic), std::move(info.version), std::move(info.firmware)};
}

std::string LibkmodLoader::vermagic(const std::string& path) { return describe(path).vermagic; }

std::string LibkmodLoader::host_vermagic() const {
    const std::string directory = "/lib/modules/" + kernel_release_;
    const std::string index = root_.read_file(directory + "/modules.dep", 64U << 20U).value_or("");
    const std::string first = index.substr(0, index.find(':'));
    if (first.empty() || first.find('\n') != std::string::npos) return kernel_release_;
    try {
        const std::string path = first.starts_with('/') ? first : directory + "/" + first;
        return read_module_info(open_module_file(root_.host_path(path)).get()).vermagic;
    } catch (const Error&) {
        return kernel_release_;  // an index without its files: the release says most of it
    }
}

}  // namespace overdrive
