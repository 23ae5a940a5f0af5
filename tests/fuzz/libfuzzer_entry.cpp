// One libFuzzer program for every target: OVERDRIVE_FUZZ_TARGET is its name.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fuzz/targets.hpp"

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    for (const overdrive::FuzzTarget& target : overdrive::fuzz_targets()) {
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): bytes as characters
        if (target.name == std::string_view{OVERDRIVE_FUZZ_TARGET})
            target.run({reinterpret_cast<const char*>(data), size});
    }
    return 0;
}
