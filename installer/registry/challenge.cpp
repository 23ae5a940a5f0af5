#include "registry/challenge.hpp"

#include "registry/field_scanner.hpp"

namespace overdrive {

namespace {

constexpr std::size_t kMostBytes = 8U << 10U;
constexpr std::size_t kMostChallenges = 16;
constexpr std::string_view kToken68 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/";

/// `name=` or `name =` begins a parameter. @return its name; nullopt, and nothing is passed, when none begins here
std::optional<std::string> take_parameter_name(FieldScanner& scanner) {
    const std::size_t here = scanner.position();
    const std::string_view name = scanner.take_token();
    scanner.skip_blanks();
    if (!name.empty() && scanner.skip('=')) return lower_case(name);
    scanner.go_back_to(here);
    return std::nullopt;
}

std::optional<std::string> take_value(FieldScanner& scanner) {
    scanner.skip_blanks();
    const std::size_t here = scanner.position();
    if (auto quoted = scanner.take_quoted()) return quoted;
    scanner.go_back_to(here);
    const std::string_view token = scanner.take_token();
    return token.empty() ? std::nullopt : std::optional{std::string{token}};
}

/// Base64 in the place of parameters, which no scheme of ours has. @return whether that is what stands here
bool skip_token68(FieldScanner& scanner) {
    const std::size_t here = scanner.position();
    if (!scanner.take_of(kToken68).empty()) {
        scanner.take_of("=");
        scanner.skip_blanks();
        const bool ends = scanner.at_end() || scanner.skip(',');
        if (ends) return true;
    }
    scanner.go_back_to(here);
    return false;
}

/// The parameters up to the next challenge. @return false when one is malformed or there twice
bool take_parameters(FieldScanner& scanner, Challenge& challenge) {
    while (auto name = take_parameter_name(scanner)) {
        auto value = take_value(scanner);
        if (!value || !challenge.parameters.emplace(std::move(*name), std::move(*value)).second) return false;
        scanner.skip_blanks();
        if (scanner.at_end()) return true;
        if (!scanner.skip(',')) return false;
        scanner.take_of(", \t");
    }
    return true;
}

/// What stands behind a challenge's scheme, up to the next challenge. @return false when it is malformed
bool take_rest(FieldScanner& scanner, Challenge& challenge) {
    const bool has_more = scanner.skip_blanks();
    if (scanner.at_end() || scanner.skip(',')) return true;
    if (!has_more) return false;
    if (skip_token68(scanner)) return true;
    const std::size_t here = scanner.position();
    return take_parameters(scanner, challenge) && scanner.position() != here;
}

}  // namespace

std::string Challenge::parameter(const std::string& name) const {
    const auto found = parameters.find(name);
    return found == parameters.end() ? std::string{} : found->second;
}

std::vector<Challenge> parse_challenges(std::string_view field) {
    if (field.size() > kMostBytes) return {};
    FieldScanner scanner{trimmed(field)};
    std::vector<Challenge> challenges;
    while (true) {
        scanner.take_of(", \t");
        if (scanner.at_end()) return challenges;
        Challenge challenge{.scheme = lower_case(scanner.take_token()), .parameters = {}};
        if (challenge.scheme.empty() || challenges.size() == kMostChallenges) return {};
        if (!take_rest(scanner, challenge)) return {};
        challenges.push_back(std::move(challenge));
    }
}

}  // namespace overdrive
