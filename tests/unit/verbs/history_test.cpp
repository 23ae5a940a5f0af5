#include "verbs/history.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/store.hpp"
#include "support/fake_host.hpp"

namespace overdrive {
namespace {

using std::chrono::seconds;
constexpr seconds kNow{1'800'000'000};  // 2027-01-15 08:00:00 UTC, what the fake clock says

TEST(ReadMomentTest, IsATimeInUtcOrHowLongAgo) {
    EXPECT_EQ(read_moment("2027-01-15 08:00:00", kNow), kNow);
    EXPECT_EQ(read_moment("2027-01-15 08:00", kNow), kNow);
    EXPECT_EQ(read_moment("2027-01-15", kNow), kNow - seconds{8 * 3600});
    EXPECT_EQ(read_moment("90s", kNow), kNow - seconds{90});
    EXPECT_EQ(read_moment("12h", kNow), kNow - seconds{12 * 3600});
    EXPECT_EQ(read_moment("7d", kNow), kNow - seconds{7 * 86400});
}

TEST(ReadMomentTest, AnythingElseIsRefusedWithAnExample) {
    for (const char* text :
         {"", "yesterday", "7", "d", "-7d", "7 d", "2027-01-15 08:00 CET", "99999999999d", "2027-13-01"}) {
        try {
            static_cast<void>(read_moment(text, kNow));
            FAIL() << "'" << text << "' was taken";
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), Errc::usage);
            EXPECT_THAT(error.remedy(), testing::HasSubstr("12h"));
        }
    }
}

class HistoryTest : public testing::Test {
protected:
    HistoryTest() {
        Store store{host_.root_dir.root()};
        store.prepare();
        Record record;
        for (int day = 3; day >= 0; --day)
            record.add_event({kNow - seconds{day * 86400}, "install", {}, "installed", std::to_string(day)});
        store.save_record(record);
    }
    std::vector<std::string> details(const HistoryOptions& options) {
        Services services = host_.services();
        run_history(options, services, report_);
        std::vector<std::string> out;
        for (const auto& event : report_.json["events"]) out.push_back(event["detail"]);
        return out;
    }
    FakeHost host_;
    KeptReport report_;
};

TEST_F(HistoryTest, TellsAllTheNewestOrWhatIsNotOlder) {
    EXPECT_THAT(details({}), testing::ElementsAre("3", "2", "1", "0"));
    EXPECT_THAT(details({.most = 2, .since = {}}), testing::ElementsAre("1", "0"));
    EXPECT_THAT(details({.most = 0, .since = "36h"}), testing::ElementsAre("1", "0"));
    EXPECT_THAT(details({.most = 1, .since = "2027-01-01"}), testing::ElementsAre("0"));
}

TEST_F(HistoryTest, SaysWhenNothingIsThatNew) {
    EXPECT_THAT(details({.most = 0, .since = "2027-02-01"}), testing::IsEmpty());
    EXPECT_EQ(report_.text, "nothing has happened since 2027-02-01 00:00:00 UTC\n");
}

}  // namespace
}  // namespace overdrive
