#include "modules/module_file.hpp"

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstring>
#include <string_view>
#include <system_error>

#include "support/error.hpp"
#include "support/root.hpp"

namespace overdrive {

namespace {

using InfoList = std::unique_ptr<kmod_list, ReleaseWith<kmod_module_info_free_list>>;
using VersionList = std::unique_ptr<kmod_list, ReleaseWith<kmod_module_versions_free_list>>;

void discard_log(void* /*data*/, int /*priority*/, const char* /*file*/, int /*line*/, const char* /*function*/,
                 const char* /*format*/, va_list /*arguments*/) {}

std::string text(const char* value) { return value == nullptr ? "" : value; }

/// `0A:1B` -> `0a1b`
std::string plain_hex(std::string_view value) {
    std::string out;
    for (const char c : value) {
        if (c != ':') out += c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return out;
}

/// @param value `name:description` or `name:type`
void add_parameter(std::vector<ModuleParameter>& parameters, const std::string& value, bool has_type) {
    const std::size_t colon = std::min(value.find(':'), value.size());
    const std::string name = value.substr(0, colon);
    auto known = std::find_if(parameters.begin(), parameters.end(),
                              [&](const ModuleParameter& parameter) { return parameter.name == name; });
    if (known == parameters.end()) known = parameters.insert(known, {name, ""});
    if (has_type && colon < value.size()) known->type = value.substr(colon + 1);
}

/// libkmod 30 ends the program with an assertion where an ELF file's header leads outside of it: a damaged file must
/// not cost more than its module. Compressed files are the host's own; whatever is no ELF file libkmod refuses.
bool leads_outside(const std::string& path) {
    const UniqueFd file{open_beneath(AT_FDCWD, path.c_str(), O_RDONLY, 0, 0)};
    Elf64_Ehdr header{};
    struct stat status {};
    if (file.get() < 0 || pread(file.get(), &header, sizeof header, 0) != static_cast<ssize_t>(sizeof header) ||
        fstat(file.get(), &status) != 0 || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
        return false;
    const auto size = static_cast<std::uint64_t>(status.st_size);
    const std::uint64_t table = std::uint64_t{header.e_shnum} * header.e_shentsize;
    return header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_shentsize != sizeof(Elf64_Shdr) ||
           header.e_shstrndx == SHN_UNDEF || header.e_shstrndx >= header.e_shnum || table > size ||
           header.e_shoff > size - table;
}

}  // namespace

KmodContext make_kmod_context(const std::string& directory, const char* const* config_paths) {
    KmodContext context{kmod_new(directory.c_str(), config_paths)};
    if (!context) throw Error{Errc::module_load, fmt::format("libkmod cannot use '{}'", directory)};
    kmod_set_log_fn(context.get(), discard_log, nullptr);
    return context;
}

KmodModule open_module_file(const std::string& path) {
    const char* const no_configuration = nullptr;
    // One context a file: a context keeps modules by name, and two generations have modules of the same names.
    const KmodContext context = make_kmod_context("/nonexistent", &no_configuration);
    if (leads_outside(path))
        throw Error{Errc::incomplete_artifact, fmt::format("module file '{}' is damaged: its header is wrong", path)};
    kmod_module* module = nullptr;
    const int result = kmod_module_new_from_path(context.get(), path.c_str(), &module);
    if (result < 0) {
        throw Error{Errc::incomplete_artifact,
                    fmt::format("module file '{}': {}", path, std::generic_category().message(-result))};
    }
    return KmodModule{module};
}

std::vector<std::string> ModuleInfo::parameter_names() const {
    std::vector<std::string> names;
    names.reserve(parameters.size());
    for (const ModuleParameter& parameter : parameters) names.push_back(parameter.name);
    return names;
}

ModuleInfo read_module_info(const kmod_module* module) {
    ModuleInfo info;
    info.name = text(kmod_module_get_name(module));
    kmod_list* raw = nullptr;
    const int result = kmod_module_get_info(module, &raw);
    if (result < 0) {
        throw Error{Errc::incomplete_artifact,
                    fmt::format("'{}' is no kernel module (no modinfo): {}", text(kmod_module_get_path(module)),
                                std::generic_category().message(-result))};
    }
    const InfoList list{raw};
    for (const kmod_list* entry = list.get(); entry != nullptr; entry = kmod_list_next(list.get(), entry)) {
        const std::string key = text(kmod_module_info_get_key(entry));
        const std::string value = text(kmod_module_info_get_value(entry));
        if (key == "vermagic") info.vermagic = value;
        if (key == "version") info.version = value;
        if (key == "firmware") info.firmware.push_back(value);
        if (key == "srcversion") info.srcversion = value;
        if (key == "signer") info.signer = value;
        if (key == "sig_key") info.signer_serial = plain_hex(value);
        // `parm` has a description and may be absent, `parmtype` has the type.
        if (key == "parm" || key == "parmtype") add_parameter(info.parameters, value, key == "parmtype");
    }
    std::sort(info.parameters.begin(), info.parameters.end(),
              [](const ModuleParameter& a, const ModuleParameter& b) { return a.name < b.name; });
    return info;
}

SymbolVersions read_symbol_versions(const kmod_module* module) {
    SymbolVersions versions;
    kmod_list* raw = nullptr;
    const int result = kmod_module_get_versions(module, &raw);
    const VersionList list{raw};
    if (result == -ENODATA || result == -ENOENT) return versions;
    if (result < 0) {
        throw Error{Errc::incomplete_artifact,
                    fmt::format("the symbol versions of '{}' cannot be read: {}", text(kmod_module_get_path(module)),
                                std::generic_category().message(-result))};
    }
    for (const kmod_list* entry = list.get(); entry != nullptr; entry = kmod_list_next(list.get(), entry)) {
        versions.insert_or_assign(text(kmod_module_version_get_symbol(entry)),
                                  static_cast<std::uint32_t>(kmod_module_version_get_crc(entry)));
    }
    return versions;
}

}  // namespace overdrive
