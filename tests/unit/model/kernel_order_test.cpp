#include "model/kernel_order.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "support/release_with.hpp"

namespace overdrive {
namespace {

/// In rising order. Releases of Debian, Ubuntu, Fedora, openSUSE and of people who build their own.
const std::vector<std::string> kRising{"5.10.0-9-amd64",        "5.10.0-28-amd64",       "5.15.0-91-generic",
                                       "5.15.0-101-generic",    "6.1.0~rc3-amd64",       "6.1.0-9-cloud-amd64",
                                       "6.1.0-25-cloud-amd64",  "6.5.0-0.deb12.4-amd64", "6.9.7-100.fc39.x86_64",
                                       "6.9.7-200.fc40.x86_64", "6.11.8-1-default",      "6.12.0",
                                       "6.12.0-custom"};

TEST(KernelOrder, RisesAsPeopleExpect) {
    for (std::size_t i = 0; i < kRising.size(); ++i) {
        for (std::size_t j = 0; j < kRising.size(); ++j)
            EXPECT_TRUE(compare_kernel_releases(kRising[i], kRising[j]) == (i <=> j))
                << kRising[i] << " " << kRising[j];
    }
}

TEST(KernelOrder, LeadingZerosDoNotCountAndNothingIsTheLeast) {
    EXPECT_TRUE(std::is_eq(compare_kernel_releases("6.01.0", "6.1.0")));
    EXPECT_TRUE(std::is_lt(compare_kernel_releases("", "0-a")));
    EXPECT_TRUE(std::is_eq(compare_kernel_releases("", "")));
    EXPECT_TRUE(std::is_lt(compare_kernel_releases("6.1.99999999999999999998", "6.1.99999999999999999999")));
}

TEST(KernelOrder, IsThatOfSort) {
    std::vector<std::string> releases = kRising;
    std::reverse(releases.begin(), releases.end());
    std::string command = "printf '%s\\n'";
    for (const std::string& release : releases) command += " '" + release + "'";
    command += " | LC_ALL=C sort -V";
    const std::unique_ptr<FILE, ReleaseWith<pclose>> pipe{popen(command.c_str(), "re")};
    std::string sorted(4096, '\0');
    sorted.resize(fread(sorted.data(), 1, sorted.size(), pipe.get()));
    std::string expected;
    for (const std::string& release : kRising) expected += release + "\n";
    EXPECT_EQ(sorted, expected);
}

}  // namespace
}  // namespace overdrive
