#include <algorithm>
#include <string>

#include "cdi/elf_soname.hpp"
#include "cdi/fit_version.hpp"
#include "cdi/library_cache.hpp"
#include "cdi/nvml_gpus.hpp"
#include "cdi/proc_gpus.hpp"
#include "cdi/read_spec.hpp"
#include "cdi/transform.hpp"
#include "cdi/validate.hpp"
#include "cdi/write_spec.hpp"
#include "fuzz/targets.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

CdiSpec read(std::string_view bytes) { return read_cdi_spec(bytes, "specification"); }

void check_accepted(const CdiSpec& spec) {
    require_promise(read(to_yaml(spec)) == spec, "a specification comes back from YAML as it was written");
    require_promise(read(to_json(spec)) == spec, "a specification comes back from JSON as it was written");
    for (const std::string& fault : faults_of(spec)) require_promise(!fault.empty(), "a fault is told");
    static_cast<void>(remarks_on(spec));
    CdiSpec sorted = spec;
    add_merged_device(sorted, "all");
    sort_spec(sorted);
    try {
        const FittedSpec fitted = fit_cdi_version(spec, {0, 5, 0});
        require_promise(minimum_cdi_version(fitted.spec) <= CdiVersion{0, 5, 0}, "what was fitted fits");
    } catch (const Error& error) {
        require_promise(error.code() == Errc::unsupported, "what cannot be fitted is unsupported");
    }
}

}  // namespace

void fuzz_cdi_spec(std::string_view bytes) {
    try {
        check_accepted(read(bytes));
    } catch (const Error& error) {
        require_promise(error.code() == Errc::bad_manifest && *error.what() != '\0', "a refusal says why");
    }
}

void fuzz_nvml_answer(std::string_view bytes) {
    try {
        const GpuInventory inventory = parse_nvml_answer(bytes);
        const auto is_plain = [](const std::string& text) {
            return text.size() <= 96 && std::all_of(text.begin(), text.end(), [](char byte) { return byte >= ' '; });
        };
        require_promise(inventory.driver_version && is_plain(*inventory.driver_version), "a version is a plain text");
        for (const GpuDevice& gpu : inventory.gpus) {
            require_promise(is_plain(gpu.uuid) && is_plain(gpu.address), "a GPU's names are plain texts");
            for (const MigInstance& instance : gpu.instances)
                require_promise(is_plain(instance.uuid), "an instance's name is a plain text");
        }
    } catch (const Error& error) {
        require_promise(error.code() == Errc::unsupported, "a refusal is that NVML cannot be asked");
    }
}

void fuzz_driver_library(std::string_view bytes) {
    static_cast<void>(soname_in([&](std::uint64_t offset, std::size_t size) {
        return offset > bytes.size() ? std::string{} : std::string{bytes.substr(offset, size)};
    }));
    for (const std::string& path : libraries_in_cache(bytes))
        require_promise(path.starts_with('/'), "a library in a cache has an absolute path");
    static_cast<void>(parse_mig_minors(bytes));
}

}  // namespace overdrive
