#include "trust/vouching.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>

namespace overdrive {

namespace {
constexpr std::array kKinds{Vouching::Kind::manifest, Vouching::Kind::driver_json, Vouching::Kind::unsigned_};
}  // namespace

std::string_view to_string(Vouching::Kind kind) noexcept {
    switch (kind) {
        case Vouching::Kind::manifest:
            return "manifest";
        case Vouching::Kind::driver_json:
            return "driver-json";
        case Vouching::Kind::unsigned_:
            return "unsigned";
    }
    return "unknown";
}

std::optional<Vouching::Kind> parse_vouching_kind(std::string_view text) noexcept {
    for (const Vouching::Kind kind : kKinds) {
        if (to_string(kind) == text) return kind;
    }
    return std::nullopt;
}

std::string to_text(const Vouching& vouching) {
    if (vouching.kind == Vouching::Kind::unsigned_) return "unsigned";
    return fmt::format("{} signed by '{}'{}", vouching.kind == Vouching::Kind::manifest ? "image" : "driver.json",
                       fmt::join(vouching.keys, "', '"),
                       vouching.serial ? fmt::format(" (serial {})", *vouching.serial) : std::string{});
}

}  // namespace overdrive
