// What a kernel, its modules and its distribution say.

#include <sys/mman.h>

#include <cstdlib>

#include "devices/foreign_drivers.hpp"
#include "devices/key_list.hpp"
#include "fuzz/targets.hpp"
#include "model/kernel_symbols.hpp"
#include "model/supported_gpus.hpp"
#include "modules/module_file.hpp"
#include "modules/module_signature.hpp"
#include "support/error.hpp"
#include "support/root.hpp"

namespace overdrive {

namespace {

/// A file of these bytes that has no name.
UniqueFd memory_file(std::string_view bytes) {
    UniqueFd file{memfd_create("module.ko", MFD_CLOEXEC)};
    if (file.get() < 0) std::abort();
    write_all(file.get(), bytes, "memory");
    return file;
}

}  // namespace

void fuzz_module_signature(std::string_view bytes) {
    const UniqueFd file = memory_file(bytes);
    const AppendedSignature signature = read_appended_signature(file.get(), "module.ko");
    require_promise(signature.is_there == bytes.ends_with(kSignatureMagic), "the magic says that there is one");
    require_promise(signature.is_there || signature.signers.empty(), "nobody signs what is not signed");
    const auto trailer = parse_signature_trailer(bytes);
    require_promise(trailer.has_value() == signature.is_there, "the end of a file is that of its end");
    static_cast<void>(parse_signers(bytes));
    static_cast<void>(parse_certificate(bytes));
}

void fuzz_module_file(std::string_view bytes) {
    const UniqueFd file = memory_file(bytes);
    try {
        const KmodModule module = open_module_file("/proc/self/fd/" + std::to_string(file.get()));
        static_cast<void>(read_module_info(module.get()));
        for (const auto& [symbol, crc] : read_symbol_versions(module.get()))
            require_promise(symbol.size() < 64, "a symbol's name fits into its entry");
    } catch (const Error& error) {
        require_promise(*error.what() != '\0', "a refusal says why");
    }
}

void fuzz_kernel_symbols(std::string_view bytes) {
    try {
        const SymbolVersions symbols = parse_kernel_symbols(bytes);
        require_promise(parse_kernel_symbols(to_text(symbols)) == symbols, "symbols come back as they were written");
    } catch (const Error& error) {
        require_promise(error.code() == Errc::bad_manifest, "a bad list is a bad manifest");
    }
}

void fuzz_key_list(std::string_view bytes) {
    for (const ListedKey& key : parse_key_list(bytes))
        require_promise(key.description.find('\n') == std::string::npos, "a key is on one line");
}

void fuzz_dpkg_status(std::string_view bytes) {
    for (const DriverPackage& package : parse_driver_packages(bytes))
        require_promise(!package.name.empty() && package.name.find('\n') == std::string::npos, "a package has a name");
    static_cast<void>(driver_modules_in(bytes));
}

void fuzz_supported_gpus(std::string_view bytes) {
    try {
        for (const SupportedGpu& gpu : parse_supported_gpus(bytes))
            require_promise(gpu.device_id <= 0xffff, "a device id has 16 bits");
    } catch (const Error& error) {
        require_promise(error.code() == Errc::bad_manifest, "a bad list is a bad manifest");
    }
}

}  // namespace overdrive
