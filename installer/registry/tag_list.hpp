#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "registry/registry_session.hpp"

namespace overdrive {

/// At most so much of a list of tags is read; the rest is left out.
inline constexpr std::size_t kMostTags = 10'000;
inline constexpr int kMostTagPages = 20;

/// The tags of a repository, page after page as `Link` leads, on the same server only and no page twice. What is no tag
/// by the grammar is left out.
/// @return nullopt when there is no such repository there
/// @throws Error unreachable, login_refused, bad_manifest ...
/// @see OCI distribution-spec, "Listing tags"
[[nodiscard]] std::optional<std::vector<std::string>> list_tags(RegistrySession& session);

}  // namespace overdrive
