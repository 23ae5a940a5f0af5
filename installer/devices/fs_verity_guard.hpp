#pragma once

#include "ports/content_guard.hpp"

namespace overdrive {

/// fs-verity of ext4 and btrfs. @see Documentation/filesystems/fsverity.rst
class FsVerityGuard final : public ContentGuard {
public:
    [[nodiscard]] Outcome guard(int file) noexcept override;
    [[nodiscard]] std::optional<std::string> measure(int file) override;
};

/// What the error of FS_IOC_ENABLE_VERITY means.
[[nodiscard]] ContentGuard::Outcome guard_outcome(int error) noexcept;

}  // namespace overdrive
