#include "cdi/nvml_gpus.hpp"

#include <dlfcn.h>
#include <fmt/format.h>
#include <sys/auxv.h>

#include <array>
#include <memory>

#include "cdi/nvml_api.hpp"
#include "support/error.hpp"
#include "support/release_with.hpp"

namespace overdrive {

namespace {

using nvml::Status;
using Library = std::unique_ptr<void, ReleaseWith<dlclose>>;

/// What the dynamic loader complained about last.
std::string loader_says() {
    const char* const text = dlerror();  // NOLINT(concurrency-mt-unsafe): glibc keeps one for each thread
    return text == nullptr ? "no reason given" : text;
}

Library open_library(const std::string& path) {
    // No interpreter, no loader: dlopen of a static program needs the very C library that it was linked with.
    if (getauxval(AT_BASE) == 0)
        throw Error{Errc::unsupported, "NVML cannot be loaded into the self-contained program"}.with_remedy(
            "without it, --no-nvml goes by /proc and /sys");
    Library library{dlopen(path.c_str(), RTLD_LAZY | RTLD_LOCAL)};
    if (!library) throw Error{Errc::unsupported, fmt::format("load NVML: {}", loader_says())};
    return library;
}

/// The library with the functions that are used, initialised as long as it lives.
class Nvml {
public:
    explicit Nvml(const std::string& path) : library_{open_library(path)} {
        bind("nvmlErrorString", error_text_);
        bind("nvmlShutdown", shutdown_);
        bind("nvmlSystemGetDriverVersion", driver_version_);
        bind("nvmlDeviceGetCount_v2", count_);
        bind("nvmlDeviceGetHandleByIndex_v2", handle_);
        bind("nvmlDeviceGetUUID", uuid_);
        bind("nvmlDeviceGetName", name_);
        bind("nvmlDeviceGetMinorNumber", minor_);
        bind("nvmlDeviceGetPciInfo_v3", pci_info_);
        bind("nvmlDeviceGetMigMode", mig_mode_);
        bind("nvmlDeviceGetMaxMigDeviceCount", most_instances_);
        bind("nvmlDeviceGetMigDeviceHandleByIndex", instance_);
        bind("nvmlDeviceGetGpuInstanceId", gpu_instance_);
        bind("nvmlDeviceGetComputeInstanceId", compute_instance_);
        nvml::Init init = nullptr;
        bind("nvmlInit_v2", init);
        require(init(), "nvmlInit_v2");
    }
    Nvml(const Nvml&) = delete;
    Nvml& operator=(const Nvml&) = delete;
    ~Nvml() { static_cast<void>(shutdown_()); }

    [[nodiscard]] std::string driver_version() const {
        std::array<char, nvml::kMostVersion> text{};
        require(driver_version_(text.data(), static_cast<unsigned>(text.size() - 1)), "nvmlSystemGetDriverVersion");
        return text.data();
    }
    [[nodiscard]] unsigned count() const {
        unsigned value = 0;
        require(count_(&value), "nvmlDeviceGetCount_v2");
        return value;
    }
    [[nodiscard]] GpuDevice gpu(unsigned index) const {
        nvml::Device device = nullptr;
        require(handle_(index, &device), "nvmlDeviceGetHandleByIndex_v2");
        GpuDevice gpu;
        gpu.index = index;
        gpu.uuid = text(uuid_, device, "nvmlDeviceGetUUID");
        gpu.model = text(name_, device, "nvmlDeviceGetName");
        gpu.minor_number = number(minor_, device, "nvmlDeviceGetMinorNumber");
        nvml::PciInfo info{};
        require(pci_info_(device, &info), "nvmlDeviceGetPciInfo_v3");
        info.bus_id.back() = '\0';
        gpu.address = sysfs_address(info.bus_id.data());
        read_instances(device, gpu);
        return gpu;
    }

private:
    template <typename Function>
    void bind(const char* name, Function& function) const {
        void* const symbol = dlsym(library_.get(), name);
        if (symbol == nullptr) throw Error{Errc::unsupported, fmt::format("NVML lacks {}: {}", name, loader_says())};
        function = reinterpret_cast<Function>(symbol);  // NOLINT: what dlsym is for
    }
    void require(Status status, const char* function) const {
        if (status == nvml::kDone) return;
        const char* const why = error_text_(status);
        throw Error{Errc::unsupported,
                    fmt::format("NVML: {}: {} ({})", function, why == nullptr ? "no reason given" : why, status)};
    }
    [[nodiscard]] std::string text(nvml::GetText get, nvml::Device device, const char* function) const {
        std::array<char, nvml::kMostName> buffer{};
        require(get(device, buffer.data(), static_cast<unsigned>(buffer.size() - 1)), function);
        return buffer.data();
    }
    [[nodiscard]] unsigned number(nvml::GetNumber get, nvml::Device device, const char* function) const {
        unsigned value = 0;
        require(get(device, &value), function);
        return value;
    }
    void read_instances(nvml::Device device, GpuDevice& gpu) const {
        unsigned now = 0;
        unsigned at_reset = 0;
        const Status mode = mig_mode_(device, &now, &at_reset);
        if (mode == nvml::kNotSupported || (mode == nvml::kDone && now == 0)) return;
        require(mode, "nvmlDeviceGetMigMode");
        gpu.mig = true;
        const unsigned most = number(most_instances_, device, "nvmlDeviceGetMaxMigDeviceCount");
        for (unsigned index = 0; index < most; ++index) {
            nvml::Device instance = nullptr;
            const Status found = instance_(device, index, &instance);
            if (found == nvml::kNotFound) continue;
            require(found, "nvmlDeviceGetMigDeviceHandleByIndex");
            gpu.instances.push_back(read_instance(instance, index));
        }
    }
    [[nodiscard]] MigInstance read_instance(nvml::Device device, unsigned index) const {
        MigInstance instance;
        instance.index = index;
        instance.gpu_instance = number(gpu_instance_, device, "nvmlDeviceGetGpuInstanceId");
        instance.compute_instance = number(compute_instance_, device, "nvmlDeviceGetComputeInstanceId");
        instance.uuid = text(uuid_, device, "nvmlDeviceGetUUID");
        // The name ends with the profile and its attributes: "... MIG 1g.24gb+gfx".
        instance.graphics = text(name_, device, "nvmlDeviceGetName").find("+gfx") != std::string::npos;
        return instance;
    }

    Library library_;
    nvml::ErrorText error_text_ = nullptr;
    nvml::Shutdown shutdown_ = nullptr;
    nvml::GetDriverVersion driver_version_ = nullptr;
    nvml::GetCount count_ = nullptr;
    nvml::GetHandleByIndex handle_ = nullptr;
    nvml::GetText uuid_ = nullptr;
    nvml::GetText name_ = nullptr;
    nvml::GetNumber minor_ = nullptr;
    nvml::GetPciInfo pci_info_ = nullptr;
    nvml::GetMigMode mig_mode_ = nullptr;
    nvml::GetNumber most_instances_ = nullptr;
    nvml::GetMigHandleByIndex instance_ = nullptr;
    nvml::GetNumber gpu_instance_ = nullptr;
    nvml::GetNumber compute_instance_ = nullptr;
};

}  // namespace

GpuInventory read_nvml_gpus(const std::string& library) {
    const Nvml nvml{library};
    GpuInventory inventory{{}, nvml.driver_version(), "NVML"};
    const unsigned count = nvml.count();
    for (unsigned index = 0; index < count; ++index) inventory.gpus.push_back(nvml.gpu(index));
    return inventory;
}

}  // namespace overdrive
