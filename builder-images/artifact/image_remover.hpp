#pragma once

#include <string>

#include "model/digest.hpp"

namespace overdrive {

/// A place that images can be removed from. A registry is one; layouts are not.
class ImageRemover {
public:
    ImageRemover() = default;
    ImageRemover(const ImageRemover&) = delete;
    ImageRemover& operator=(const ImageRemover&) = delete;
    virtual ~ImageRemover() = default;

    /// Removes a tag, whatever it points at stays. One that is not there is removed already.
    /// @return false when this place cannot remove a tag alone @throws Error login_refused, unreachable
    virtual bool remove_tag(const std::string& tag) = 0;
    /// Removes a manifest or index, with all its tags. One that is not there is removed already.
    /// @throws Error read_only when this place removes none; login_refused, unreachable
    virtual void remove_manifest(const Digest& digest) = 0;
};

}  // namespace overdrive
