#include "verbs/boot_jitter.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "registry/host_seed.hpp"
#include "registry/patience.hpp"
#include "support/interruption.hpp"

namespace overdrive {

using std::chrono::milliseconds;

void wait_boot_jitter(Services& services, const Config& config, Report& report) {
    constexpr milliseconds kSlice{200};
    const milliseconds most{config.boot_jitter};
    if (most <= milliseconds{0}) return;
    milliseconds left{seeded_draw(host_seed(services.root), 0, static_cast<std::uint64_t>(most.count()))};
    report.note(
        fmt::format("waiting {:.1f} s before a registry is asked, so that not all hosts ask at once "
                    "([registry] boot-jitter = {})",
                    std::chrono::duration<double>(left).count(), config.boot_jitter.count()));
    while (left > milliseconds{0}) {
        stop_if_interrupted();
        const milliseconds slice = std::min(left, kSlice);
        services.clock.sleep(slice);
        left -= slice;
    }
    stop_if_interrupted();
}

}  // namespace overdrive
