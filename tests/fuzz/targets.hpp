#pragma once

#include <string_view>
#include <vector>

namespace overdrive {

/// A reader of bytes from outside, to be given any bytes at all.
///
/// It may refuse them with an Error and nothing else; what it accepts must keep its promises (a name stays inside its
/// directory, a value comes back as it was written). A broken promise aborts the process.
struct FuzzTarget {
    const char* name;  ///< also the folder of its corpus
    void (*run)(std::string_view bytes);
};

[[nodiscard]] const std::vector<FuzzTarget>& fuzz_targets();

/// The target that unpacks its bytes as a layer's tar stream below a temporary directory.
void fuzz_tar_layer(std::string_view bytes);
/// The target that walks its bytes as the headers of a tar stream, whole and in pieces.
void fuzz_tar_walk(std::string_view bytes);
/// The target that undoes the compression of its bytes: zstd and gzip.
void fuzz_compressed(std::string_view bytes);

/// The target that reads its bytes as a delta from its first byte to its last.
void fuzz_delta(std::string_view bytes);

/// The target that reads its bytes as a WWW-Authenticate field and as the answer of a token service.
void fuzz_challenge(std::string_view bytes);
/// The target that reads its bytes as Retry-After, Content-Range, Range, ETag and Link.
void fuzz_http_fields(std::string_view bytes);
/// The targets that read what a host says about registries, and the name of an image.
void fuzz_image_reference(std::string_view bytes);
void fuzz_auth_file(std::string_view bytes);
void fuzz_registries_conf(std::string_view bytes);

/// The targets that read what a kernel and its modules say: the end of a signed module, a module's description and
/// symbol versions, the symbols of an artifact, /proc/keys, dpkg's status, the list of supported GPUs.
void fuzz_module_signature(std::string_view bytes);
void fuzz_module_file(std::string_view bytes);
void fuzz_kernel_symbols(std::string_view bytes);
void fuzz_key_list(std::string_view bytes);
void fuzz_dpkg_status(std::string_view bytes);
void fuzz_supported_gpus(std::string_view bytes);

/// The targets that read what the hook program is told of a container, and what the container's image holds: the state
/// and config.json, the linker's configuration, a compatibility library's ELF note.
void fuzz_container_state(std::string_view bytes);
void fuzz_linker_config(std::string_view bytes);
void fuzz_cuda_library(std::string_view bytes);
/// The target that reads its bytes as a CDI specification, and what is accepted again from what is written.
void fuzz_cdi_spec(std::string_view bytes);
/// The target that reads its bytes as what overdrive-nvml printed.
void fuzz_nvml_answer(std::string_view bytes);
/// The target that reads its bytes as a shared object, as a linker cache and as numbers of MIG capabilities.
void fuzz_driver_library(std::string_view bytes);

/// Aborts with `promise` unless it was kept.
void require_promise(bool kept, const char* promise);

}  // namespace overdrive
