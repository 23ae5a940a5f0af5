// overdrive-nvml: what NVIDIA's management library knows of the GPUs, as one JSON document.
#include <unistd.h>

#include <algorithm>
#include <string_view>

#include "nvml/answer.hpp"
#include "nvml/library.hpp"

namespace {

using overdrive::nvml::Answer;
using overdrive::nvml::Device;
using overdrive::nvml::fail;
using overdrive::nvml::Library;
using overdrive::nvml::PciInfo;

constexpr std::string_view kHelp =
    "Usage: overdrive-nvml FILE\n\n"
    "Loads FILE, a driver's libnvidia-ml.so.1, asks it for the GPUs and MIG instances of this host and prints what it "
    "says as\n"
    "one JSON document: {\"schema\":1,\"driver_version\":...,\"gpus\":[...]}, or {\"schema\":1,\"error\":...} and exit "
    "status 1.\n"
    "overdrive runs it where /proc does not tell enough; it changes nothing.\n";

/// More than any host has; a library that says so is broken.
constexpr unsigned kMostGpus = 256;
constexpr unsigned kMostInstances = 64;

std::string_view until_zero(const char* text, std::size_t most) {
    return {text, static_cast<std::size_t>(std::find(text, text + most, '\0') - text)};
}

std::string_view as_text(const Library::Text& text) { return until_zero(text.data(), text.size()); }

void add_uuid(const Library& library, Device device, Answer& answer) {
    Library::Text text{};
    library.uuid(device, text);
    answer.key("uuid");
    answer.text(as_text(text));
}

void add_number(std::string_view name, unsigned value, Answer& answer) {
    answer.key(name);
    answer.number(value);
}

void add_instance(const Library& library, Device instance, unsigned index, Answer& answer) {
    answer.open('{');
    add_number("index", index, answer);
    add_number("gpu_instance", library.gpu_instance(instance), answer);
    add_number("compute_instance", library.compute_instance(instance), answer);
    add_uuid(library, instance, answer);
    Library::Text model{};
    library.model(instance, model);
    // The name ends with the profile and its attributes: "... MIG 1g.24gb+gfx".
    answer.key("graphics");
    answer.boolean(as_text(model).find("+gfx") != std::string_view::npos);
    answer.close('}');
}

void add_instances(const Library& library, Device gpu, Answer& answer) {
    const bool mig = library.is_in_mig_mode(gpu);
    answer.key("mig");
    answer.boolean(mig);
    answer.key("instances");
    answer.open('[');
    const unsigned most = mig ? std::min(library.most_instances(gpu), kMostInstances) : 0;
    for (unsigned index = 0; index < most; ++index) {
        if (Device instance = library.instance(gpu, index); instance != nullptr)
            add_instance(library, instance, index, answer);
    }
    answer.close(']');
}

void add_gpu(const Library& library, unsigned index, Answer& answer) {
    Device gpu = library.gpu(index);
    const PciInfo pci = library.pci_info(gpu);
    Library::Text model{};
    library.model(gpu, model);
    answer.open('{');
    add_number("index", index, answer);
    add_number("minor", library.minor_number(gpu), answer);
    add_uuid(library, gpu, answer);
    answer.key("address");
    answer.text(until_zero(pci.bus_id.data(), pci.bus_id.size()));
    answer.key("model");
    answer.text(as_text(model));
    add_instances(library, gpu, answer);
    answer.close('}');
}

void add_all(const Library& library, Answer& answer) {
    Library::Text version{};
    library.driver_version(version);
    const unsigned count = library.gpu_count();
    if (count > kMostGpus) fail("NVML", "it says that there are more than 256 GPUs");
    answer.open('{');
    add_number("schema", 1, answer);
    answer.key("driver_version");
    answer.text(as_text(version));
    answer.key("gpus");
    answer.open('[');
    for (unsigned index = 0; index < count; ++index) add_gpu(library, index, answer);
    answer.close(']');
    answer.close('}');
}

bool say(int descriptor, std::string_view text) {
    return write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view word = argc == 2 ? argv[1] : "";
    if (word == "--help" || word == "-h") return say(STDOUT_FILENO, kHelp) ? 0 : 1;
    if (word.empty() || word.front() == '-') {
        static_cast<void>(say(STDERR_FILENO, kHelp));
        return 2;
    }
    static Answer answer;
    const Library library{argv[1]};
    add_all(library, answer);
    if (!answer.is_whole()) fail("NVML", "it says more than this program takes");
    return answer.write() ? 0 : 1;
}
