#include "modules/insert_failure.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

namespace overdrive {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

InsertFailure failure(int error) { return {"/opt/nvidia/x/nvidia.ko", error, "6.1.0-47 SMP", "6.1.0-50 SMP", {}}; }

TEST(InsertFailureTest, AWrongKernelNamesBothVermagics) {
    const Error error = explain(failure(ENOEXEC));
    EXPECT_EQ(error.code(), Errc::module_load);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("/opt/nvidia/x/nvidia.ko"), HasSubstr("built for another kernel"),
                                    HasSubstr("'6.1.0-47 SMP'"), HasSubstr("'6.1.0-50 SMP'")));
    EXPECT_THAT(error.remedy(), HasSubstr("overdrive update"));
}

TEST(InsertFailureTest, EqualVermagicsAreNotBlamed) {
    InsertFailure same = failure(ENOEXEC);
    same.host_vermagic = same.vermagic;
    EXPECT_THAT(explain(same).what(), AllOf(Not(HasSubstr("another kernel")), HasSubstr("symbol's version differs")));
}

TEST(InsertFailureTest, CarriesTheKernelsOwnWords) {
    InsertFailure unknown = failure(ENOENT);
    unknown.kernel_log = {"nvidia_uvm: Unknown symbol nvUvmInterfaceRegister (err -2)"};
    EXPECT_THAT(explain(unknown).what(),
                HasSubstr("the kernel says: nvidia_uvm: Unknown symbol nvUvmInterfaceRegister"));
}

TEST(InsertFailureTest, SaysWhatKeysAndLockdownMean) {
    EXPECT_THAT(explain(failure(EKEYREJECTED)).what(), HasSubstr("does not trust its signature"));
    EXPECT_THAT(explain(failure(EPERM)).what(), HasSubstr("locked down"));
    EXPECT_THAT(explain(failure(EPERM)).remedy(), HasSubstr("modules_disabled"));
    EXPECT_THAT(explain(failure(EIO)).what(), HasSubstr("Input/output error"));
}

}  // namespace
}  // namespace overdrive
