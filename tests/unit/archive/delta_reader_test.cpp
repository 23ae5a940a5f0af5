#include "archive/delta_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/error.hpp"
#include "unit/archive/delta_maker.hpp"

namespace overdrive {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kCuda = "lib64/libcuda.so.900.1.0";

class DeltaReaderTest : public testing::Test {
protected:
    DeltaReaderTest() {
        to_.user_space[kCuda][700'000] ^= 1;
        to_.user_space["lib64/new.so"] = "not there before";
    }

    /// Reads all, in small pieces. @return what was made of each file
    std::map<std::string, std::string> read(std::string delta) {
        delta_ = std::move(delta);
        at_ = 0;
        DeltaReader reader{[this] {
                               const std::string_view some = std::string_view{delta_}.substr(at_, 1000);
                               at_ += some.size();
                               return some;
                           },
                           [this](const std::string& path, std::uint64_t offset, std::span<char> out) {
                               from_.user_space.at(path).copy(out.data(), out.size(), offset);
                           }};
        std::map<std::string, std::string> made;
        for (const DeltaTable table = reader.read_table(); const DeltaFile& file : table.files)
            for (const DeltaPiece& piece : file.pieces) made[file.path] += reader.read_piece(file, piece);
        reader.finish();
        return made;
    }
    void expect_refused(const std::string& delta, const std::string& words) {
        try {
            static_cast<void>(read(delta));
            ADD_FAILURE() << "accepted; wanted: " << words;
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), Errc::bad_archive) << error.what();
            EXPECT_THAT(error.what(), HasSubstr(words));
        }
    }

    SampleArtifact from_;
    SampleArtifact to_;
    std::string delta_;
    std::size_t at_ = 0;
};

TEST_F(DeltaReaderTest, MakesNewFilesOfOldOnes) {
    const DeltaMaker delta{from_, to_};
    const auto made = read(delta.bytes());
    EXPECT_EQ(made.at(kCuda), to_.user_space.at(kCuda));
    EXPECT_EQ(made.at("lib64/new.so"), "not there before");
    EXPECT_LT(delta.frames.front().size(), 2000U) << "1.5 MB of noise that differ in a bit";
}

TEST_F(DeltaReaderTest, RefusesADeltaThatIsCutShort) {
    const std::string whole = DeltaMaker{from_, to_}.bytes();
    for (const std::size_t bytes :
         {std::size_t{0}, std::size_t{5}, std::size_t{10}, std::size_t{100}, whole.size() - 1})
        expect_refused(whole.substr(0, bytes), "the delta ends within");
}

TEST_F(DeltaReaderTest, RefusesBytesAfterTheEnd) {
    expect_refused(DeltaMaker{from_, to_}.bytes() + "x", "bytes follow");
}

TEST_F(DeltaReaderTest, RefusesWhatIsNoDelta) { expect_refused(std::string(100, 'x'), "does not begin as a delta"); }

TEST_F(DeltaReaderTest, RefusesATableThatIsTooLargeBeforeItIsRead) {
    expect_refused(std::string{kDeltaMagic} + "\xff\xff\xff\xff", "a table of 4294967295 bytes");
}

TEST_F(DeltaReaderTest, RefusesAFrameThatHoldsMoreThanItsPiece) {
    DeltaMaker delta{from_, to_};
    delta.table.files[0].pieces[0].bytes -= 1;
    expect_refused(delta.bytes(), "cannot be decoded");
}

TEST_F(DeltaReaderTest, RefusesAFrameThatHoldsLessThanItsPiece) {
    DeltaMaker delta{from_, to_};
    delta.table.files[0].pieces[0].bytes += 1;
    expect_refused(delta.bytes(), "bytes instead of");
}

TEST_F(DeltaReaderTest, RefusesTwoFramesForOnePiece) {
    DeltaMaker delta{from_, to_};
    delta.frames[1] += delta_frame("", "");
    delta.table.files[1].pieces[0].frame_bytes = delta.frames[1].size();
    expect_refused(delta.bytes(), "is not exactly one zstd frame");
}

TEST_F(DeltaReaderTest, RefusesADamagedFrame) {
    DeltaMaker delta{from_, to_};
    delta.frames[0][0] ^= 1;
    expect_refused(delta.bytes(), "is not exactly one zstd frame");
}

TEST_F(DeltaReaderTest, TakesNoMemoryForTheWindowThatAFrameAsksFor) {
    DeltaMaker delta{from_, to_};
    constexpr int kHalfGigabyte = 29;
    delta.frames[1] = delta_frame(to_.user_space.at("lib64/new.so"), "", kHalfGigabyte);
    delta.table.files[1].pieces[0].frame_bytes = delta.frames[1].size();
    EXPECT_EQ(read(delta.bytes()).at("lib64/new.so"), "not there before");
}

}  // namespace
}  // namespace overdrive
