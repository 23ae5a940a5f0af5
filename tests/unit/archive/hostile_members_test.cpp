// Every hostile archive of hostile_members.hpp: refused with its reason, nothing outside the staging tree changed, and
// what it left can be removed.
#include "unit/archive/hostile_members.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <set>

#include "archive/unpack.hpp"
#include "support/temporary_root.hpp"
#include "unit/archive/fake_source.hpp"

namespace overdrive {
namespace {

using testing::HasSubstr;

/// What one unpacking may use beyond what was used before: its queues (12 MiB), a zstd window (16 MiB), names.
constexpr std::uint64_t kMostMemory = 64U << 20U;

/// Bytes of resident memory: the most since the last reset, which is done by asking.
std::uint64_t peak_memory_and_reset() {
    std::ifstream status{"/proc/self/status"};
    std::uint64_t kib = 0;
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("VmHWM:")) kib = std::stoull(line.substr(6));
    }
    std::ofstream{"/proc/self/clear_refs"} << 5;
    return kib << 10U;
}

class HostileMembers : public testing::TestWithParam<HostileMember> {
protected:
    HostileMembers() {
        dir_.root().make_directories("staging");
        dir_.root().make_directories("canary/below", 0700);
        dir_.write("canary/file", "untouched");
        for (const auto& [path, target] : GetParam().planted) dir_.root().make_link("staging/" + path, target);
        for (const std::string& path : GetParam().expected) {
            expected_[path] = {.path = path, .sha256 = sha256_hex(""), .link_target = {}};
        }
        if (!expected_.empty()) rules_.expected = &expected_;
        before_ = outside();
    }

    void unpack() {
        const UniqueFd staging = dir_.root().open("staging", O_RDONLY | O_DIRECTORY);
        FakeSource source;
        std::vector<LayerDescriptor> layers;
        for (const std::string& blob : GetParam().layers())
            layers.push_back(source.add(blob, LayerRole::modules, GetParam().media_type));
        // The blob and its copies are the test's own memory, not the program's.
        const std::uint64_t own = 3 * layers.front().size;
        static_cast<void>(peak_memory_and_reset());
        const std::uint64_t start = peak_memory_and_reset();
        memory_limit_ = start + own + kMostMemory;
        for (const LayerDescriptor& layer : layers) unpack_layer(source, layer, staging.get(), rules_, progress_);
    }

    /// Everything beside the staging tree: type, mode, owner, time and content.
    [[nodiscard]] std::map<std::string, std::string> outside() const {
        std::map<std::string, std::string> out;
        for (const std::string& name : dir_.root().list("/")) out[name] = "there";
        for (const auto& [path, content] : dir_.tree("canary")) {
            const struct stat status = dir_.root().link_status(path).value();
            out[path] = fmt::format("{:o} {} {} {}.{} {}", status.st_mode, status.st_uid, status.st_nlink,
                                    status.st_mtim.tv_sec, status.st_mtim.tv_nsec, content);
        }
        return out;
    }

    void expect_normalised(const std::string& path, unsigned mode) {
        const struct stat status = dir_.root().link_status("staging/" + path).value();
        EXPECT_EQ(status.st_mode & 07777U, mode) << path;
        EXPECT_EQ(status.st_uid, geteuid()) << path;
        const std::string full = dir_.path() + "/staging/" + path;
        std::array<char, 4096> names{};
        const ssize_t length = llistxattr(full.c_str(), names.data(), names.size());
        const std::string attributes{names.data(), static_cast<std::size_t>(std::max<ssize_t>(length, 0))};
        EXPECT_THAT(attributes, testing::Not(HasSubstr("capability"))) << path;
        EXPECT_THAT(attributes, testing::Not(HasSubstr("user."))) << path;
        EXPECT_THAT(attributes, testing::Not(HasSubstr("acl"))) << path;
    }

    TemporaryRoot dir_;
    FakeProgress progress_;
    std::map<std::string, FileSpec, std::less<>> expected_;
    UnpackRules rules_{
        .prefix = "driver/", .most_bytes = 64U << 20U, .most_members = 100, .most_top_file = 0, .expected = nullptr};
    std::map<std::string, std::string> before_;
    std::uint64_t memory_limit_ = 0;
};

TEST_P(HostileMembers, DoNoHarm) {
    const HostileMember& member = GetParam();
    try {
        unpack();
        EXPECT_FALSE(member.refused_as) << "accepted; wanted " << reason_code(*member.refused_as);
    } catch (const Error& error) {
        ASSERT_TRUE(member.refused_as) << error.what();
        EXPECT_EQ(reason_code(error.code()), reason_code(*member.refused_as)) << error.what();
        EXPECT_THAT(error.what(), HasSubstr(member.says));
    }
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they keep freed memory
    EXPECT_LE(peak_memory_and_reset(), memory_limit_);
#endif
    for (const auto& [path, mode] : member.left_behind) expect_normalised(path, mode);
    EXPECT_EQ(outside(), before_);
    dir_.root().remove_tree("staging");
    EXPECT_FALSE(dir_.root().exists("staging"));
}

INSTANTIATE_TEST_SUITE_P(All, HostileMembers, testing::ValuesIn(hostile_members()),
                         [](const auto& row) { return row.param.name; });

TEST(HostileMemberTable, HasAHundredRowsAndEveryRowOfTheCatalogue) {
    std::set<std::string> names;
    std::set<int> rows;
    for (const HostileMember& member : hostile_members()) {
        names.insert(member.name);
        ASSERT_EQ(member.name.front(), 'E') << member.name;
        rows.insert(std::stoi(member.name.substr(1)));
    }
    EXPECT_EQ(names.size(), hostile_members().size()) << "a name comes twice";
    EXPECT_GE(names.size(), 100U);
    EXPECT_THAT(rows, testing::ElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14));
}

}  // namespace
}  // namespace overdrive
