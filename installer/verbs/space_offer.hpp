#pragma once

#include <string>
#include <utility>

#include "store/store.hpp"
#include "verbs/services.hpp"

namespace overdrive {

/// What an operator whose disk is full can do, with what `prune --keep 1` would free now.
[[nodiscard]] std::string space_remedy(const Services& services, const Store& store);

/// Runs `body`; an Error no_space that leaves it says what prune would free.
template <typename Body>
decltype(auto) offering_prune(const Services& services, const Store& store, Body&& body) {
    try {
        return std::forward<Body>(body)();
    } catch (Error& error) {
        if (error.code() != Errc::no_space) throw;
        throw Error{std::move(error)}.with_remedy(space_remedy(services, store));
    }
}

}  // namespace overdrive
