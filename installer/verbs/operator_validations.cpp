#include "verbs/operator_validations.hpp"

#include <array>
#include <string_view>

namespace overdrive {

namespace {

constexpr const char* kDirectory = "/run/nvidia/validations";

struct Validation {
    const char* path;
    std::string_view content;
};

// The operator's containers have the host's tree at /host; the nodes are in the host's /dev.
constexpr std::array kValidations{
    Validation{kDriverReadyFile,
               "IS_HOST_DRIVER=true\n"
               "NVIDIA_DRIVER_ROOT=/opt/nvidia/current\n"
               "DRIVER_ROOT_CTR_PATH=/host/opt/nvidia/current\n"
               "NVIDIA_DEV_ROOT=/\n"
               "DEV_ROOT_CTR_PATH=/host\n"},
    // YAML: which further drivers the validator waits for.
    Validation{kDriverContainerReadyFile,
               "GDRCOPY_ENABLED: false\nGDS_ENABLED: false\nGPU_DIRECT_RDMA_ENABLED: false\n"},
};

bool is_as_written(const Root& root, const Validation& validation) {
    const auto status = root.link_status(validation.path);
    return status && S_ISREG(status->st_mode) &&
           static_cast<std::size_t>(status->st_size) == validation.content.size() &&
           root.read_file(validation.path) == validation.content;
}

}  // namespace

void tell_operator(const Root& root, bool wanted, bool usable) {
    for (const Validation& validation : kValidations) {
        const bool written = is_as_written(root, validation);
        if (wanted && usable) {
            if (written) continue;
            root.make_directories(kDirectory);
            root.write_file(validation.path, validation.content);
        } else if (wanted || written) {
            root.remove(validation.path);
        }
    }
}

}  // namespace overdrive
