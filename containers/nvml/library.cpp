#include "nvml/library.hpp"

#include <dlfcn.h>
#include <unistd.h>

#include <cstring>

#include "nvml/answer.hpp"
#include "nvml/oldest_glibc.hpp"

namespace overdrive::nvml {

namespace {

/// What the dynamic loader complained about last.
const char* loader_says() {
    const char* const text = dlerror();  // NOLINT(concurrency-mt-unsafe): there is one thread
    return text == nullptr ? "no reason given" : text;
}

/// A text of a few parts, cut off where it is longer than any that matters.
class Sentence {
public:
    void add(std::string_view part) {
        for (const char byte : part) {
            if (size_ < bytes_.size()) bytes_[size_++] = byte;
        }
    }
    [[nodiscard]] std::string_view text() const { return {bytes_.data(), size_}; }

private:
    std::array<char, 1024> bytes_{};
    std::size_t size_ = 0;
};

}  // namespace

void fail(std::string_view what, std::string_view why, Status status) {
    Sentence sentence;
    sentence.add(what);
    sentence.add(": ");
    sentence.add(why);
    if (status >= 0 && status <= 999 && status != kDone) {
        const std::array<char, 3> digits{static_cast<char>('0' + status / 100),
                                         static_cast<char>('0' + status / 10 % 10),
                                         static_cast<char>('0' + status % 10)};
        const std::size_t skipped = status >= 100 ? 0 : status >= 10 ? 1 : 2;
        sentence.add(" (");
        sentence.add({digits.data() + skipped, digits.size() - skipped});
        sentence.add(")");
    }
    static Answer answer;
    answer.open('{');
    answer.key("schema");
    answer.number(1);
    answer.key("error");
    answer.text(sentence.text());
    answer.close('}');
    static_cast<void>(answer.write());
    _exit(1);
}

Library::Library(const char* path) : handle_{dlopen(path, RTLD_LAZY | RTLD_LOCAL)} {
    if (handle_ == nullptr) fail("load NVML", loader_says());
    bind("nvmlErrorString", error_text_);
    bind("nvmlSystemGetDriverVersion", driver_version_);
    bind("nvmlDeviceGetCount_v2", count_);
    bind("nvmlDeviceGetHandleByIndex_v2", gpu_);
    bind("nvmlDeviceGetUUID", uuid_);
    bind("nvmlDeviceGetName", name_);
    bind("nvmlDeviceGetMinorNumber", minor_number_);
    bind("nvmlDeviceGetPciInfo_v3", pci_info_);
    bind("nvmlDeviceGetMigMode", mig_mode_);
    bind("nvmlDeviceGetMaxMigDeviceCount", most_instances_);
    bind("nvmlDeviceGetMigDeviceHandleByIndex", instance_);
    bind("nvmlDeviceGetGpuInstanceId", gpu_instance_);
    bind("nvmlDeviceGetComputeInstanceId", compute_instance_);
    Init init = nullptr;
    bind("nvmlInit_v2", init);
    require(init(), "nvmlInit_v2");
}

void Library::driver_version(Text& text) const {
    require(driver_version_(text.data(), static_cast<unsigned>(text.size() - 1)), "nvmlSystemGetDriverVersion");
}

unsigned Library::gpu_count() const {
    unsigned count = 0;
    require(count_(&count), "nvmlDeviceGetCount_v2");
    return count;
}

Device Library::gpu(unsigned index) const {
    Device device = nullptr;
    require(gpu_(index, &device), "nvmlDeviceGetHandleByIndex_v2");
    return device;
}

void Library::uuid(Device device, Text& text) const {
    require(uuid_(device, text.data(), static_cast<unsigned>(text.size() - 1)), "nvmlDeviceGetUUID");
}

void Library::model(Device device, Text& text) const {
    require(name_(device, text.data(), static_cast<unsigned>(text.size() - 1)), "nvmlDeviceGetName");
}

unsigned Library::minor_number(Device gpu) const { return number(minor_number_, gpu, "nvmlDeviceGetMinorNumber"); }

PciInfo Library::pci_info(Device gpu) const {
    PciInfo info{};
    require(pci_info_(gpu, &info), "nvmlDeviceGetPciInfo_v3");
    info.bus_id.back() = '\0';
    return info;
}

bool Library::is_in_mig_mode(Device gpu) const {
    unsigned now = 0;
    unsigned at_reset = 0;
    const Status status = mig_mode_(gpu, &now, &at_reset);
    if (status == kNotSupported) return false;
    require(status, "nvmlDeviceGetMigMode");
    return now != 0;
}

unsigned Library::most_instances(Device gpu) const {
    return number(most_instances_, gpu, "nvmlDeviceGetMaxMigDeviceCount");
}

Device Library::instance(Device gpu, unsigned index) const {
    Device instance = nullptr;
    const Status status = instance_(gpu, index, &instance);
    if (status == kNotFound) return nullptr;
    require(status, "nvmlDeviceGetMigDeviceHandleByIndex");
    return instance;
}

unsigned Library::gpu_instance(Device instance) const {
    return number(gpu_instance_, instance, "nvmlDeviceGetGpuInstanceId");
}

unsigned Library::compute_instance(Device instance) const {
    return number(compute_instance_, instance, "nvmlDeviceGetComputeInstanceId");
}

template <typename Function>
void Library::bind(const char* name, Function& function) const {
    void* const symbol = dlsym(handle_, name);
    if (symbol == nullptr) fail("NVML lacks a function", loader_says());
    function = reinterpret_cast<Function>(symbol);  // NOLINT: what dlsym is for
}

void Library::require(Status status, const char* function) const {
    if (status == kDone) return;
    const char* const why = error_text_(status);
    Sentence what;
    what.add("NVML: ");
    what.add(function);
    fail(what.text(), why == nullptr ? "no reason given" : why, status);
}

unsigned Library::number(GetNumber get, Device device, const char* function) const {
    unsigned value = 0;
    require(get(device, &value), function);
    return value;
}

}  // namespace overdrive::nvml
