#include "cdi/requirements.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <compare>
#include <string_view>

#include "support/error.hpp"

namespace overdrive {

namespace {

constexpr std::string_view kPrefix = "NVIDIA_REQUIRE_";
constexpr std::string_view kBlanks = " \t\n";
/// Longer ones first: `<=` begins with `<`.
constexpr std::array<std::string_view, 6> kOperators{"!=", "<=", ">=", "=", "<", ">"};

using Version = std::vector<unsigned>;

struct Condition {
    std::string_view text;
    std::string_view property;
    std::string_view comparison;
    std::string_view value;
    Version version{};  ///< of the value, unless it is a brand
};
using Alternative = std::vector<Condition>;

[[noreturn]] void refuse(const ImageRequirement& requirement, std::string_view why) {
    throw Error{Errc::usage, fmt::format("{}='{}' is no requirement: {}", requirement.variable,
                                         requirement.expression.substr(0, 200), why)}
        .with_remedy("correct the image, or run it with NVIDIA_DISABLE_REQUIRE=true");
}

std::vector<std::string_view> split(std::string_view text, std::string_view separators) {
    std::vector<std::string_view> parts;
    while (true) {
        const std::size_t end = text.find_first_of(separators);
        parts.push_back(text.substr(0, end));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

/// `12.40.0` -> 12, 40: groups are numbers, and trailing zeros say nothing. nullopt: it has another character.
std::optional<Version> parse_version(std::string_view text) {
    Version version;
    for (const std::string_view group : split(text, ".")) {
        unsigned number = 0;
        const auto [end, error] = std::from_chars(group.data(), group.data() + group.size(), number);
        if (error != std::errc{} || end != group.data() + group.size()) return std::nullopt;
        version.push_back(number);
    }
    while (!version.empty() && version.back() == 0) version.pop_back();
    return version;
}

bool is_of_versions(std::string_view property) {
    return property == "cuda" || property == "driver" || property == "arch";
}

Condition parse_condition(const ImageRequirement& requirement, std::string_view text) {
    const std::size_t at = text.find_first_of("!<=>");
    const std::string_view rest = at == std::string_view::npos ? std::string_view{} : text.substr(at);
    const auto* const comparison = std::find_if(kOperators.begin(), kOperators.end(),
                                                [&](std::string_view each) { return rest.starts_with(each); });
    if (comparison == kOperators.end()) refuse(requirement, fmt::format("'{}' has no comparison", text));
    Condition condition{text, text.substr(0, at), *comparison, rest.substr(comparison->size())};
    if (condition.property.empty() || condition.value.empty())
        refuse(requirement, fmt::format("'{}' compares nothing", text));
    if (condition.property == "brand" && condition.comparison != "=" && condition.comparison != "!=")
        refuse(requirement, "a brand is compared with = or != only");
    if (is_of_versions(condition.property)) {
        auto version = parse_version(condition.value);
        if (!version) refuse(requirement, fmt::format("'{}' is no version", condition.value));
        condition.version = std::move(*version);
    }
    return condition;
}

/// All of it: whether an expression is one does not depend on what the driver is able to do.
std::vector<Alternative> parse_expression(const ImageRequirement& requirement) {
    std::vector<Alternative> alternatives;
    for (const std::string_view text : split(requirement.expression, kBlanks)) {
        if (text.empty()) continue;
        Alternative& alternative = alternatives.emplace_back();
        for (const std::string_view condition : split(text, ","))
            alternative.push_back(parse_condition(requirement, condition));
    }
    return alternatives;
}

bool holds(std::string_view comparison, std::strong_ordering order) {
    if (comparison == "=") return std::is_eq(order);
    if (comparison == "!=") return std::is_neq(order);
    if (comparison == "<") return std::is_lt(order);
    if (comparison == "<=") return std::is_lteq(order);
    return comparison == ">" ? std::is_gt(order) : std::is_gteq(order);
}

bool is_same_word(std::string_view left, std::string_view right) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                      [&](char a, char b) { return lower(a) == lower(b); });
}

bool is_met(const Condition& condition, std::string_view is) {
    if (condition.property == "brand") return is_same_word(condition.value, is) == (condition.comparison == "=");
    const auto has = parse_version(is);
    return !has || holds(condition.comparison, *has <=> condition.version);
}

const std::optional<std::string>& ability(const DriverAbilities& abilities, const DriverAbilities::Gpu& gpu,
                                          std::string_view property) {
    static const std::optional<std::string> unknown;
    if (property == "cuda") return abilities.cuda;
    if (property == "driver") return abilities.driver;
    if (property == "arch") return gpu.architecture;
    return property == "brand" ? gpu.brand : unknown;
}

/// The first condition that does not hold; nullopt: all do.
std::optional<std::string> why_not(const Alternative& alternative, const DriverAbilities& abilities,
                                   const DriverAbilities::Gpu& gpu) {
    for (const Condition& condition : alternative) {
        const auto& is = ability(abilities, gpu, condition.property);
        if (is && !is_met(condition, *is))
            return fmt::format("it wants {}, the {} is {}", condition.text,
                               condition.property == "cuda" ? "driver's newest CUDA" : condition.property, *is);
    }
    return std::nullopt;
}

/// nullopt: one alternative holds, or there is none, and nothing is asked for.
std::optional<std::string> why_not(const std::vector<Alternative>& alternatives, const DriverAbilities& abilities,
                                   const DriverAbilities::Gpu& gpu) {
    std::vector<std::string> reasons;
    for (const Alternative& alternative : alternatives) {
        auto reason = why_not(alternative, abilities, gpu);
        if (!reason) return std::nullopt;
        reasons.push_back(std::move(*reason));
    }
    if (reasons.empty()) return std::nullopt;
    return fmt::format("{}", fmt::join(reasons, ", and "));
}

std::string value_of(const std::map<std::string, std::string>& environment, const std::string& name) {
    const auto found = environment.find(name);
    return found == environment.end() ? "" : found->second;
}

/// `cuda>=12.4` of CUDA_VERSION=v12.4.1: an image names what it was built with, and minor versions are compatible
/// upward.
std::string expression_of_cuda_version(std::string_view text) {
    const auto numbers = split(text.substr(text.starts_with('v') ? 1 : 0), ".");
    const bool good = numbers.size() <= 3 && std::all_of(numbers.begin(), numbers.end(), [](std::string_view number) {
                          return parse_version(number).has_value();
                      });
    if (!good)
        throw Error{Errc::usage, fmt::format("CUDA_VERSION='{}' of the image is no version", text.substr(0, 100))};
    return fmt::format("cuda>={}.{}", numbers[0], numbers.size() > 1 ? numbers[1] : "0");
}

}  // namespace

std::vector<ImageRequirement> image_requirements(const std::map<std::string, std::string>& environment) {
    constexpr std::array kTrue{"1", "t", "T", "TRUE", "true", "True"};
    const std::string disabled = value_of(environment, "NVIDIA_DISABLE_REQUIRE");
    if (std::find(kTrue.begin(), kTrue.end(), disabled) != kTrue.end()) return {};
    std::vector<ImageRequirement> requirements;
    for (auto at = environment.lower_bound(std::string{kPrefix}); at != environment.end(); ++at) {
        const auto& [name, value] = *at;
        if (!name.starts_with(kPrefix)) break;
        if (!name.starts_with("NVIDIA_REQUIRE_JETPACK")) requirements.push_back({name, value});
    }
    const std::string cuda = value_of(environment, "CUDA_VERSION");
    if (!cuda.empty() && value_of(environment, "NVIDIA_REQUIRE_CUDA").empty())
        requirements.push_back({"CUDA_VERSION", expression_of_cuda_version(cuda)});
    return requirements;
}

std::vector<UnmetRequirement> unmet_requirements(std::span<const ImageRequirement> requirements,
                                                 const DriverAbilities& abilities) {
    std::vector<DriverAbilities::Gpu> gpus = abilities.gpus;
    if (gpus.empty()) gpus.emplace_back();  // what is asked of the driver is asked all the same
    std::vector<UnmetRequirement> unmet;
    for (const ImageRequirement& requirement : requirements) {
        const std::vector<Alternative> alternatives = parse_expression(requirement);
        for (const DriverAbilities::Gpu& gpu : gpus) {
            if (auto why = why_not(alternatives, abilities, gpu)) {
                unmet.push_back({requirement, std::move(*why)});
                break;
            }
        }
    }
    return unmet;
}

}  // namespace overdrive
