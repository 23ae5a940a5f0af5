#include "model/kernel_symbols.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "support/error.hpp"

namespace overdrive {

namespace {

bool is_symbol(std::string_view name) {
    return !name.empty() && name.size() <= 512 && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
               c == '$';
    });
}

}  // namespace

SymbolVersions parse_kernel_symbols(std::string_view text) {
    SymbolVersions symbols;
    std::size_t number = 0;
    while (!text.empty()) {
        ++number;
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        constexpr std::size_t kDigits = 8;
        constexpr std::size_t kName = 2 + kDigits + 1;
        std::uint32_t crc = 0;
        const char* const digits = line.data() + 2;
        const bool has_fields = line.size() > kName && line.starts_with("0x") && line[kName - 1] == '\t';
        const bool is_good = has_fields && std::from_chars(digits, digits + kDigits, crc, 16).ptr == digits + kDigits &&
                             is_symbol(line.substr(kName)) && symbols.size() < kMostKernelSymbols;
        if (!is_good) {
            throw Error{Errc::bad_manifest, fmt::format("{}: line {} is not of the form '0x12345678<TAB>symbol'",
                                                        kKernelSymbolsFile, number)};
        }
        symbols.insert_or_assign(std::string{line.substr(kName)}, crc);
    }
    return symbols;
}

std::string to_text(const SymbolVersions& symbols) {
    std::string text;
    for (const auto& [name, crc] : symbols) text += fmt::format("{:#010x}\t{}\n", crc, name);
    return text;
}

}  // namespace overdrive
