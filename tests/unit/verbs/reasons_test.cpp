#include "verbs/reasons.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "model/exit_code.hpp"

namespace overdrive {
namespace {

using testing::HasSubstr;

std::vector<Errc> all_reasons() {
    std::vector<Errc> reasons;
    for (unsigned value = 0; value <= static_cast<unsigned>(Errc::answer_is_no); ++value)
        reasons.push_back(static_cast<Errc>(value));
    return reasons;
}

TEST(ReasonTable, ForeseesEveryReasonForSomeVerb) {
    const std::string table = reason_table();
    for (const Errc reason : all_reasons()) {
        // Every verb has the first two; no verb catches a signal yet.
        if (reason == Errc::usage || reason == Errc::bad_root || reason == Errc::interrupted) continue;
        EXPECT_THAT(table, HasSubstr(fmt::format("| {} | {} |\n", reason_code(reason),
                                                 static_cast<int>(exit_code_of(reason)))));
    }
}

TEST(ReasonTable, SaysWhatEveryExitCodeMeans) {
    const std::string table = reason_table();
    for (int code = 0; code <= 8; ++code) EXPECT_THAT(table, HasSubstr(fmt::format("\n| {} | ", code)));
}

TEST(ReasonTable, HasEveryRowOnce) {
    const std::string table = reason_table();
    std::size_t begin = table.find("| verb |");
    std::vector<std::string> rows;
    while (begin < table.size()) {
        const std::size_t end = table.find('\n', begin);
        rows.push_back(table.substr(begin, end - begin));
        begin = end + 1;
    }
    std::sort(rows.begin(), rows.end());
    EXPECT_EQ(std::adjacent_find(rows.begin(), rows.end()), rows.end());
}

}  // namespace
}  // namespace overdrive
