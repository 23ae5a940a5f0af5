#pragma once

#include <string>
#include <string_view>

#include "ports/http_transport.hpp"
#include "support/error.hpp"

namespace overdrive {

/// What an answer of a registry that is not the one hoped for means, in words for whoever runs CI: may not push, no
/// such repository, read-only, quota, a tag that cannot be changed.
/// @param doing      `push to registry.example/overdrive`
/// @param repository `registry.example/overdrive`, for the remedy
/// @see OCI distribution-spec, "Error codes"
[[nodiscard]] Error registry_refusal(const std::string& doing, const std::string& repository,
                                     const HttpResponse& response);

/// The code and message of the first error in the body of an answer, printable and short: `DENIED: quota exceeded`;
/// empty when there is none.
[[nodiscard]] std::string registry_words(std::string_view body);

/// The most bytes of such a body that are read.
inline constexpr std::uint64_t kMostRefusalBytes = 64U << 10U;

}  // namespace overdrive
