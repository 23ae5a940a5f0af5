#include "model/gpu_architecture.hpp"

#include <algorithm>
#include <array>

namespace overdrive {

namespace {

struct Range {
    unsigned first;
    unsigned last;
    GpuArchitecture architecture;
};

constexpr std::array kRanges{
    Range{0x0000, 0x12ff, GpuArchitecture::before_maxwell},
    Range{0x1300, 0x15ef, GpuArchitecture::maxwell},
    Range{0x15f0, 0x15ff, GpuArchitecture::pascal},
    Range{0x1600, 0x17ff, GpuArchitecture::maxwell},
    Range{0x1b00, 0x1d7f, GpuArchitecture::pascal},
    Range{0x1d80, 0x1dff, GpuArchitecture::volta},
    Range{0x1e00, 0x1fff, GpuArchitecture::turing},
    Range{0x2080, 0x20ff, GpuArchitecture::ampere_ga100},
    Range{0x2180, 0x21ff, GpuArchitecture::turing},
    Range{0x2200, 0x22ff, GpuArchitecture::ampere},
    Range{0x2300, 0x23ff, GpuArchitecture::hopper},
    Range{0x2400, 0x25ff, GpuArchitecture::ampere},
    Range{0x2600, 0x28ff, GpuArchitecture::ada},
    Range{0x2900, 0x29ff, GpuArchitecture::blackwell},
    Range{0x2b00, 0x2fff, GpuArchitecture::blackwell},
    Range{0x3180, 0x31ff, GpuArchitecture::blackwell},
};

}  // namespace

std::string_view to_string(GpuArchitecture architecture) noexcept {
    switch (architecture) {
        case GpuArchitecture::before_maxwell:
            return "older than Maxwell";
        case GpuArchitecture::maxwell:
            return "Maxwell";
        case GpuArchitecture::pascal:
            return "Pascal";
        case GpuArchitecture::volta:
            return "Volta";
        case GpuArchitecture::turing:
            return "Turing";
        case GpuArchitecture::ampere_ga100:
        case GpuArchitecture::ampere:
            return "Ampere";
        case GpuArchitecture::hopper:
            return "Hopper";
        case GpuArchitecture::ada:
            return "Ada";
        case GpuArchitecture::blackwell:
            return "Blackwell";
    }
    return "";
}

std::optional<GpuArchitecture> architecture_of(unsigned device_id) noexcept {
    const auto found = std::find_if(kRanges.begin(), kRanges.end(), [&](const Range& range) {
        return range.first <= device_id && device_id <= range.last;
    });
    if (found == kRanges.end()) return std::nullopt;
    return found->architecture;
}

std::string_view system_firmware_of(GpuArchitecture architecture) noexcept {
    if (architecture < GpuArchitecture::turing) return "";
    const bool older = architecture == GpuArchitecture::turing || architecture == GpuArchitecture::ampere_ga100;
    return older ? "gsp_tu10x.bin" : "gsp_ga10x.bin";
}

bool works_with_open_modules(GpuArchitecture architecture) noexcept { return architecture >= GpuArchitecture::turing; }

bool works_with_proprietary_modules(GpuArchitecture architecture) noexcept {
    return architecture < GpuArchitecture::blackwell;
}

}  // namespace overdrive
