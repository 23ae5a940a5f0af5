#include "simulated_kernel.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "model/host_facts.hpp"
#include "support/error.hpp"
#include "support/unique_fd.hpp"

namespace overdrive {

namespace {

namespace fs = std::filesystem;

constexpr const char* kGpu = "0000:00:01.0";
constexpr unsigned kMajor = 195;
constexpr unsigned kUvmMajor = 511;

/// 0, or the errno that a tracer put in the place of the one that a call on nothing gives.
int injected(long result) {
    if (result >= 0) return 0;
    switch (errno) {
        case EBADF:
        case ENOENT:
        case EFAULT:
        case EPERM:
        case ENOSYS:
            return 0;
        default:
            return errno;
    }
}

std::vector<std::string> split(const std::string& text, char separator) {
    std::vector<std::string> parts;
    std::istringstream stream{text};
    for (std::string part; std::getline(stream, part, separator);) {
        if (!part.empty()) parts.push_back(part);
    }
    return parts;
}

std::string read(const fs::path& path) {
    std::ostringstream content;
    if (std::ifstream file{path, std::ios::binary}; file) content << file.rdbuf();
    return content.str();
}

void write(const fs::path& path, const std::string& content) {
    fs::create_directories(path.parent_path());
    std::ofstream file{path, std::ios::binary};
    file << content;
    file.close();
    if (!file) throw std::runtime_error{"the simulated kernel cannot write " + path.string()};
}

/// The fields at the start of a module file.
std::map<std::string, std::string> fields_of(const std::string& content) {
    std::map<std::string, std::string> fields;
    std::istringstream stream{content};
    for (std::string line; std::getline(stream, line);) {
        const std::size_t equal = line.find('=');
        if (equal == std::string::npos) break;
        fields.emplace(line.substr(0, equal), line.substr(equal + 1));
    }
    return fields;
}

std::string users_of(const std::vector<SimulatedKernel::Module>& all, const std::string& name) {
    std::string users;
    for (const SimulatedKernel::Module& module : all) {
        const auto& needs = module.depends;
        if (std::find(needs.begin(), needs.end(), name) != needs.end()) users += module.name + ",";
    }
    return users;
}

bool contains(const std::vector<SimulatedKernel::Module>& all, const std::string& name) {
    return std::any_of(all.begin(), all.end(), [&](const auto& module) { return module.name == name; });
}

void write_state(const fs::path& place, const std::vector<SimulatedKernel::Module>& all, const std::string& in_use) {
    std::string table;
    for (const SimulatedKernel::Module& module : all) {
        const std::string users = users_of(all, module.name);
        const auto references = static_cast<std::size_t>(std::count(users.begin(), users.end(), ',')) +
                                (contains({{module.name, "", {}}}, in_use) ? 1U : 0U);
        table += fmt::format("{} 16384 {} {} Live 0x0000000000000000 (OE)\n", module.name, references,
                             users.empty() ? "-" : users);
        write(place / "module" / module.name / "version", module.version + "\n");
        write(place / "module" / module.name / "refcnt", fmt::format("{}\n", references));
        for (const std::string& user : split(users, ','))
            fs::create_directories(place / "module" / module.name / "holders" / user);
    }
    write(place / "modules", table);
    fs::create_directories(place / "module");
    fs::create_symlink("/simulated/firmware_class", place / "module/firmware_class");
    fs::create_directories(place / "driver");
    std::string devices = "Character devices:\n  1 mem\n";
    for (const SimulatedKernel::Module& module : all) {
        if (module.name == "nvidia_uvm") devices += fmt::format("{} nvidia-uvm\n", kUvmMajor);
        if (module.name != "nvidia") continue;
        devices += fmt::format("{} nvidia\n", kMajor);
        write(place / "driver/nvidia/version",
              fmt::format("NVRM version: NVIDIA UNIX x86_64 Kernel Module  {}  Simulated\n", module.version));
        write(place / "driver/nvidia/gpus" / kGpu / "information", "Model: Simulated\nDevice Minor: 0\n");
    }
    write(place / "devices", devices);
}

}  // namespace

void as_somebody_else(const std::function<void()>& body) {
    std::exception_ptr failure;
    std::thread thread{[&]() noexcept {
        try {
            body();
        } catch (...) {
            failure = std::current_exception();
        }
    }};
    thread.join();
    if (failure) std::rethrow_exception(failure);
}

SimulatedKernel::SimulatedKernel(const Root& root) : root_{root}, directory_{root.host_path("/simulated")} {
    as_somebody_else([&] {
        // The machine is up before any run: of those that begin at once one starts it and the others wait.
        fs::create_directories(directory_);
        const UniqueFd machine{::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
        if (flock(machine.get(), LOCK_EX) != 0) throw std::runtime_error{"cannot lock the simulated machine"};
        if (!fs::exists(fs::path{directory_} / "now")) become({});
    });
}

std::vector<SimulatedKernel::Module> SimulatedKernel::loaded() const {
    std::vector<Module> out;
    for (const std::string& line : split(read(fs::path{directory_} / "now/loaded"), '\n')) {
        const auto parts = split(line, ' ');
        out.push_back({parts.at(0), parts.at(1), parts.size() > 2 ? split(parts[2], ',') : std::vector<std::string>{}});
    }
    return out;
}

void SimulatedKernel::become(const std::vector<Module>& modules) const {
    const fs::path top{directory_};
    fs::create_directories(top / "firmware_class/parameters");
    if (!fs::exists(top / "firmware_class/parameters/path")) write(top / "firmware_class/parameters/path", "\n");
    const fs::path old = fs::is_symlink(top / "now") ? fs::read_symlink(top / "now") : fs::path{};
    const fs::path next = old == "kernel.0" ? "kernel.1" : "kernel.0";
    fs::remove_all(top / next);
    std::string in_use = read(top / "in-use");
    while (!in_use.empty() && in_use.back() == '\n') in_use.pop_back();
    write_state(top / next, modules, in_use);
    std::string lines;
    for (const Module& module : modules) {
        std::string depends;
        for (const std::string& name : module.depends) depends += (depends.empty() ? "" : ",") + name;
        lines += fmt::format("{} {} {}\n", module.name, module.version, depends);
    }
    write(top / next / "loaded", lines);
    fs::remove(top / "next");
    fs::create_symlink(next, top / "next");
    fs::rename(top / "next", top / "now");
    if (!old.empty()) fs::remove_all(top / old);
}

std::string SimulatedKernel::knob(const std::string& module, const std::string& version) const {
    for (const std::string& line : split(read(fs::path{directory_} / "fail-load"), '\n')) {
        const auto parts = split(line, ' ');
        if (parts.size() == 3 && kernel_spelling(parts[0]) == module && parts[1] == version) return parts[2];
    }
    return "";
}

ModuleLoader::Outcome SimulatedKernel::load_prerequisite(const std::string& /*name*/) { return Outcome::not_available; }

ModuleLoader::Outcome SimulatedKernel::load(const std::string& path,
                                            const std::map<std::string, std::string>& /*parameters*/) {
    const std::string content = root_.read_file(path).value_or("");
    auto fields = fields_of(content);
    const std::string name = kernel_spelling(fields["name"]);
    if (name.empty()) throw Error{Errc::module_load, fmt::format("'{}': Invalid module format", path)};
    const auto all = loaded();
    if (contains(all, name)) return Outcome::already_loaded;
    if (const int refused = injected(syscall(SYS_finit_module, -1, "", 0)); refused != 0)
        throw Error::from_errno(Errc::module_load, refused, fmt::format("insert '{}'", path));
    Module module{name, fields["version"], {}};
    for (const std::string& needed : split(fields["depends"], ',')) {
        if (!contains(all, kernel_spelling(needed)))
            throw Error{Errc::module_load, fmt::format("'{}': Unknown symbol in module", path)};
        module.depends.push_back(kernel_spelling(needed));
    }
    const std::string wish = knob(name, module.version);
    if (wish == "refuse") throw Error{Errc::module_load, fmt::format("'{}': simulated: the kernel refuses it", path)};
    if (wish == "other-version") module.version = "1.0.0";
    as_somebody_else([&] {
        auto next = all;
        next.push_back(module);
        become(next);
    });
    return Outcome::loaded;
}

bool SimulatedKernel::unload(const std::string& name) {
    const std::string module = kernel_spelling(name);
    auto all = loaded();
    if (!contains(all, module)) return false;
    const int refused = injected(syscall(SYS_delete_module, "", 0));
    std::string in_use = read(fs::path{directory_} / "in-use");
    while (!in_use.empty() && in_use.back() == '\n') in_use.pop_back();
    if (refused == EAGAIN || in_use == module || !users_of(all, module).empty())
        throw Error{Errc::module_busy, fmt::format("module '{}' is in use by {}", name, users_of(all, module))};
    if (refused != 0) throw Error::from_errno(Errc::module_load, refused, fmt::format("unload module '{}'", name));
    as_somebody_else([&] {
        all.erase(std::remove_if(all.begin(), all.end(), [&](const Module& each) { return each.name == module; }),
                  all.end());
        become(all);
    });
    return true;
}

ModuleDescription SimulatedKernel::describe(const std::string& path) {
    auto fields = fields_of(root_.read_file(path).value_or(""));
    if (fields["vermagic"].empty())
        throw Error{Errc::incomplete_artifact, fmt::format("'{}' has no vermagic; it is no kernel module", path)};
    return {fields["vermagic"], fields["version"], {}};
}

std::string SimulatedKernel::vermagic(const std::string& path) { return describe(path).vermagic; }

void SimulatedKernel::settle_firmware_path() const {
    const fs::path path = fs::path{directory_} / "firmware_class/parameters/path";
    const std::string text = read(path);
    if (!text.empty() && text.front() == '\0') as_somebody_else([&] { write(path, "\n"); });
}

}  // namespace overdrive
