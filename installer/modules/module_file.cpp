#include "modules/module_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <string_view>
#include <system_error>

#include "support/error.hpp"

namespace overdrive {

namespace {

using InfoList = std::unique_ptr<kmod_list, ReleaseWith<kmod_module_info_free_list>>;

void discard_log(void* /*data*/, int /*priority*/, const char* /*file*/, int /*line*/, const char* /*function*/,
                 const char* /*format*/, va_list /*arguments*/) {}

std::string text(const char* value) { return value == nullptr ? "" : value; }

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
    kmod_module* module = nullptr;
    const int result = kmod_module_new_from_path(context.get(), path.c_str(), &module);
    if (result < 0) {
        throw Error{Errc::incomplete_artifact,
                    fmt::format("module file '{}': {}", path, std::generic_category().message(-result))};
    }
    return KmodModule{module};
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
        // `parm` has a description and may be absent, `parmtype` has the type.
        if (key == "parm" || key == "parmtype") info.parameters.push_back(value.substr(0, value.find(':')));
    }
    std::sort(info.parameters.begin(), info.parameters.end());
    info.parameters.erase(std::unique(info.parameters.begin(), info.parameters.end()), info.parameters.end());
    return info;
}

}  // namespace overdrive
