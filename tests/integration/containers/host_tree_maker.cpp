#include "host_tree_maker.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <stdexcept>

namespace overdrive {

namespace {

namespace fs = std::filesystem;

void require(bool done, const std::string& what) {
    if (!done) throw std::runtime_error{what + ": " + std::strerror(errno)};  // NOLINT(concurrency-mt-unsafe)
}

}  // namespace

HostTreeMaker::HostTreeMaker() : ask_nvml{ask_nvml_by(processes_, NVML_HELPER)} {
    file("/proc/driver/nvidia/version",
         "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  " + kDriverVersion + "  Release Build\n");
    fs::create_directories(path() + "/sys");
    node("/dev/nvidiactl", 195, 255);
    node("/dev/nvidia-modeset", 195, 254);
    node("/dev/nvidia-uvm", 510, 0);
    node("/dev/nvidia-uvm-tools", 510, 1);
}

void HostTreeMaker::program(const std::string& place) const {
    file(place);
    fs::permissions(path() + place, fs::perms{0755});
}

void HostTreeMaker::link(const std::string& place, const std::string& target) const {
    fs::create_directories(fs::path{path() + place}.parent_path());
    fs::create_symlink(target, path() + place);
}

void HostTreeMaker::socket(const std::string& place) const {
    fs::create_directories(fs::path{path() + place}.parent_path());
    require(mknod((path() + place).c_str(), S_IFSOCK | 0666, 0) == 0, "make a socket");
}

void HostTreeMaker::node(const std::string& place, unsigned major_number, unsigned minor_number, unsigned mode,
                         unsigned group) const {
    const std::string file = path() + place;
    fs::create_directories(fs::path{file}.parent_path());
    require(mknod(file.c_str(), S_IFCHR | 0600, makedev(major_number, minor_number)) == 0, "make a node");
    require(chown(file.c_str(), 0, group) == 0 && chmod(file.c_str(), mode) == 0, "change a node");
}

void HostTreeMaker::gpu(unsigned minor_number, const std::string& address, const std::string& uuid) const {
    file(fmt::format("/proc/driver/nvidia/gpus/{}/information", address),
         fmt::format("Model: \t\t NVIDIA H200\nGPU UUID: \t {}\nBus Location: \t {}\nDevice Minor: \t {}\n",
                     uuid.empty() ? "GPU-" + std::string(8, '?') : uuid, address, minor_number));
    node(fmt::format("/dev/nvidia{}", minor_number), 195, minor_number);
}

void HostTreeMaker::instance(unsigned gpu_minor, unsigned gi, unsigned ci, unsigned gi_cap, unsigned ci_cap) {
    const std::string place = fmt::format("gpu{}/mig/gi{}", gpu_minor, gi);
    file(fmt::format("/proc/driver/nvidia/capabilities/{}/ci{}/access", place, ci), "DeviceFileMinor: 1\n");
    mig_minors_ += fmt::format("gpu{}/gi{}/access {}\n", gpu_minor, gi, gi_cap);
    mig_minors_ += fmt::format("gpu{}/gi{}/ci{}/access {}\n", gpu_minor, gi, ci, ci_cap);
    file("/proc/driver/nvidia-caps/mig-minors", mig_minors_);
    for (const unsigned cap : {gi_cap, ci_cap}) node(fmt::format("/dev/nvidia-caps/nvidia-cap{}", cap), 237, cap, 0444);
}

void HostTreeMaker::drm(const std::string& address, unsigned card, unsigned render, unsigned group) const {
    for (const auto& [name, kind, minor_number] : {std::tuple{fmt::format("card{}", card), "card", card},
                                                   std::tuple{fmt::format("renderD{}", render), "render", render}}) {
        file(fmt::format("/sys/bus/pci/devices/{}/drm/{}/dev", address, name), "226:0\n");
        node("/dev/dri/" + name, 226, minor_number, group == 0 ? 0666 : 0660, group);
        link(fmt::format("/dev/dri/by-path/pci-{}-{}", address, kind), "../" + name);
    }
}

void HostTreeMaker::compute_libraries(const std::string& directory) const {
    for (const char* name : {"libcuda", "libnvidia-ml", "libnvidia-ptxjitcompiler"}) {
        const std::string library = fmt::format("{}.so.{}", name, kDriverVersion);
        file(directory + "/" + library, "no shared object");
        link(fmt::format("{}/{}.so.1", directory, name), library);
    }
    file(directory + "/libother.so.1.2.3", "not the driver's");
}

void HostTreeMaker::nvml(const std::string& directory, bool loaded) const {
    fs::copy_file(fmt::format("{}/libfake_nvml_{}.so", FAKE_NVML_DIRECTORY, loaded ? "loaded" : "not_loaded"),
                  fmt::format("{}{}/libnvidia-ml.so.{}", path(), directory, kDriverVersion),
                  fs::copy_options::overwrite_existing);
}

CdiGenerateOptions HostTreeMaker::options(const std::string& driver_root) {
    CdiGenerateOptions options;
    options.driver_root = driver_root;
    options.hooks.path = "/opt/overdrive/current/bin/overdrive-cdi-hook";
    options.kernel_release = "6.1.0-55-cloud-amd64";
    return options;
}

CdiSpec HostTreeMaker::generate(const CdiGenerateOptions& options) {
    remarks.clear();
    return generate_cdi_spec(root(), options, ask_nvml, remarks);
}

void make_generation(const HostTreeMaker& host) {
    host.compute_libraries(kGeneration + "/lib64");
    host.program(kGeneration + "/bin/nvidia-smi");
    host.program(kGeneration + "/bin/nvidia-persistenced");
    host.file(kGeneration + "/lib/firmware/nvidia/" + kDriverVersion + "/gsp_ga10x.bin");
    host.file(kGeneration + "/lib/firmware/nvidia/" + kDriverVersion + "/gsp_tu10x.bin");
    host.file(kGeneration + "/etc/OpenCL/vendors/nvidia.icd");
    host.link("/opt/nvidia/current", "999.88.77-open/4081.2.1");
}

}  // namespace overdrive
