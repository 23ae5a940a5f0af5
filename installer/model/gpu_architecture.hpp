#pragma once

#include <optional>
#include <string_view>

namespace overdrive {

/// Architectures of NVIDIA's GPUs, oldest first, as far as drivers tell them apart.
enum class GpuArchitecture {
    before_maxwell,
    maxwell,
    pascal,
    volta,
    turing,
    ampere_ga100,
    ampere,
    hopper,
    ada,
    blackwell
};

/// `Turing`
[[nodiscard]] std::string_view to_string(GpuArchitecture architecture) noexcept;

/// By the ranges in which NVIDIA gave out PCI device ids; nullopt for one in none of them.
/// @see pci.ids, vendor 10de
[[nodiscard]] std::optional<GpuArchitecture> architecture_of(unsigned device_id) noexcept;

/// The firmware of its system processor, without which the open modules cannot start it: `gsp_tu10x.bin`; empty when it
/// has no such processor. @see kernel-open/nvidia/nv-firmware.h in NVIDIA/open-gpu-kernel-modules
[[nodiscard]] std::string_view system_firmware_of(GpuArchitecture architecture) noexcept;

/// The open modules work since Turing, the proprietary ones up to Hopper and Ada.
/// @see NVIDIA/open-gpu-kernel-modules, README.md, "Compatible GPUs"
[[nodiscard]] bool works_with_open_modules(GpuArchitecture architecture) noexcept;
[[nodiscard]] bool works_with_proprietary_modules(GpuArchitecture architecture) noexcept;

}  // namespace overdrive
