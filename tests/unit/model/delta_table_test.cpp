#include "model/delta_table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/error.hpp"

namespace overdrive {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class DeltaTableTest : public testing::Test {
protected:
    json document_{{"schema", 1},
                   {"min_reader", 1},
                   {"from", "sha256:" + std::string(64, 'a')},
                   {"to", "sha256:" + std::string(64, 'b')},
                   {"files",
                    {{{"path", "lib64/a"},
                      {"old", "lib64/a.1"},
                      {"pieces", {{{"bytes", 10}, {"frame", 5}, {"offset", 3}, {"slice", 7}}}}},
                     {{"path", "lib64/b"}, {"pieces", {{{"bytes", 4}, {"frame", 9}, {"offset", 0}, {"slice", 0}}}}}}}};
    json& file_ = document_["files"][0];
    json& piece_ = file_["pieces"][0];

    void expect_refused(const std::string& words) const {
        try {
            static_cast<void>(DeltaTable::parse(document_.dump()));
            ADD_FAILURE() << "accepted: " << document_.dump();
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), Errc::bad_manifest);
            EXPECT_THAT(error.what(), HasSubstr(words));
        }
    }
};

TEST_F(DeltaTableTest, ComesBackAsItWasWritten) {
    const DeltaTable table = DeltaTable::parse(document_.dump());
    ASSERT_EQ(table.files.size(), 2U);
    EXPECT_EQ(table.files[0].old_path, "lib64/a.1");
    EXPECT_EQ(table.files[0].size(), 10U);
    EXPECT_EQ(table.files[1].pieces, (std::vector<DeltaPiece>{{.bytes = 4, .frame_bytes = 9}}));
    EXPECT_EQ(DeltaTable::parse(table.to_json()), table);
}

TEST_F(DeltaTableTest, TakesAnEmptyFileWithoutPieces) {
    file_["pieces"] = json::array();
    EXPECT_EQ(DeltaTable::parse(document_.dump()).files[0].size(), 0U);
}

TEST_F(DeltaTableTest, RefusesPathsThatLeaveTheTree) {
    for (const char* path : {"../a", "/etc/passwd", "lib64/../../a", "", "lib64//a", "a\nb"}) {
        file_["path"] = path;
        expect_refused("plain relative path");
        file_["path"] = "lib64/a";
        file_["old"] = path;
        expect_refused("plain relative path");
        file_["old"] = "lib64/a.1";
    }
}

TEST_F(DeltaTableTest, RefusesAFileTwice) {
    document_["files"].push_back(document_["files"][1]);
    expect_refused("'lib64/b' twice");
}

TEST_F(DeltaTableTest, RefusesWhatWouldTakeMoreMemoryThanItsLimit) {
    piece_["bytes"] = DeltaTable::kMostPieceBytes + 1;
    expect_refused("bytes is 4194305");
    piece_["bytes"] = 10;
    piece_["slice"] = DeltaTable::kMostSliceBytes + 1;
    expect_refused("slice is 8388609");
    piece_["slice"] = 7;
    piece_["frame"] = DeltaTable::kMostFrameBytes + 1;
    expect_refused("frame is ");
}

TEST_F(DeltaTableTest, RefusesSizesThatCannotBe) {
    for (const char* field : {"bytes", "frame"}) {
        const json before = piece_[field];
        piece_[field] = 0;
        expect_refused(field);
        piece_[field] = before;
    }
    piece_["offset"] = 1ULL << 62U;
    expect_refused("offset");
}

TEST_F(DeltaTableTest, RefusesASliceOfNoFile) {
    file_.erase("old");
    expect_refused("offset is 3");
}

TEST_F(DeltaTableTest, RefusesMorePiecesThanAreAllowed) {
    piece_ = {{"bytes", 1}, {"frame", 1}, {"offset", 0}, {"slice", 0}};
    file_["pieces"] = json(json::array());
    for (std::size_t i = 0; i <= DeltaTable::kMostPieces; ++i)
        file_["pieces"].push_back({{"bytes", 1}, {"frame", 1}, {"offset", 0}, {"slice", 0}});
    expect_refused("more than 25000 pieces");
}

TEST_F(DeltaTableTest, RefusesATableForNewerReaders) {
    document_["min_reader"] = 2;
    expect_refused("newer");
}

}  // namespace
}  // namespace overdrive
