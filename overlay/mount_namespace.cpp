#include "overlay/mount_namespace.hpp"

#include <exception>
#include <thread>

#include "overlay/mount_syscalls.hpp"

namespace overdrive {

void in_private_mount_namespace(const std::function<void()>& body) {
    std::exception_ptr failure;
    std::thread thread{[&]() noexcept {
        try {
            enter_private_mount_namespace();
            body();
        } catch (...) {
            failure = std::current_exception();
        }
    }};
    thread.join();
    if (failure) std::rethrow_exception(failure);
}

}  // namespace overdrive
