#include "model/supported_gpus.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "support/error.hpp"

namespace overdrive {

namespace {

constexpr std::size_t kMostGpus = 65'536;  // device ids have 16 bits

std::optional<SupportedGpu> parse_line(std::string_view line) {
    constexpr std::size_t kId = 6;
    if (line.size() <= kId || !line.starts_with("0x") || line[kId] != ' ') return std::nullopt;
    constexpr std::string_view kLegacy = "legacy:";
    SupportedGpu gpu{.device_id = 0, .open = false, .proprietary = false, .legacy_branch = ""};
    const char* const digits = line.data() + 2;
    if (std::from_chars(digits, line.data() + kId, gpu.device_id, 16).ptr != line.data() + kId) return std::nullopt;
    std::string_view kinds = line.substr(kId + 1);
    while (!kinds.empty()) {
        const std::string_view kind = kinds.substr(0, kinds.find(' '));
        kinds.remove_prefix(std::min(kind.size() + 1, kinds.size()));
        if (kind == "open") {
            gpu.open = true;
        } else if (kind == "proprietary") {
            gpu.proprietary = true;
        } else if (kind.starts_with(kLegacy) && kind.size() > kLegacy.size() && kind.size() < 32) {
            gpu.legacy_branch = kind.substr(kLegacy.size());
        } else {
            return std::nullopt;
        }
    }
    return gpu;
}

}  // namespace

std::vector<SupportedGpu> parse_supported_gpus(std::string_view text) {
    std::vector<SupportedGpu> gpus;
    std::size_t number = 0;
    while (!text.empty()) {
        ++number;
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.empty() || line.starts_with('#')) continue;
        const auto gpu = parse_line(line);
        if (!gpu || gpus.size() == kMostGpus) {
            throw Error{Errc::bad_manifest, fmt::format("{}: line {} is not of the form '0x1eb8 open proprietary'",
                                                        kSupportedGpusFile, number)};
        }
        gpus.push_back(*gpu);
    }
    return gpus;
}

}  // namespace overdrive
