#include "transaction/journal.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/sha256.hpp"
#include "support/temporary_root.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Pair pair() { return {DriverId::parse("900.1.0"), "4081.2.1"}; }

JournalHeader header() {
    return {.verb = "install",
            .program_version = "0.1.0",
            .boot_id = "boot-1",
            .at = std::chrono::seconds{1'800'000'000},
            .from = {},
            .to = pair()};
}

std::string whole_journal() {
    return journal_line(header()) + journal_line("fill-staging") + journal_line("publish-generation");
}

/// A line as another program version seals it.
std::string sealed(const nlohmann::json& line) {
    const std::string text = line.dump();
    return sha256_hex(text).substr(0, 16) + " " + text + "\n";
}

TEST(Journal, ComesBackAsItWasWritten) {
    const TemporaryRoot dir;
    Journal journal{dir.root(), "journal"};
    journal.begin(header());
    journal.step("fill-staging", Journal::Line::passing);
    journal.step("publish-generation", Journal::Line::lasting);

    const auto content = read_journal(dir.root(), "journal");

    ASSERT_TRUE(content);
    EXPECT_EQ(content->header, header());
    EXPECT_THAT(content->steps, ElementsAre("fill-staging", "publish-generation"));
    EXPECT_FALSE(content->torn);
    journal.end();
    EXPECT_EQ(read_journal(dir.root(), "journal"), std::nullopt);
    EXPECT_THAT(dir.tree(), IsEmpty());
}

TEST(Journal, CutOffAnywhereTellsTheStepsThatHadBegun) {
    const std::string text = whole_journal();
    const std::size_t header_end = journal_line(header()).size();
    const std::size_t first_end = header_end + journal_line("fill-staging").size();
    for (std::size_t length = 0; length < text.size(); ++length) {
        const auto content = JournalContent::parse(text.substr(0, length));
        ASSERT_EQ(content.has_value(), length >= header_end) << length;
        if (!content) continue;
        EXPECT_EQ(content->steps.size(), length >= first_end ? 1U : 0U) << length;
        EXPECT_EQ(content->torn, length != header_end && length != first_end) << length;
    }
}

TEST(Journal, NeverTakesADamagedLineForAStep) {
    const std::string text = whole_journal();
    for (std::size_t at = 0; at < text.size(); ++at) {
        std::string damaged = text;
        damaged[at] = static_cast<char>(damaged[at] ^ 0x04);
        const auto content = JournalContent::parse(damaged);
        if (!content) continue;
        EXPECT_EQ(content->header, header()) << at;
        for (const std::string& step : content->steps)
            EXPECT_TRUE(step == "fill-staging" || step == "publish-generation") << at;
    }
}

TEST(Journal, OfANewerProgramIsRecoveredWhereItAllowsIt) {
    const nlohmann::json newer{{"schema", 2},        {"min_reader", 1},     {"verb", "install"},
                               {"program", "9.0.0"}, {"boot_id", "boot-1"}, {"at", 1},
                               {"from", nullptr},    {"to", pair().path()}, {"something_new", {1, 2}}};
    const auto content = JournalContent::parse(sealed(newer) + sealed({{"step", "a-step-of-tomorrow"}, {"more", 1}}));
    ASSERT_TRUE(content);
    EXPECT_EQ(content->header.to, pair());
    EXPECT_THAT(content->steps, ElementsAre("a-step-of-tomorrow"));
}

TEST(Journal, OfANewerProgramIsRefusedWhereItDoesNot) {
    nlohmann::json newer{{"schema", 2}, {"min_reader", 2}};
    try {
        static_cast<void>(JournalContent::parse(sealed(newer)));
        FAIL() << "accepted";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::bad_record);
        EXPECT_THAT(error.what(), HasSubstr("newer overdrive"));
    }
}

TEST(Journal, WhereItCannotBeWrittenARequiredOneFailsAndABestEffortOneWarns) {
    const TemporaryRoot dir;
    Journal required{dir.root(), "no/such/directory/journal"};
    EXPECT_THROW(required.begin(header()), Error);
    Journal best{dir.root(), "no/such/directory/journal", Journal::Policy::best_effort};
    best.begin(header());
    best.step("load-modules", Journal::Line::lasting);
    best.end();
}

}  // namespace
}  // namespace overdrive
