#include "os/boot_kernel.hpp"

#include <gtest/gtest.h>

#include "support/temporary_root.hpp"

namespace overdrive {
namespace {

class BootKernel : public testing::Test {
protected:
    void install(const std::string& release, bool with_modules = true) {
        host_.write("boot/vmlinuz-" + release, "");
        if (with_modules) host_.write("usr/lib/modules/" + release + "/modules.dep", "");
    }
    void SetUp() override { host_.root().make_link("/lib", "usr/lib"); }
    [[nodiscard]] std::optional<std::string> kernel() const { return default_boot_kernel(host_.root()); }

    TemporaryRoot host_;
};

constexpr const char* kOld = "6.1.0-9-amd64";
constexpr const char* kNew = "6.1.0-25-amd64";

TEST_F(BootKernel, IsTheNewestWhereNothingElseIsSaid) {
    install(kNew);
    install(kOld);
    EXPECT_EQ(kernel(), kNew);
}

TEST_F(BootKernel, NeedsItsModules) {
    install(kOld);
    install(kNew, false);
    host_.write("boot/vmlinuz-0-rescue-7f1c", "");
    EXPECT_EQ(kernel(), kOld) << "a package is being unpacked";
}

TEST_F(BootKernel, IsWhatTheLinkNames) {
    install(kOld);
    install(kNew);
    host_.root().make_link("/vmlinuz", "boot/vmlinuz-6.1.0-9-amd64");
    EXPECT_EQ(kernel(), kOld);
    host_.root().replace_link("/vmlinuz", "boot/vmlinuz-6.1.0-10-amd64");
    EXPECT_EQ(kernel(), kNew) << "the link leads nowhere";
}

TEST_F(BootKernel, IsWhatTheBootMenuChooses) {
    install(kOld);
    install(kNew);
    host_.root().make_link("/vmlinuz", "boot/vmlinuz-6.1.0-25-amd64");
    host_.write(
        "boot/grub/grub.cfg",
        "set default=\"${saved_entry}\"\n"
        "menuentry 'a' {\n\tlinux /vmlinuz-6.1.0-25-amd64\n}\nmenuentry 'b' {\n\tlinux /vmlinuz-6.1.0-9-amd64\n}\n");
    EXPECT_EQ(kernel(), kNew);
    host_.write("boot/grub/grubenv", "# GRUB Environment Block\nsaved_entry=b\n#####");
    EXPECT_EQ(kernel(), kOld);
}

TEST_F(BootKernel, IsNotKnownWhereBootHasNone) {
    EXPECT_EQ(kernel(), std::nullopt);
    host_.write("usr/lib/modules/6.1.0-25-amd64/modules.dep", "");
    EXPECT_EQ(kernel(), std::nullopt);
}

}  // namespace
}  // namespace overdrive
