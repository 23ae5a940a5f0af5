#include <fcntl.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "archive/layer_reader.hpp"
#include "fuzz/targets.hpp"
#include "support/error.hpp"
#include "support/temporary_root.hpp"
#include "support/unique_fd.hpp"

namespace overdrive {

namespace {

constexpr std::size_t kBlock = 4096;

void unpack(std::string_view bytes, int staging) {
    const UnpackRules rules{.prefix = "driver/",
                            .most_bytes = 1U << 20U,
                            .most_members = 50,
                            .most_top_file = 64U << 10U,
                            .expected = nullptr};
    std::string_view rest = bytes;
    LayerReader reader{[&] {
                           const std::string_view block = rest.substr(0, kBlock);
                           rest.remove_prefix(block.size());
                           return block;
                       },
                       staging, rules};
    reader.run();
    const auto written = reader.take_written();
    require_promise(written.size() <= rules.most_members, "members are counted");
    for (const UnpackedFile& file : written) {
        require_promise(is_plain_relative_path(file.path), "what is written has a plain path");
        require_promise(file.mode == 0644 || file.mode == 0755 || !file.link_target.empty(), "modes are 0644 or 0755");
    }
}

}  // namespace

void fuzz_tar_layer(std::string_view bytes) {
    const TemporaryRoot outer;
    outer.root().make_directories("/staging");
    const UniqueFd staging = outer.root().open("/staging", O_RDONLY | O_DIRECTORY);
    try {
        unpack(bytes, staging.get());
    } catch (const Error& error) {
        require_promise(*error.what() != '\0', "a refusal says why");
    }
    require_promise(outer.root().list("/") == std::vector<std::string>{"staging"}, "nothing is written beside staging");
    for (const auto& entry : std::filesystem::recursive_directory_iterator{outer.path()}) {
        if (!entry.is_symlink()) continue;
        const auto target =
            (entry.path().parent_path() / std::filesystem::read_symlink(entry.path())).lexically_normal();
        require_promise(target.string().starts_with(outer.path() + "/staging"), "a link stays inside");
    }
}

}  // namespace overdrive
