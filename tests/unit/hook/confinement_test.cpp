#include "hook/confinement.hpp"

#include <gmock/gmock.h>

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(ProcMounts, AreFoundByTypeWithTheirEscapesUndone) {
    EXPECT_THAT(proc_mounts("22 1 0:5 / / rw shared:1 - overlay overlay rw\n"
                            "23 22 0:6 / /proc rw - proc proc rw\n"
                            "24 22 0:6 /1 /with\\040blank rw,nosuid master:2 - proc proc rw\n"
                            "25 22 0:7 / /procfs rw - tmpfs proc rw\n"),
                ElementsAre("/proc", "/with blank"));
}

TEST(ProcMounts, OfDamagedLinesAreNone) {
    EXPECT_THAT(proc_mounts(""), IsEmpty());
    EXPECT_THAT(proc_mounts("- proc\n - proc\n1 2 3 - sysfs x\n"), testing::Not(testing::Contains("proc")));
    EXPECT_THAT(proc_mounts("1 2 3 4 /x\\04 rw - proc p rw"), ElementsAre("/x\\04"));
}

}  // namespace
}  // namespace overdrive
