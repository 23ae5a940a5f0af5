// What the preflight says about the modules' files: the kernel that they are for, parameters, firmware.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "model/gpu_architecture.hpp"
#include "model/nearest_name.hpp"
#include "model/preflight.hpp"

namespace overdrive {

namespace {

constexpr std::string_view kArray = "array of ";

std::string_view without_blanks_behind(std::string_view text) {
    while (text.ends_with(' ')) text.remove_suffix(1);
    return text;
}

/// As kstrtol with base 0: `0x1f`, `017`, `-1`, `+1`. @see lib/kstrtox.c
bool is_number(std::string_view text, bool is_signed, unsigned bits) {
    const bool negative = text.starts_with('-');
    if (negative && !is_signed) return false;
    if (negative || text.starts_with('+')) text.remove_prefix(1);
    int base = 10;
    if (text.starts_with("0x") || text.starts_with("0X")) {
        base = 16;
        text.remove_prefix(2);
    } else if (text.size() > 1 && text.front() == '0') {
        base = 8;
    }
    unsigned long long value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return false;
    const unsigned long long most =
        std::numeric_limits<unsigned long long>::max() >> (64U - bits + (is_signed ? 1 : 0));
    return value <= most + (negative ? 1 : 0);
}

/// @see kernel/params.c, param_set_bool
bool is_bool(std::string_view value) {
    if (value.empty()) return true;
    if (value == "on" || value == "off") return true;
    return value.size() == 1 && std::string_view{"yYnN10tTfF"}.find(value.front()) != std::string_view::npos;
}

const ModuleFacts* find_module(const PreflightFacts& facts, std::string_view name) {
    if (!facts.modules) return nullptr;
    const auto found = std::find_if(facts.modules->begin(), facts.modules->end(), [&](const ModuleFacts& module) {
        return kernel_spelling(module.name) == kernel_spelling(name);
    });
    return found == facts.modules->end() ? nullptr : &*found;
}

/// Why the module does not take it; empty when it does.
std::string refusal(const ModuleFacts& module, const std::string& name, const std::string& value) {
    const auto known = std::find_if(module.parameters.begin(), module.parameters.end(),
                                    [&](const ModuleParameter& parameter) { return parameter.name == name; });
    if (known != module.parameters.end()) {
        if (takes(known->type, value)) return {};
        return fmt::format("module '{}' takes for '{}' a value of type {}, not '{}'", module.name, name, known->type,
                           value);
    }
    std::vector<std::string> names;
    for (const ModuleParameter& parameter : module.parameters) names.push_back(parameter.name);
    const std::string nearest = nearest_name(name, names);
    return fmt::format("module '{}' has no parameter '{}'{}", module.name, name,
                       nearest.empty() ? std::string{} : fmt::format("; the nearest one is '{}'", nearest));
}

/// The firmware files of the driver that its free GPUs cannot start without.
std::vector<std::string> needed_firmware(const PreflightQuestion& question, const PreflightFacts& facts) {
    std::vector<std::string> needed;
    for (const GpuFunction& gpu : question.host.gpus) {
        const auto architecture = architecture_of(gpu.device_id);
        const std::string_view file = architecture ? system_firmware_of(*architecture) : std::string_view{};
        if (file.empty()) continue;
        for (const ModuleFacts& module : *facts.modules) {
            for (const std::string& path : module.firmware) {
                const bool listed = std::find(needed.begin(), needed.end(), path) != needed.end();
                if (!listed && path.ends_with(fmt::format("/{}", file))) needed.push_back(path);
            }
        }
    }
    return needed;
}

}  // namespace

bool takes(std::string_view type, std::string_view value) {
    if (type.starts_with(kArray)) {
        type.remove_prefix(kArray.size());
        while (true) {
            const std::size_t comma = value.find(',');
            if (!takes(type, value.substr(0, comma))) return false;
            if (comma == std::string_view::npos) return true;
            value.remove_prefix(comma + 1);
        }
    }
    struct Number {
        std::string_view type;
        bool is_signed;
        unsigned bits;
    };
    constexpr std::array kNumbers{Number{"byte", false, 8}, Number{"short", true, 16}, Number{"ushort", false, 16},
                                  Number{"int", true, 32},  Number{"uint", false, 32}, Number{"hexint", false, 32},
                                  Number{"long", true, 64}, Number{"ulong", false, 64}};
    for (const Number& number : kNumbers) {
        if (number.type == type) return is_number(value, number.is_signed, number.bits);
    }
    if (type == "bool" || type == "invbool" || type == "bint") return is_bool(value);
    constexpr std::size_t kMostCharp = 1024;  // param_set_charp
    return type != "charp" || value.size() <= kMostCharp;
}

void judge_vermagic(const PreflightQuestion& question, const PreflightFacts& facts, std::vector<Finding>& findings) {
    if (!facts.modules) return;
    const std::string remedy = "'overdrive install' fetches the pair of this kernel";
    for (const ModuleFacts& module : *facts.modules) {
        const std::string_view vermagic = without_blanks_behind(module.vermagic);
        const std::string_view release = vermagic.substr(0, vermagic.find(' '));
        if (release != question.host.kernel_release) {
            findings.push_back(Finding{"wrong-kernel", module.path,
                                       fmt::format("'{}' was built for kernel {}, this is {}", module.path, release,
                                                   question.host.kernel_release),
                                       remedy});
        } else if (facts.host_vermagic && vermagic != without_blanks_behind(*facts.host_vermagic)) {
            findings.push_back(Finding{"wrong-kernel", module.path,
                                       fmt::format("'{}' was built for '{}', this kernel's own modules for '{}'",
                                                   module.path, vermagic, without_blanks_behind(*facts.host_vermagic)),
                                       remedy});
        }
    }
}

void judge_parameters(const PreflightQuestion& question, const PreflightFacts& facts, std::vector<Finding>& findings) {
    const auto judge = [&](const std::string& name, const std::map<std::string, std::string>& parameters,
                           const char* code, const char* remedy) {
        const ModuleFacts* const module = find_module(facts, name);
        if (module == nullptr) return;
        for (const auto& [parameter, value] : parameters) {
            std::string what = refusal(*module, parameter, value);
            if (!what.empty())
                findings.push_back({code, fmt::format("{}.{}", name, parameter), std::move(what), remedy});
        }
    };
    for (const ModuleSpec& spec : question.manifest.modules)
        judge(spec.name, spec.parameters, "bad-artifact-parameter", "install another build of this driver");
    // A typo must not cost a node its driver: at boot the parameter is left out.
    const char* const code = question.at_boot ? "parameter-ignored" : "bad-parameter";
    const char* const remedy = "correct [parameters] in /etc/overdrive/config.toml";
    for (const auto& [name, parameters] : question.parameters) {
        judge(name, parameters, code, remedy);
        const auto& specs = question.manifest.modules;
        const bool is_ours = std::any_of(specs.begin(), specs.end(), [&](const ModuleSpec& spec) {
            return kernel_spelling(spec.name) == kernel_spelling(name);
        });
        if (is_ours) continue;
        std::vector<std::string> names;
        for (const ModuleSpec& spec : specs) names.push_back(spec.name);
        findings.push_back({code, name,
                            fmt::format("[parameters] names '{}', and the driver has no such module; it has {}", name,
                                        fmt::join(names, ", ")),
                            remedy});
    }
}

void judge_firmware(const PreflightQuestion& question, const PreflightFacts& facts, std::vector<Finding>& findings) {
    // The proprietary modules can do without it.
    if (!facts.modules || !facts.firmware || question.manifest.module_type == "proprietary") return;
    for (const std::string& path : needed_firmware(question, facts)) {
        if (facts.firmware->contains(path)) continue;
        const bool is_ours = facts.firmware_directory.starts_with("/opt/nvidia/");
        const std::string place = facts.firmware_directory + "/" + path;
        findings.push_back(
            {"firmware-missing", place,
             fmt::format("the GPU needs the firmware '{}', which is not in '{}'", path, facts.firmware_directory),
             is_ours ? std::string{"'overdrive verify' tells what else is missing; 'overdrive install --verify' "
                                   "fetches it again"}
                     : fmt::format("copy it there, or let firmware_class.path be empty so that overdrive sets it (it "
                                   "is '{}', set on the kernel command line or by another driver)",
                                   question.host.firmware_path)});
    }
}

}  // namespace overdrive
