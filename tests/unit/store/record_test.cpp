#include "store/record.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "store/generation.hpp"
#include "support/error.hpp"
#include "support/sha256.hpp"

namespace overdrive {
namespace {

using testing::HasSubstr;

Pair pair(const std::string& driver = "900.1.0") { return {DriverId::parse(driver), "4081.2.1"}; }

Record full_record() {
    Record record;
    record.wanted = "550-open";
    record.desired = pair();
    record.last_good = {{"6.1.0-1-test", pair()}, {"6.1.0-2-test", pair("900.1.1")}};
    record.pending = pair("900.1.1");
    record.attempts = {{pair("900.1.2"), "boot-1", "module-load: \"nvidia\"\n refused", 2}};
    record.rolled_back = RolledBack{.configured = "550-open", .from = pair("900.1.2"), .to = pair()};
    record.history = {{std::chrono::seconds{1'800'000'000}, "install", pair(), "installed", "from a registry"},
                      {std::chrono::seconds{1'800'000'001}, "prune", {}, "removed", ""}};
    record.serials = {{"registry.example/overdrive:4081.2.1-900.1.0", 7}, {"other.example/x:t", 0}};
    record.owned = {{"/etc/systemd/system/nvidia.service", "file", std::string(64, 'a')},
                    {"/opt/bin/nvidia-smi", "link", std::string(64, 'b')}};
    return record;
}

void expect_bad(const std::string& text, const std::string& words) {
    try {
        static_cast<void>(Record::parse(text));
        ADD_FAILURE() << "accepted";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::bad_record) << error.what();
        EXPECT_THAT(error.what(), HasSubstr(words));
    }
}

TEST(Record, ComesBackAsItWas) {
    EXPECT_EQ(Record::parse(full_record().to_json()), full_record());
    EXPECT_EQ(Record::parse(Record{}.to_json()), Record{});
}

TEST(Record, NoticesEveryChangedByte) {
    const std::string text = full_record().to_json();
    int missed = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
        std::string damaged = text;
        damaged[at] = static_cast<char>(damaged[at] ^ 0x01);
        try {
            // A change of white space into other white space is the only one that may pass: it says the same.
            if (Record::parse(damaged) != full_record()) ++missed;
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), Errc::bad_record);
        }
    }
    EXPECT_EQ(missed, 0);
}

TEST(Record, RefusesWhatAPowerCutLeaves) {
    expect_bad("", "not JSON");
    expect_bad(std::string(4096, '\0'), "not JSON");
    const std::string text = full_record().to_json();
    expect_bad(text.substr(0, text.size() / 2), "not JSON");
}

TEST(Record, RefusesAHandEdit) {
    std::string text = full_record().to_json();
    text.replace(text.find("550-open"), 8, "535-open");
    expect_bad(text, "checksum");
}

TEST(Record, RefusesANewerReader) {
    auto document = nlohmann::json::parse(full_record().to_json());
    document["min_reader"] = Record::kSchema + 1;
    expect_bad(document.dump(), "newer overdrive");
}

/// As the program of schema 1 wrote it.
constexpr const char* kSchema1 = R"({
  "attempts": [{"boot_id": "boot-1", "pair": "900.1.2/4081.2.1", "reason": "module-load: refused"}],
  "checksum": "CHECKSUM",
  "desired": "900.1.0/4081.2.1",
  "last_good": {"6.1.0-1-test": "900.1.0/4081.2.1"},
  "min_reader": 1,
  "owned": [],
  "pending": null,
  "schema": 1,
  "wanted": "900.1.0"
})";

std::string with_checksum(nlohmann::json document) {
    document.erase("checksum");
    document["checksum"] = sha256_hex(document.dump());
    return document.dump(2);
}

TEST(Record, ReadsWhatTheProgramBeforeWrote) {
    const Record record = Record::parse(with_checksum(nlohmann::json::parse(kSchema1)));
    EXPECT_EQ(record.desired, pair());
    EXPECT_EQ(record.attempts, (std::vector<Attempt>{{pair("900.1.2"), "boot-1", "module-load: refused", 0}}));
    EXPECT_TRUE(record.history.empty());
    EXPECT_EQ(record.rolled_back, std::nullopt);
    EXPECT_TRUE(record.serials.empty());
}

TEST(Record, CanBeReadByTheProgramBefore) {
    const auto document = nlohmann::json::parse(full_record().to_json());
    EXPECT_EQ(document["min_reader"], 1);
    const auto before = nlohmann::json::parse(kSchema1);
    for (const auto& [name, value] : before.items()) {
        EXPECT_TRUE(document.contains(name)) << name;
    }
}

TEST(Record, WritesBackWhatANewerProgramAllowsItToReadPast) {
    auto document = nlohmann::json::parse(full_record().to_json());
    document["schema"] = Record::kSchema + 1;
    document["moon_phase"] = {{"is", "full"}};
    const Record record = Record::parse(with_checksum(document));
    EXPECT_EQ(nlohmann::json::parse(record.to_json())["moon_phase"], document["moon_phase"]);
}

TEST(Record, KeepsTheNewestOfALongHistory) {
    Record record;
    for (int i = 0; i < 250; ++i) record.add_event({std::chrono::seconds{i}, "activate", pair(), "activated", ""});
    ASSERT_EQ(record.history.size(), Record::kMostEvents);
    EXPECT_EQ(record.history.front().at, std::chrono::seconds{150});
    EXPECT_EQ(record.history.back().at, std::chrono::seconds{249});
}

TEST(Record, RemembersOneAttemptAPair) {
    Record record;
    record.remember({pair(), "boot-1", "module-load", 0});
    record.remember({pair(), "boot-2", "verify-failed", 0});
    ASSERT_EQ(record.attempts.size(), 1U);
    EXPECT_EQ(record.attempt(pair())->boot_id, "boot-2");
    record.forget_attempt(pair());
    EXPECT_EQ(record.attempt(pair()), nullptr);
}

TEST(Generation, ComesBackAsItWas) {
    const GenerationInfo info{.pair = pair(),
                              .kernel_release = "6.1.0-1-test",
                              .manifest_digest = Digest::from_hex(std::string(64, '1')),
                              .reference = "docker://registry.example/a:b",
                              .driver_json_digest = Digest::from_hex(std::string(64, '2')),
                              .installed_at = std::chrono::seconds{1'700'000'000},
                              .size_bytes = 12345,
                              .layers = {{LayerRole::user_space, Digest::from_hex(std::string(64, '3'))}}};
    const GenerationInfo back = parse_generation(to_json(info), "x.json");
    EXPECT_EQ(to_json(back), to_json(info));
    EXPECT_EQ(back.pair, info.pair);
    ASSERT_NE(back.layer(LayerRole::user_space), nullptr);
    EXPECT_EQ(back.layer(LayerRole::modules), nullptr);
}

TEST(Generation, RemembersWhoVouchedAndOfAnOldOneThatIsNotKnown) {
    GenerationInfo info{.pair = pair(),
                        .kernel_release = "6.1.0-1-test",
                        .manifest_digest = {},
                        .reference = "image",
                        .driver_json_digest = Digest::from_hex(std::string(64, '2')),
                        .installed_at = std::chrono::seconds{1},
                        .size_bytes = 1,
                        .layers = {}};
    for (const Vouching& vouching :
         {Vouching{.kind = Vouching::Kind::manifest, .keys = {"/a.pub", "/b.pub"}, .serial = 7, .serial_of = "r/x:t"},
          Vouching{.kind = Vouching::Kind::driver_json, .keys = {"/a.pub"}}, Vouching{}}) {
        info.vouching = vouching;
        EXPECT_EQ(parse_generation(to_json(info), "x.json").vouching, vouching);
    }
    auto old = nlohmann::json::parse(to_json(info));
    old.erase("trust");
    EXPECT_EQ(parse_generation(old.dump(), "x.json").vouching, std::nullopt);
    old["trust"] = {{"kind", "rumour"}, {"signed_by", nlohmann::json::array()}};
    EXPECT_THROW(static_cast<void>(parse_generation(old.dump(), "x.json")), Error);
}

TEST(Generation, RefusesAPairThatIsNone) {
    for (const char* text :
         {"{}", R"({"schema":1,"min_reader":9})", R"({"schema":1,"min_reader":1,"pair":"../../etc"})"}) {
        try {
            static_cast<void>(parse_generation(text, "x.json"));
            FAIL() << text;
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), Errc::bad_record);
        }
    }
}

}  // namespace
}  // namespace overdrive
