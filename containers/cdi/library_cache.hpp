#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace overdrive {

/// The libraries that an ld.so.cache knows, as absolute paths in its order; empty for what is no such cache. Any bytes
/// may be given: what lies outside them is skipped.
/// @see glibc's sysdeps/generic/dl-cache.h: the format that begins with `glibc-ld.so.cache1.1`
[[nodiscard]] std::vector<std::string> libraries_in_cache(std::string_view bytes);

}  // namespace overdrive
