// What a container runtime says, and what an image holds, as the hook program reads them.

#include <sys/mman.h>

#include <cstdlib>

#include "fuzz/targets.hpp"
#include "hook/confinement.hpp"
#include "hook/container_root.hpp"
#include "hook/cuda_compat.hpp"
#include "hook/driver_params.hpp"
#include "hook/elf_file.hpp"
#include "hook/linker_config.hpp"
#include "hook/musl_path.hpp"
#include "hook/oci_state.hpp"
#include "support/error.hpp"
#include "support/root.hpp"

namespace overdrive {

void fuzz_container_state(std::string_view bytes) {
    try {
        const ContainerState state = parse_state(bytes);
        require_promise(state.bundle.starts_with('/'), "a bundle is an absolute path");
        const std::string root =
            container_root_path(state, [] { return std::string{R"({"root": {"path": "rootfs"}})"}; });
        require_promise(root.starts_with('/') && root.find('\0') == std::string::npos, "a root is an absolute path");
    } catch (const Error& error) {
        require_promise(error.code() == Errc::config, "a state that cannot be read is refused as such");
    }
    try {
        require_promise(!parse_root_path(bytes).empty(), "a config names a root");
    } catch (const Error& error) {
        require_promise(error.code() == Errc::config, "a config that cannot be read is refused as such");
    }
    for (const std::string& place : proc_mounts(bytes))
        require_promise(place.size() <= bytes.size(), "a place is named in the list");
}

void fuzz_linker_config(std::string_view bytes) {
    for (const std::string& directory : parse_linker_config(bytes).directories)
        require_promise(!directory.empty() && directory.find('\n') == std::string::npos, "a directory is on one line");
    const std::string present{bytes};
    const std::string text = musl_path_text(&present, {"/usr/local/nvidia/lib64"});
    require_promise(text.starts_with("/usr/local/nvidia/lib64\n"), "the driver's folder comes first");
    require_promise(musl_path_text(&text, {"/usr/local/nvidia/lib64"}) == text, "a second run changes nothing");
    if (const auto params = params_without_device_files(bytes))
        require_promise(!params_without_device_files(*params), "parameters are changed once");
    try {
        const std::string path = checked_path(bytes, "it");
        require_promise(path.starts_with('/') && (path + "/").find("/../") == std::string::npos,
                        "a path does not climb");
        require_promise(checked_path(path, "it") == path, "a checked path stays as it is");
    } catch (const Error& error) {
        require_promise(error.code() == Errc::usage, "a bad path is a wrong argument");
    }
}

void fuzz_cuda_library(std::string_view bytes) {
    const UniqueFd file{memfd_create("libcuda.so", MFD_CLOEXEC)};
    if (file.get() < 0) std::abort();
    write_all(file.get(), bytes, "memory");
    static_cast<void>(is_static_program(file.get()));
    const auto text = elf_note(file.get(), ".note.cuda.fwd_compatibility", "NVIDIA Corporation");
    require_promise(!text || text->size() <= bytes.size(), "a note lies in its file");
    try {
        const CudaCompatNote note = parse_cuda_compat_note(text ? *text : bytes);
        const bool used = use_cuda_compat(note, "575.57.08", {"575.57.08", ""});
        require_promise(!used, "the host's own version is never replaced by the same one");
    } catch (const Error& error) {
        require_promise(error.code() == Errc::config, "a damaged note is refused as such");
    }
}

}  // namespace overdrive
