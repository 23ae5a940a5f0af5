#include "registry/host_seed.hpp"

#include <charconv>
#include <string>

#include "support/error.hpp"
#include "support/sha256.hpp"

namespace overdrive {

std::uint64_t host_seed(const Root& root) {
    for (const char* path : {"etc/machine-id", "etc/hostname", "proc/sys/kernel/hostname"}) {
        try {
            const std::string id = root.read_file(path).value_or("");
            if (id.empty() || id == "uninitialized\n") continue;
            const std::string digits = sha256_hex("overdrive " + id).substr(0, 16);
            std::uint64_t seed = 0;
            std::from_chars(digits.data(), digits.data() + digits.size(), seed, 16);
            return seed;
        } catch (const Error&) {
            continue;  // a host without one: the next best
        }
    }
    return 0;
}

}  // namespace overdrive
