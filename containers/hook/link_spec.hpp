#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

namespace overdrive {

/// A link that a spec asks for, given as `TARGET::LINK`.
struct LinkSpec {
    std::string target;  ///< text of the link, not looked at
    std::string path;    ///< where the link is, absolute in the container

    friend bool operator==(const LinkSpec&, const LinkSpec&) = default;
};

/// The links, each once, in the order given. @throws Error usage
[[nodiscard]] std::vector<LinkSpec> parse_links(const std::vector<std::string>& arguments);

/// Permission bits of an octal number, setuid, setgid and sticky included. @throws Error usage
[[nodiscard]] mode_t parse_mode(std::string_view text);

}  // namespace overdrive
