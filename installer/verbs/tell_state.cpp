#include "verbs/tell_state.hpp"

#include "verbs/operator_validations.hpp"
#include "verbs/runtime_files.hpp"

namespace overdrive {

namespace {

bool driver_is_loaded(const LocalState& local) {
    return !local.facts.gpus.empty() && local.facts.driver_version.has_value();
}

void mark(const Root& root, const char* file, bool there) {
    if (there) {
        root.write_file(file, "");
    } else {
        root.remove(file);
    }
}

}  // namespace

bool runtime_state_tells(const Root& root, const LocalState& local, const DriverState& state) {
    const auto told = read_told_state(root, kStatusFile);
    return told && told->boot_id == local.facts.boot_id && !told->failure &&
           root.exists(kDevicePresentFile) == driver_is_loaded(local) && root.exists(kReadyFile) == state.usable();
}

void forget_failure(const Root& root) noexcept {
    try {
        root.remove(kStatusFile);
    } catch (const std::exception&) {  // the file is written anew after this
    }
}

void write_runtime_state(const Services& services, const Config& config, const LocalState& local,
                         const DriverState& state, const std::optional<Error>& failure) {
    ToldState told{.state = std::string{to_string(state.word)},
                   .because = std::string{to_string(state.because)},
                   .why = state.why,
                   .driver = {},
                   .os_key = {},
                   .kernel_release = local.facts.kernel_release,
                   .boot_id = local.facts.boot_id,
                   .failure = {},
                   .reason = {},
                   .updated_at = services.clock.wall()};
    if (local.current) {
        told.driver = local.current->driver.text();
        told.os_key = local.current->os_key;
    }
    if (failure) {
        told.failure = failure->what();
        told.reason = reason_code(failure->code());
    }
    services.root.make_directories(kRunDirectory);
    services.root.write_file(kStatusFile, told.to_json());
    mark(services.root, kDevicePresentFile, driver_is_loaded(local));
    mark(services.root, kReadyFile, state.usable());
    tell_operator(services.root, config.operator_validations, driver_is_loaded(local) && state.usable());
}

}  // namespace overdrive
