#include "modules/module_facts_reader.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <climits>

#include "model/kernel_symbols.hpp"
#include "modules/module_file.hpp"
#include "modules/module_signature.hpp"

namespace overdrive {

namespace {

constexpr std::size_t kMostSymbolsFile = 8U << 20U;

ModuleFacts read_facts(const Root& root, const ModuleSpec& spec, const std::string& generation) {
    const std::string path = fmt::format("{}/{}", generation, spec.path);
    const KmodModule module = open_module_file(real_module_path(root, path));
    ModuleInfo info = read_module_info(module.get());
    const UniqueFd file = root.open(path, O_RDONLY);
    AppendedSignature signature = read_appended_signature(file.get(), path);
    return {.name = spec.name,
            .path = spec.path,
            .vermagic = std::move(info.vermagic),
            .version = std::move(info.version),
            .srcversion = std::move(info.srcversion),
            .firmware = std::move(info.firmware),
            .parameters = std::move(info.parameters),
            .versions = read_symbol_versions(module.get()),
            .is_signed = signature.is_there,
            .signers = std::move(signature.signers)};
}

std::string beside_modules(const DriverManifest& manifest, const std::string& generation, std::string_view name) {
    return fmt::format("{}/lib/modules/{}/{}", generation, manifest.kernel_release, name);
}

}  // namespace

std::vector<ModuleFacts> read_module_facts(const Root& root, const DriverManifest& manifest,
                                           const std::string& generation) {
    std::vector<ModuleFacts> modules;
    for (const ModuleSpec& spec : manifest.modules) {
        if (!spec.autoload) continue;
        try {
            modules.push_back(read_facts(root, spec, generation));
        } catch (const Error&) {  // unknown; loading it says what is wrong with it
        }
    }
    return modules;
}

std::optional<SignerKey> read_signer_certificate(const Root& root, const DriverManifest& manifest,
                                                 const std::string& generation) {
    try {
        const auto bytes = root.read_file(beside_modules(manifest, generation, kSignerCertificate), kMostSignature);
        return bytes ? parse_certificate(*bytes) : std::nullopt;
    } catch (const Error&) {
        return std::nullopt;
    }
}

std::optional<SymbolVersions> read_shipped_symbols(const Root& root, const DriverManifest& manifest,
                                                   const std::string& generation) {
    try {
        const auto text = root.read_file(beside_modules(manifest, generation, kKernelSymbolsFile), kMostSymbolsFile);
        if (!text) return std::nullopt;
        return parse_kernel_symbols(*text);
    } catch (const Error&) {
        return std::nullopt;
    }
}

std::string real_module_path(const Root& root, const std::string& path) {
    const auto file = root.open_if_exists(path, O_PATH);
    if (!file) throw Error{Errc::incomplete_artifact, fmt::format("module file '{}' is missing", path)};
    std::array<char, PATH_MAX> target{};
    const ssize_t length = readlink(fmt::format("/proc/self/fd/{}", file->get()).c_str(), target.data(), target.size());
    if (length <= 0) return root.host_path(path);
    return {target.data(), static_cast<std::size_t>(length)};
}

}  // namespace overdrive
