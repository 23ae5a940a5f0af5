#include "builder-images/artifact/cli/place_opener.hpp"

namespace overdrive {

void add_place_options(CLI::App* verb, const std::shared_ptr<PlaceOptions>& options) {
    verb->add_option("--insecure", options->insecure,
                     "registry (HOST[:PORT]) that plain http may be spoken to, besides those of this machine; may be "
                     "given several times")
        ->type_name("HOST")
        ->allow_extra_args(false);
}

void add_upload_options(CLI::App* verb, const std::shared_ptr<PlaceOptions>& options) {
    add_place_options(verb, options);
    verb->add_option("--piece-size", options->piece_mebibytes,
                     "MiB that are uploaded, and held in memory, at a time; blobs up to this size go in one piece")
        ->capture_default_str()
        ->check(CLI::Range(1, 1024));
}

}  // namespace overdrive
