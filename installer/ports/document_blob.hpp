#pragma once

#include <cstdint>

#include "model/digest.hpp"

namespace overdrive {

/// The blob of a small document that is an artifact of its own.
struct DocumentBlob {
    Digest digest;
    std::uint64_t size = 0;
};

}  // namespace overdrive
