#pragma once

#include <optional>
#include <string>

namespace overdrive {

/// The kernel as guard of a file's content (fs-verity): from then on nobody can change it, and every block that is read
/// from the disk is checked before anyone sees it; a damaged one is an error (EIO), never another content. The file can
/// still be linked, renamed, relabelled and removed.
class ContentGuard {
public:
    enum class Outcome {
        guarded,
        was_guarded,
        not_now,       ///< this file, at this moment: somebody writes to it
        not_available  ///< no file here: the kernel or the file system has no fs-verity, or no room, or is read-only
    };

    ContentGuard() = default;
    ContentGuard(const ContentGuard&) = delete;
    ContentGuard& operator=(const ContentGuard&) = delete;
    virtual ~ContentGuard() = default;

    /// Has a file guarded that is open for reading. Either it is or it is not, whatever ends the call. Never throws: a
    /// file that is not guarded is as good as before.
    [[nodiscard]] virtual Outcome guard(int file) noexcept = 0;
    /// The fs-verity digest of what the kernel guards, as `VerityDigest` makes it; nullopt when it does not guard this
    /// file, or with another hash or block size.
    [[nodiscard]] virtual std::optional<std::string> measure(int file) = 0;
};

}  // namespace overdrive
