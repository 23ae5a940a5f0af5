#pragma once

#include <curl/curl.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <string_view>

#include "ports/http_transport.hpp"

namespace overdrive {

/// One request on its way: the object that libcurl's callbacks get. What one of them throws is kept and ends the
/// transfer.
class CurlExchange {
public:
    /// All three must outlive the exchange.
    CurlExchange(CURL* handle, const HttpRequest& request, const HttpTransport::Sink& sink)
        : handle_{handle}, request_{request}, sink_{sink} {}

    /// Gives the callbacks to the handle.
    void attach();

    [[nodiscard]] HttpResponse& response() noexcept { return response_; }
    [[nodiscard]] const HttpResponse& response() const noexcept { return response_; }
    [[nodiscard]] const std::exception_ptr& failure() const noexcept { return failure_; }
    /// Bytes of the answer's body so far.
    [[nodiscard]] std::uint64_t received() const noexcept { return received_; }
    /// Whether the transfer was ended by us because what we need of it is there.
    [[nodiscard]] bool had_enough() const noexcept { return had_enough_; }

private:
    static std::size_t on_header(char* data, std::size_t one, std::size_t size, void* self) noexcept;
    static std::size_t on_body(char* data, std::size_t one, std::size_t size, void* self) noexcept;
    static std::size_t on_send(char* buffer, std::size_t one, std::size_t size, void* self) noexcept;
    static int on_tick(void* self, curl_off_t total, curl_off_t now, curl_off_t to_send, curl_off_t sent) noexcept;

    template <typename Body>
    bool guarded(Body body) noexcept {
        try {
            body();
            return true;
        } catch (...) {
            failure_ = std::current_exception();
            return false;
        }
    }
    [[nodiscard]] bool succeeded();
    void take_header(std::string_view line);
    void tell_head();
    void take_body(std::string_view bytes);

    CURL* handle_;
    const HttpRequest& request_;
    const HttpTransport::Sink& sink_;
    HttpResponse response_;
    std::exception_ptr failure_;
    std::uint64_t received_ = 0;
    std::uint64_t sent_ = 0;
    std::size_t header_bytes_ = 0;
    int header_lines_ = 0;
    bool had_enough_ = false;
    bool told_head_ = false;
};

/// Sets one option of a handle. libcurl's interface is variadic; every option goes through here, so that none can be
/// lost silently. @throws Error unsupported
template <typename Value>
void set_option(CURL* handle, CURLoption option, Value value);
[[noreturn]] void refuse_option(CURLoption option, CURLcode code);

template <typename Value>
void set_option(CURL* handle, CURLoption option, Value value) {
    const CURLcode code = curl_easy_setopt(handle, option, value);  // NOLINT(*-vararg)
    if (code != CURLE_OK) refuse_option(option, code);
}

}  // namespace overdrive
