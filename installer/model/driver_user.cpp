#include "model/driver_user.hpp"

#include <algorithm>
#include <array>

namespace overdrive {

namespace {

/// How the names of the driver's own libraries begin, without those that the host has as well (libOpenCL, libGLX).
constexpr std::array<std::string_view, 9> kBeginnings{"libcuda",          "libcudadebugger", "libnv",
                                                      "libGLX_nvidia",    "libEGL_nvidia",   "libGLESv1_CM_nvidia",
                                                      "libGLESv2_nvidia", "libvdpau_nvidia", "libglxserver_nvidia"};

/// `550.163.01`: two or three numbers.
bool is_version(std::string_view text) {
    const auto dots = std::count(text.begin(), text.end(), '.');
    return (dots == 1 || dots == 2) && text.find_first_not_of("0123456789.") == std::string_view::npos &&
           text.front() != '.' && text.back() != '.' && text.find("..") == std::string_view::npos;
}

}  // namespace

std::string library_version(std::string_view file_name) {
    constexpr std::string_view kMiddle = ".so.";
    const bool ours = std::any_of(kBeginnings.begin(), kBeginnings.end(),
                                  [&](std::string_view beginning) { return file_name.starts_with(beginning); });
    const std::size_t middle = file_name.find(kMiddle);
    if (!ours || middle == std::string_view::npos) return {};
    const std::string_view version = file_name.substr(middle + kMiddle.size());
    return !version.empty() && is_version(version) ? std::string{version} : std::string{};
}

}  // namespace overdrive
