#include "model/kernel_symbols.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/supported_gpus.hpp"
#include "support/error.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

TEST(KernelSymbolsTest, ComesBackAsItWasWritten) {
    const std::string text = "0x00000001\tmodule_layout\n0xdeadbeef\t__x86_return_thunk\n";
    const SymbolVersions symbols = parse_kernel_symbols(text);
    EXPECT_THAT(symbols, ElementsAre(Pair("__x86_return_thunk", 0xdeadbeefU), Pair("module_layout", 1U)));
    EXPECT_EQ(parse_kernel_symbols(to_text(symbols)), symbols);
    EXPECT_THAT(parse_kernel_symbols(""), IsEmpty());
}

TEST(KernelSymbolsTest, RefusesALineOfAnotherForm) {
    for (const char* bad : {"0x1\tprintk\n", "0x0000000g\tprintk\n", "0x00000001 printk\n", "0x00000001\t\n", "\n",
                            "0x00000001\tpri ntk\n"})
        EXPECT_THROW(static_cast<void>(parse_kernel_symbols(bad)), Error) << bad;
}

TEST(SupportedGpusTest, ReadsKindsAndSkipsComments) {
    const auto gpus = parse_supported_gpus(
        "# T4 and others\n0x1180 legacy:470.xx\n0x1db6 proprietary\n0x1eb8 open proprietary\n\n0x2b85 open\n");
    EXPECT_THAT(gpus, ElementsAre(SupportedGpu{0x1180, false, false, "470.xx"}, SupportedGpu{0x1db6, false, true, ""},
                                  SupportedGpu{0x1eb8, true, true, ""}, SupportedGpu{0x2b85, true, false, ""}));
}

TEST(SupportedGpusTest, RefusesALineOfAnotherForm) {
    for (const char* bad : {"1eb8 open\n", "0x1eb8\n", "0x1eb8 closed\n", "0x1eb8 legacy:\n", "0x1ebg open\n"})
        EXPECT_THROW(static_cast<void>(parse_supported_gpus(bad)), Error) << bad;
}

}  // namespace
}  // namespace overdrive
