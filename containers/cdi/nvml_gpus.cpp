#include "cdi/nvml_gpus.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "support/error.hpp"

namespace overdrive {

namespace {

using nlohmann::json;

/// As much as `overdrive-nvml` prints, and more than any host's.
constexpr std::size_t kMostAnswer = 300U << 10U;
constexpr std::size_t kMostText = 96;
constexpr std::size_t kMostReason = 1024;
constexpr std::uint64_t kMostNumber = 1U << 20U;
/// NVML initialises every GPU that nobody uses: seconds each without nvidia-persistenced.
constexpr std::chrono::milliseconds kPatience{60'000};

[[noreturn]] void refuse(const std::string& what) {
    throw Error{Errc::unsupported, fmt::format("NVML: overdrive-nvml gave an answer that is none: {}", what)};
}

const json& member(const json& object, const char* name) {
    const auto found = object.find(name);
    if (found == object.end()) refuse(fmt::format("'{}' is missing", name));
    return *found;
}

const json& objects_in(const json& object, const char* name) {
    const json& list = member(object, name);
    const bool good =
        list.is_array() && std::all_of(list.begin(), list.end(), [](const json& each) { return each.is_object(); });
    if (!good) refuse(fmt::format("'{}' is no list of objects", name));
    return list;
}

std::string text_of(const json& object, const char* name, std::size_t most = kMostText) {
    const json& value = member(object, name);
    if (!value.is_string()) refuse(fmt::format("'{}' is no text", name));
    const auto& text = value.get_ref<const std::string&>();
    const auto is_plain = [](char byte) { return byte >= ' ' && byte <= '~'; };
    if (text.size() > most || !std::all_of(text.begin(), text.end(), is_plain))
        refuse(fmt::format("'{}' has characters that it cannot have", name));
    return text;
}

unsigned number_of(const json& object, const char* name) {
    const json& value = member(object, name);
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > kMostNumber)
        refuse(fmt::format("'{}' is no number that it can be", name));
    return value.get<unsigned>();
}

bool flag_of(const json& object, const char* name) {
    const json& value = member(object, name);
    if (!value.is_boolean()) refuse(fmt::format("'{}' is neither true nor false", name));
    return value.get<bool>();
}

MigInstance instance_of(const json& object) {
    MigInstance instance;
    instance.index = number_of(object, "index");
    instance.gpu_instance = number_of(object, "gpu_instance");
    instance.compute_instance = number_of(object, "compute_instance");
    instance.uuid = text_of(object, "uuid");
    instance.graphics = flag_of(object, "graphics");
    return instance;
}

GpuDevice gpu_of(const json& object) {
    GpuDevice gpu;
    gpu.index = number_of(object, "index");
    gpu.minor_number = number_of(object, "minor");
    gpu.uuid = text_of(object, "uuid");
    gpu.address = sysfs_address(text_of(object, "address"));
    gpu.model = text_of(object, "model");
    gpu.mig = flag_of(object, "mig");
    for (const json& instance : objects_in(object, "instances")) gpu.instances.push_back(instance_of(instance));
    return gpu;
}

/// @throws Error unsupported: it cannot be started, which a program of the C library's is not everywhere
ProcessResult run_helper(ProcessRunner& processes, const ProcessRequest& request) {
    try {
        return processes.run(request);
    } catch (const Error& error) {
        if (error.code() != Errc::io) throw;
        std::error_code ignored;
        const std::string& helper = request.arguments.front();
        const bool there = std::filesystem::exists(helper, ignored);
        throw Error{
            Errc::unsupported,
            there ? fmt::format("NVML cannot be asked on this host: '{}' needs glibc, as NVML does", helper)
                  : fmt::format("NVML cannot be asked: '{}', which comes with the program, is not there", helper)};
    }
}

}  // namespace

NvmlAsker ask_nvml_by(ProcessRunner& processes, std::string helper) {
    return [&processes, helper = std::move(helper)](const std::string& library) {
        // An environment of its own: NVML starts nvidia-modprobe by PATH, and the loader would heed LD_* of the caller.
        const ProcessRequest request{.arguments = {helper, library},
                                     .environment = {{"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"}, {"LC_ALL", "C"}},
                                     .timeout = kPatience,
                                     .errors_apart = true,
                                     .most_output = kMostAnswer};
        const ProcessResult done = run_helper(processes, request);
        if (done.timed_out) {
            throw Error{Errc::unsupported, fmt::format("NVML gave no answer in {} seconds", kPatience.count() / 1000)};
        }
        if (done.exit_code > 1) {
            throw Error{Errc::unsupported,
                        fmt::format("NVML cannot be asked: '{}' ended with status {}", helper, done.exit_code)};
        }
        return parse_nvml_answer(done.output);
    };
}

GpuInventory parse_nvml_answer(std::string_view text) {
    const json answer = json::parse(text, nullptr, false);
    if (!answer.is_object()) refuse("it is no JSON object");
    if (answer.contains("error")) throw Error{Errc::unsupported, text_of(answer, "error", kMostReason)};
    if (number_of(answer, "schema") != 1) refuse("its schema is not 1");
    GpuInventory inventory{{}, text_of(answer, "driver_version"), "NVML"};
    for (const json& gpu : objects_in(answer, "gpus")) inventory.gpus.push_back(gpu_of(gpu));
    return inventory;
}

}  // namespace overdrive
