#include "devices/fs_verity_guard.hpp"

#include <linux/fsverity.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <span>

#include "support/hex.hpp"

namespace overdrive {

namespace {

constexpr std::uint32_t kBlockBytes = 4096;
constexpr std::size_t kDigestBytes = 32;

/// Steps behind everybody else while it lives: the kernel hashes in the thread that asks, and whoever starts on this
/// node at the same time is in more of a hurry. nice(2) is a thread's own on Linux.
class Unhurried {
public:
    Unhurried() noexcept { static_cast<void>(setpriority(PRIO_PROCESS, 0, kLeastUrgent)); }
    Unhurried(const Unhurried&) = delete;
    Unhurried& operator=(const Unhurried&) = delete;
    ~Unhurried() { static_cast<void>(setpriority(PRIO_PROCESS, 0, before_)); }  // refused without privileges: no harm

private:
    static constexpr int kLeastUrgent = 19;
    int before_ = getpriority(PRIO_PROCESS, 0);
};

}  // namespace

ContentGuard::Outcome guard_outcome(int error) noexcept {
    switch (error) {
        case 0:
            return ContentGuard::Outcome::guarded;
        case EEXIST:
            return ContentGuard::Outcome::was_guarded;
        case ETXTBSY:
        case EBUSY:
        case EINTR:
        case EIO:
            return ContentGuard::Outcome::not_now;
        default:  // ENOTTY, EOPNOTSUPP, EINVAL, EPERM, EACCES, EROFS, ENOSPC, EDQUOT ...
            return ContentGuard::Outcome::not_available;
    }
}

ContentGuard::Outcome FsVerityGuard::guard(int file) noexcept {
    fsverity_enable_arg wanted{};
    wanted.version = 1;
    wanted.hash_algorithm = FS_VERITY_HASH_ALG_SHA256;
    wanted.block_size = kBlockBytes;
    const Unhurried unhurried;
    return guard_outcome(ioctl(file, FS_IOC_ENABLE_VERITY, &wanted) == 0 ? 0 : errno);
}

std::optional<std::string> FsVerityGuard::measure(int file) {
    // The digest follows the header: a flexible array member, which C++ does not know.
    alignas(fsverity_digest) std::array<unsigned char, sizeof(fsverity_digest) + kDigestBytes> answer{};
    fsverity_digest header{};
    header.digest_size = kDigestBytes;
    std::memcpy(answer.data(), &header, sizeof header);
    if (ioctl(file, FS_IOC_MEASURE_VERITY, answer.data()) != 0) return std::nullopt;
    std::memcpy(&header, answer.data(), sizeof header);
    if (header.digest_algorithm != FS_VERITY_HASH_ALG_SHA256 || header.digest_size != kDigestBytes) return std::nullopt;
    return hex_digits(std::span{answer}.subspan(sizeof header));
}

}  // namespace overdrive
