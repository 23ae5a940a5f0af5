#include "verbs/previous_driver.hpp"

namespace overdrive {

std::optional<Pair> previous_driver(const Record& record, const std::optional<Pair>& from,
                                    const std::function<bool(const Pair&)>& fits) {
    for (auto event = record.history.rbegin(); event != record.history.rend(); ++event) {
        if (event->outcome == "activated" && event->pair && event->pair != from && fits(*event->pair))
            return event->pair;
    }
    return std::nullopt;
}

}  // namespace overdrive
