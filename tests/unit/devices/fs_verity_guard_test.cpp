#include "devices/fs_verity_guard.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "support/temporary_root.hpp"
#include "support/verity_digest.hpp"

namespace overdrive {
namespace {

using Outcome = ContentGuard::Outcome;

TEST(FsVerityGuardTest, TellsAFileThatIsBusyFromAPlaceWithoutFsVerity) {
    EXPECT_EQ(guard_outcome(0), Outcome::guarded);
    EXPECT_EQ(guard_outcome(EEXIST), Outcome::was_guarded);
    for (const int error : {ETXTBSY, EBUSY, EINTR, EIO}) EXPECT_EQ(guard_outcome(error), Outcome::not_now) << error;
    for (const int error : {ENOTTY, EOPNOTSUPP, EINVAL, EPERM, EACCES, EROFS, ENOSPC, EDQUOT, ENOSYS, EBADMSG})
        EXPECT_EQ(guard_outcome(error), Outcome::not_available) << error;
}

/// With fs-verity or without, whatever this machine has: tests/vm shows the real thing.
TEST(FsVerityGuardTest, MeasuresWhatItGuardsAndNothingElse) {
    const TemporaryRoot dir;
    dir.write("file", "content");
    FsVerityGuard guard;
    const UniqueFd file = dir.root().open("file", O_RDONLY);
    EXPECT_EQ(guard.measure(file.get()), std::nullopt);
    VerityDigest digest;
    digest.update("content");
    const bool guarded = guard.guard(file.get()) == Outcome::guarded;
    EXPECT_EQ(guard.measure(file.get()), guarded ? std::optional{digest.finish()} : std::nullopt);
    EXPECT_EQ(dir.root().read_file("file"), "content");
}

TEST(FsVerityGuardTest, RefusesNothingButAnswers) {
    FsVerityGuard guard;
    EXPECT_EQ(guard.guard(-1), Outcome::not_available);
    EXPECT_EQ(guard.measure(-1), std::nullopt);
}

}  // namespace
}  // namespace overdrive
