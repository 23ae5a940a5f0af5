#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace overdrive {

/// A parameter that a module takes.
struct ModuleParameter {
    std::string name;
    std::string type;  ///< as `parmtype` has it: `int`, `uint`, `bool`, `charp`, `array of int`; empty when not told
    friend bool operator==(const ModuleParameter&, const ModuleParameter&) = default;
};

/// Kernel symbols with the checksums of their types (CONFIG_MODVERSIONS).
using SymbolVersions = std::map<std::string, std::uint32_t>;

/// The key that made a signature, or that a certificate is of. A signature names it by `key_id`, or by `issuer` and
/// `serial`; a certificate has all.
struct SignerKey {
    std::string issuer;   ///< who issued the key's certificate, worded as the kernel words names
    std::string serial;   ///< lower-case hex without leading zero bytes
    std::string key_id;   ///< subject key identifier, lower-case hex
    std::string subject;  ///< of a certificate only
    friend bool operator==(const SignerKey&, const SignerKey&) = default;
};

/// What a module's file says, as far as it matters before it is loaded.
struct ModuleFacts {
    std::string name;  ///< as in driver.json
    std::string path;  ///< in the generation
    std::string vermagic;
    std::string version;
    std::string srcversion;
    std::vector<std::string> firmware;  ///< relative to lib/firmware
    std::vector<ModuleParameter> parameters;
    SymbolVersions versions;         ///< what it was built against; empty where the kernel does not check them
    bool is_signed = false;          ///< a signature is appended
    std::vector<SignerKey> signers;  ///< a kernel that knows one of them takes it; empty when they cannot be read
};

}  // namespace overdrive
