#pragma once

#include <memory>

namespace overdrive {

/// Frees a C object with `Release`: the deleter half of every library handle.
template <auto Release>
struct ReleaseWith {
    template <typename T>
    void operator()(T* object) const noexcept {
        static_cast<void>(Release(object));
    }
};

}  // namespace overdrive
