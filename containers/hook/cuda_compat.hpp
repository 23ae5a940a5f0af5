#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace overdrive {

class ContainerRoot;

/// What decides whether the image's CUDA compatibility libraries are better than the host's driver. Empty: not known.
struct CudaHost {
    std::string driver_version;
    std::string cuda_version;
};

/// What the image's libcuda says of itself in its ELF note `.note.cuda.fwd_compatibility`.
struct CudaCompatNote {
    std::string cuda_version;
    std::vector<int> driver_branches;  ///< major versions of the host drivers that it works with
};

/// Reads the note's JSON. @throws Error config when it is malformed
[[nodiscard]] CudaCompatNote parse_cuda_compat_note(std::string_view json);

/// The rule of the reference tool 1.20: a note with both driver versions known allows the host's branch and is used
/// when it is newer; with only the CUDA versions known the newer wins; without a note the driver of the higher branch
/// wins.
/// @param compat_version  the suffix of the image's libcuda.so
[[nodiscard]] bool use_cuda_compat(const std::optional<CudaCompatNote>& note, std::string_view compat_version,
                                   const CudaHost& host);

/// The folder of the image that must be searched first; nullopt when the host's driver serves better or as well, or
/// there is none. `warn` is told of what the image has wrong.
/// @param folder  where the image's compatibility libraries are
[[nodiscard]] std::optional<std::string> cuda_compat_folder(const ContainerRoot& root, std::string_view folder,
                                                            const CudaHost& host,
                                                            const std::function<void(const std::string&)>& warn);

/// Makes the linker's configuration name that folder before all others. Takes effect with the next update of the cache.
void enable_cuda_compat(const ContainerRoot& root, std::string_view folder, const CudaHost& host,
                        const std::function<void(const std::string&)>& warn);

}  // namespace overdrive
