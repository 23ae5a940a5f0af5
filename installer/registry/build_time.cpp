#include "registry/build_time.hpp"

namespace overdrive {

std::chrono::seconds build_time() noexcept { return std::chrono::seconds{OVERDRIVE_BUILD_TIME}; }

}  // namespace overdrive
