#include "verbs/tell_state.hpp"

#include "model/json_reader.hpp"
#include "verbs/runtime_files.hpp"

namespace overdrive {

namespace {

using nlohmann::ordered_json;

constexpr int kStatusSchema = 1;

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

std::optional<ActivationNote> read_activation_note(const Root& root) {
    const auto text = root.read_file(kStatusFile, 1U << 20U);
    if (!text) return std::nullopt;
    try {
        const JsonReader reader = JsonReader::parse(*text, kStatusFile, Errc::bad_record);
        reader.require_reader(kStatusSchema);
        return ActivationNote{reader.string("boot_id"), reader.optional_string("failure")};
    } catch (const Error&) {
        return std::nullopt;  // a note from another program version tells nothing; the facts are looked at anyway
    }
}

bool runtime_state_tells(const Root& root, const LocalState& local, const DriverState& state) {
    const auto note = read_activation_note(root);
    return note && note->boot_id == local.facts.boot_id && !note->failure &&
           root.exists(kDevicePresentFile) == driver_is_loaded(local) && root.exists(kReadyFile) == state.usable();
}

void forget_failure(const Root& root) noexcept {
    try {
        root.remove(kStatusFile);
    } catch (const std::exception&) {  // the file is written anew after this
    }
}

void write_runtime_state(const Services& services, const LocalState& local, const DriverState& state,
                         const std::optional<std::string>& failure) {
    services.root.make_directories(kRunDirectory);
    const ordered_json json{
        {"schema", kStatusSchema},
        {"min_reader", 1},
        {"state", to_string(state.word)},
        {"because", to_string(state.because)},
        {"why", state.why},
        {"driver", local.current ? ordered_json(local.current->driver.text()) : ordered_json(nullptr)},
        {"os_key", local.current ? ordered_json(local.current->os_key) : ordered_json(nullptr)},
        {"kernel_release", local.facts.kernel_release},
        {"boot_id", local.facts.boot_id},
        {"failure", failure ? ordered_json(*failure) : ordered_json(nullptr)},
        {"updated_at", services.clock.wall().count()}};
    services.root.write_file(kStatusFile, json.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n");
    mark(services.root, kDevicePresentFile, driver_is_loaded(local));
    mark(services.root, kReadyFile, state.usable());
}

}  // namespace overdrive
