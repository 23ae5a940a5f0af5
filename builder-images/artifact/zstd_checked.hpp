#pragma once

#include <fmt/format.h>
#include <zstd.h>

#include <cstddef>

#include "support/error.hpp"

namespace overdrive {

/// What a function of zstd that compresses answered. @throws Error unsupported, in zstd's words, when that is an error
inline std::size_t zstd_checked(std::size_t answer) {
    if (ZSTD_isError(answer) != 0) throw Error{Errc::unsupported, fmt::format("zstd: {}", ZSTD_getErrorName(answer))};
    return answer;
}

}  // namespace overdrive
