#pragma once

#include <string>
#include <string_view>

#include "model/module_facts.hpp"

namespace overdrive {

/// Where an artifact keeps the symbol versions of the kernel that its modules were built for, below
/// lib/modules/<kernel release>/. One line a symbol that the modules need, `0x12345678<TAB>name`, sorted by name: the
/// first two columns of that kernel's Module.symvers.
inline constexpr std::string_view kKernelSymbolsFile = "kernel-symbols";

/// More symbols than any driver needs; NVIDIA's five modules need some 700.
inline constexpr std::size_t kMostKernelSymbols = 100'000;

/// @throws Error bad_manifest naming the line
[[nodiscard]] SymbolVersions parse_kernel_symbols(std::string_view text);
[[nodiscard]] std::string to_text(const SymbolVersions& symbols);

}  // namespace overdrive
