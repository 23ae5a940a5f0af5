#include "hook/link_spec.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "hook/container_root.hpp"
#include "support/error.hpp"

namespace overdrive {

std::vector<LinkSpec> parse_links(const std::vector<std::string>& arguments) {
    std::vector<LinkSpec> links;
    for (const std::string& argument : arguments) {
        const std::size_t colons = argument.find("::");
        const bool one_pair = colons != std::string::npos && argument.find("::", colons + 2) == std::string::npos;
        if (!one_pair || colons == 0)
            throw Error{Errc::usage, fmt::format("--link '{}' is not of the form TARGET::LINK", argument)};
        LinkSpec link{argument.substr(0, colons), checked_path(argument.substr(colons + 2), "the link of --link")};
        if (link.path == "/") throw Error{Errc::usage, fmt::format("--link '{}' names the root as the link", argument)};
        if (std::find(links.begin(), links.end(), link) == links.end()) links.push_back(std::move(link));
    }
    return links;
}

mode_t parse_mode(std::string_view text) {
    mode_t mode = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
    if (error != std::errc{} || end != text.data() + text.size() || mode > 07777)
        throw Error{Errc::usage, fmt::format("--mode '{}' is no octal mode such as 755", text)};
    return mode;
}

}  // namespace overdrive
