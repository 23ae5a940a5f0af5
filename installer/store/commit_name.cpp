#include "store/commit_name.hpp"

#include <fmt/format.h>

#include "support/error.hpp"

namespace overdrive {

namespace {

constexpr std::string_view kSuffix = ".json";

}  // namespace

std::string commit_name(const Pair& pair) { return fmt::format("{}@{}{}", pair.driver.text(), pair.os_key, kSuffix); }

std::optional<Pair> pair_of_commit(std::string_view name) {
    const std::size_t at = name.find('@');
    if (at == std::string_view::npos || !name.ends_with(kSuffix)) return std::nullopt;
    try {
        return Pair{DriverId::parse(name.substr(0, at)),
                    std::string{name.substr(at + 1, name.size() - at - 1 - kSuffix.size())}};
    } catch (const Error&) {
        return std::nullopt;
    }
}

}  // namespace overdrive
