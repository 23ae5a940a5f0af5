#include "model/config_view.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace overdrive {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(ConfigViewTest, ShowsWhatOurKeysSayWithoutSecretsAndComments) {
    const std::string view = config_view(
        "# hunter2\ndriver = \"550-open\"  # hunter2\n[registry]\nproxy = \"http://u:hunter2@proxy.example\"\n"
        "[parameters]\nnvidia = [\"NVreg_X=1\"]\n[[trust.policy]]\nprefix = \"registry.example\"\n",
        "config.toml");
    EXPECT_THAT(view, AllOf(HasSubstr("550-open"), HasSubstr("***@proxy.example"), HasSubstr("NVreg_X=1"),
                            HasSubstr("registry.example")));
    EXPECT_THAT(view, Not(HasSubstr("hunter2")));
}

TEST(ConfigViewTest, CoversTheValuesOfKeysThatAreNotOurs) {
    const std::string view = config_view(
        "mystery = \"\"\"\nhunter2\n\"\"\"\n[registry]\npw = \"hunter2\"\n[other]\nx = [\"hunter2\"]\n[[more]]\ny = "
        "\"hunter2\"\n"
        "[[trust.policy]]\nz = \"hunter2\"\n",
        "config.toml");
    EXPECT_THAT(view, Not(HasSubstr("hunter2")));
    EXPECT_THAT(view, AllOf(HasSubstr("mystery"), HasSubstr("pw"), HasSubstr("***")));
}

TEST(ConfigViewTest, OfWhatIsNoTomlOnlyTheErrorIsTold) {
    const std::string view = config_view("driver = \"a\n password hunter2", "config.toml");
    EXPECT_THAT(view, AllOf(HasSubstr("not collected"), HasSubstr("config.toml:"), Not(HasSubstr("hunter2"))));
}

}  // namespace
}  // namespace overdrive
