#include "model/pair_index_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

namespace overdrive {

using nlohmann::ordered_json;

std::string date_text(std::uint64_t seconds) {
    const std::chrono::sys_seconds time{std::chrono::seconds{seconds}};
    const std::chrono::year_month_day day{std::chrono::floor<std::chrono::days>(time)};
    return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(day.year()), static_cast<unsigned>(day.month()),
                       static_cast<unsigned>(day.day()));
}

ordered_json offer_json(const OfferedPair& offer) {
    return {{"os", {{"id", offer.os_id}, {"version", offer.os_version_id}, {"key", offer.pair.os_key}}},
            {"kernel_release", offer.kernel_release},
            {"vermagic", offer.vermagic},
            {"build_id", offer.build_id ? ordered_json(*offer.build_id) : ordered_json(nullptr)},
            {"architecture", offer.architecture},
            {"module_type", offer.module_type},
            {"driver", offer.pair.driver.text()},
            {"driver_version", offer.pair.driver.version()},
            {"tag", tag_of(offer.pair)},
            {"digest", offer.manifest.text()},
            {"image_index", offer.image_index ? ordered_json(offer.image_index->text()) : ordered_json(nullptr)},
            {"created", offer.created},
            {"download_bytes", offer.download_bytes},
            {"unpacked_bytes", offer.unpacked_bytes},
            {"proof", offer.proof}};
}

namespace {

/// For people; `--json` names the checks.
std::string proof_text(const std::vector<std::string>& checks) {
    if (checks.empty()) return "no proof";
    const bool is_loaded = std::find(checks.begin(), checks.end(), "vm-load") != checks.end();
    return fmt::format("{} checks passed{}", checks.size(), is_loaded ? ", loaded in a VM" : "");
}

}  // namespace

std::string offer_line(const OfferedPair& offer, std::size_t tag_width) {
    return fmt::format("{:<{}}  kernel {} ({}), {:.1f} MB, {}, {}\n", tag_of(offer.pair), tag_width,
                       offer.kernel_release, offer.architecture, static_cast<double>(offer.download_bytes) / 1e6,
                       date_text(offer.created), proof_text(offer.proof));
}

}  // namespace overdrive
