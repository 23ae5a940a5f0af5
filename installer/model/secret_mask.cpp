#include "model/secret_mask.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace overdrive {

namespace {

constexpr std::string_view kMask = "***";
/// Words that say that a secret follows, in lower case; `auth` also stands for authorization and authfile.
constexpr std::array<std::string_view, 9> kTelling{"passw",  "passphrase", "secret", "token",      "credential",
                                                   "apikey", "api-key",    "auth",   "private-key"};

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '.'; }

std::string lower(std::string_view text) {
    std::string out{text};
    std::transform(out.begin(), out.end(), out.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

bool is_telling(std::string_view word) {
    const std::string name = lower(word);
    return name == "pwd" || name == "setcredential" ||
           std::any_of(kTelling.begin(), kTelling.end(),
                       [&](std::string_view each) { return name.find(each) != std::string::npos; });
}

/// `https://user:pw@host/x?sig=1` -> `https://***@host/x?***`: from `://` to the end of the URL.
std::string masked_url_rest(std::string_view rest) {
    // The password may hold an `@` of its own.
    const std::size_t at = rest.rfind('@');
    std::string out;
    if (at != std::string_view::npos) {
        out = std::string{kMask};
        rest.remove_prefix(at);
    }
    const std::size_t query = rest.find('?');
    out += rest.substr(0, query);
    if (query != std::string_view::npos) out += "?" + std::string{kMask};
    return out;
}

std::string masked_urls(std::string_view line) {
    constexpr std::string_view kMark = "://";
    std::string out;
    for (std::size_t mark = line.find(kMark); mark != std::string_view::npos; mark = line.find(kMark)) {
        out += line.substr(0, mark + kMark.size());
        line.remove_prefix(mark + kMark.size());
        const std::size_t end = std::min(line.find_first_of(" \t\"'<>`\\"), line.size());
        out += masked_url_rest(line.substr(0, end));
        line.remove_prefix(end);
    }
    return out + std::string{line};
}

/// Where the value that begins here ends: a quoted one after its quote.
std::size_t value_end(std::string_view rest) {
    if (rest.empty()) return 0;
    const char quote = rest.front();
    if (quote == '"' || quote == '\'') {
        for (std::size_t i = 1; i < rest.size(); ++i) {
            if (rest[i] == '\\') {
                ++i;
            } else if (rest[i] == quote) {
                return i + 1;
            }
        }
        return rest.size();
    }
    return rest.size();  // what is not quoted may have blanks in it, so the rest of the line goes
}

/// `registry-token = "x"`, `"auth": "x"`, `Authorization: Bearer x`, `password=x`.
std::string masked_values(std::string_view line) {
    std::string out;
    std::size_t at = 0;
    while (at < line.size()) {
        if (!is_word(line[at])) {
            out += line[at++];
            continue;
        }
        std::size_t end = at;
        while (end < line.size() && is_word(line[end])) ++end;
        const std::string_view word = line.substr(at, end - at);
        out += word;
        at = end;
        if (!is_telling(word) && lower(word) != "bearer" && lower(word) != "basic") continue;
        std::size_t value = at;
        while (value < line.size() && (line[value] == '"' || line[value] == '\'' || line[value] == ' ')) ++value;
        const bool assigned = value < line.size() && (line[value] == '=' || line[value] == ':');
        if (!is_telling(word)) {  // Bearer TOKEN
            if (value == at || value >= line.size()) continue;
            while (at < value) out += line[at++];
            const std::size_t token = std::min(line.find_first_of(" \"',", at), line.size());
            out += kMask;
            at = token;
            continue;
        }
        if (!assigned) continue;
        ++value;
        while (value < line.size() && line[value] == ' ') ++value;
        out += line.substr(at, value - at);
        out += kMask;
        at = value + value_end(line.substr(value));
    }
    return out;
}

std::string masked_web_tokens(std::string line) {
    constexpr std::string_view kHeader = "eyJ";  // `{"` in base64url
    std::size_t from = 0;
    for (std::size_t at = line.find(kHeader); at != std::string::npos; at = line.find(kHeader, from)) {
        std::size_t end = at;
        while (end < line.size() && is_word(line[end])) ++end;
        if (end - at > 16) line.replace(at, end - at, kMask);
        from = at + kMask.size();
    }
    return line;
}

std::string masked_line(std::string_view line) {
    constexpr std::string_view kEnvironment = "Environment=";
    const std::size_t begin = std::min(line.find_first_not_of(" \t"), line.size());
    if (line.substr(begin).starts_with(kEnvironment))
        return std::string{line.substr(0, begin)} + std::string{kEnvironment} + std::string{kMask};
    return masked_web_tokens(masked_values(masked_urls(line)));
}

template <typename Change>
std::string by_line(std::string_view text, Change&& change) {
    std::string out;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        out += change(text.substr(0, end));
        if (end < text.size()) out += '\n';
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out;
}

/// A line without the comment at its end, which no quotes enclose.
std::string_view without_comment(std::string_view line, std::string_view comment) {
    char quote = 0;
    for (std::size_t i = 0; i < line.size(); ++i) {
        if (quote != 0) {
            if (line[i] == '\\' && quote == '"') {
                ++i;
            } else if (line[i] == quote) {
                quote = 0;
            }
        } else if (line[i] == '"' || line[i] == '\'') {
            quote = line[i];
        } else if (comment.find(line[i]) != std::string_view::npos) {
            return line.substr(0, i);
        }
    }
    return line;
}

}  // namespace

std::string without_secrets(std::string_view text) {
    bool in_key = false;
    bool continued = false;  // an Environment= that goes on in the next line
    return by_line(text, [&](std::string_view line) -> std::string {
        if (line.find("-----BEGIN") != std::string_view::npos && line.find("PRIVATE KEY") != std::string_view::npos)
            in_key = true;
        if (in_key) {
            if (line.find("-----END") != std::string_view::npos) in_key = false;
            return std::string{kMask};
        }
        const bool hidden = continued;
        const bool environment = line.find("Environment=") != std::string_view::npos;
        continued = (continued || environment) && line.ends_with('\\');
        return hidden ? std::string{kMask} : masked_line(line);
    });
}

std::string without_comments_and_secrets(std::string_view text, std::string_view comment) {
    return without_secrets(
        by_line(text, [&](std::string_view line) { return std::string{without_comment(line, comment)}; }));
}

std::string driver_parameters(std::string_view command_line) {
    constexpr std::array<std::string_view, 12> kBeginnings{"nvidia",
                                                           "nouveau.",
                                                           "module",
                                                           "lockdown=",
                                                           "modprobe.blacklist=",
                                                           "rd.driver.blacklist=",
                                                           "firmware_class.",
                                                           "iommu",
                                                           "intel_iommu",
                                                           "amd_iommu",
                                                           "vfio",
                                                           "pci="};
    std::string out;
    while (!command_line.empty()) {
        const std::size_t end = std::min(command_line.find_first_of(" \n"), command_line.size());
        const std::string_view word = command_line.substr(0, end);
        command_line.remove_prefix(std::min(end + 1, command_line.size()));
        const bool ours = std::any_of(kBeginnings.begin(), kBeginnings.end(),
                                      [&](std::string_view each) { return word.starts_with(each); });
        if (ours) out += (out.empty() ? "" : " ") + std::string{word};
    }
    return out;
}

}  // namespace overdrive
