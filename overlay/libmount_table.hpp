#pragma once

#include <string>

#include "overlay/mount_table.hpp"
#include "overlay/overlay_spec.hpp"

namespace overdrive {

/// The mounts of the calling thread's mount namespace, read by libmount.
/// @throws Error io
[[nodiscard]] MountTable read_mount_table();

/// Reads a mountinfo file. @throws Error io when it is missing or malformed
[[nodiscard]] MountTable read_mount_table(const std::string& mountinfo);

/// Mounts the overlay read-only in the calling thread's mount namespace, through libmount.
/// @throws Error exposure in words: no overlay file system, not allowed, refused by the kernel
void mount_overlay(const OverlaySpec& spec);

}  // namespace overdrive
