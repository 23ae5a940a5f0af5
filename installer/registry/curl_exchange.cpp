#include "registry/curl_exchange.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "registry/field_scanner.hpp"
#include "support/error.hpp"
#include "support/interruption.hpp"

namespace overdrive {

namespace {

constexpr int kMostHeaderLines = 256;
constexpr std::size_t kMostHeaderBytes = 256U << 10U;
/// What is kept of the body of an answer that is no success, for the message.
constexpr std::size_t kMostErrorBody = 64U << 10U;

}  // namespace

void CurlExchange::attach() {
    set_option(handle_, CURLOPT_HEADERFUNCTION, &CurlExchange::on_header);
    set_option(handle_, CURLOPT_HEADERDATA, this);
    set_option(handle_, CURLOPT_WRITEFUNCTION, &CurlExchange::on_body);
    set_option(handle_, CURLOPT_WRITEDATA, this);
    set_option(handle_, CURLOPT_READFUNCTION, &CurlExchange::on_send);
    set_option(handle_, CURLOPT_READDATA, this);
    set_option(handle_, CURLOPT_XFERINFOFUNCTION, &CurlExchange::on_tick);
    set_option(handle_, CURLOPT_XFERINFODATA, this);
    set_option(handle_, CURLOPT_NOPROGRESS, 0L);
}

std::size_t CurlExchange::on_header(char* data, std::size_t /*one*/, std::size_t size, void* self) noexcept {
    auto& exchange = *static_cast<CurlExchange*>(self);
    return exchange.guarded([&] { exchange.take_header({data, size}); }) ? size : 0;
}

std::size_t CurlExchange::on_body(char* data, std::size_t /*one*/, std::size_t size, void* self) noexcept {
    auto& exchange = *static_cast<CurlExchange*>(self);
    return exchange.guarded([&] { exchange.take_body({data, size}); }) && !exchange.had_enough_ ? size : 0;
}

std::size_t CurlExchange::on_send(char* buffer, std::size_t one, std::size_t size, void* self) noexcept {
    auto& exchange = *static_cast<CurlExchange*>(self);
    std::size_t given = CURL_READFUNC_ABORT;
    static_cast<void>(exchange.guarded([&] {
        if (!exchange.request_.body) return;
        const std::string_view piece = exchange.request_.body->next(one * size);
        exchange.sent_ += piece.size();
        const std::uint64_t announced = exchange.request_.body->size;
        if (exchange.sent_ > announced || (piece.empty() && exchange.sent_ < announced)) {
            throw Error{Errc::io, fmt::format("the body to send has not the {} bytes that were announced", announced)};
        }
        std::memcpy(buffer, piece.data(), piece.size());
        given = piece.size();
    }));
    return given;
}

int CurlExchange::on_tick(void* self, curl_off_t /*total*/, curl_off_t /*now*/, curl_off_t /*to_send*/,
                          curl_off_t /*sent*/) noexcept {
    auto& exchange = *static_cast<CurlExchange*>(self);
    return exchange.guarded([&] {
        stop_if_interrupted();
        if (exchange.sink_ && exchange.succeeded()) exchange.sink_({});
    })
               ? 0
               : 1;
}

bool CurlExchange::succeeded() {
    if (response_.status == 0) {
        curl_easy_getinfo(handle_, CURLINFO_RESPONSE_CODE, &response_.status);  // NOLINT(*-vararg)
    }
    return response_.status >= 200 && response_.status < 300;
}

void CurlExchange::take_header(std::string_view line) {
    if (line.starts_with("HTTP/")) {  // also after 100 Continue
        response_.headers.clear();
        response_.status = 0;
        return;
    }
    if (trimmed(line).empty() && succeeded()) return tell_head();
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return;
    header_bytes_ += line.size();
    if (++header_lines_ > kMostHeaderLines || header_bytes_ > kMostHeaderBytes) {
        throw Error{Errc::unreachable, fmt::format("more than {} header lines or {} bytes of them came",
                                                   kMostHeaderLines, kMostHeaderBytes)};
    }
    const std::string_view value = trimmed(line.substr(colon + 1));
    const auto [place, is_new] =
        response_.headers.try_emplace(lower_case(trimmed(line.substr(0, colon))), std::string{value});
    if (!is_new) place->second += fmt::format(", {}", value);
}

void CurlExchange::tell_head() {
    if (told_head_ || !request_.on_head) return;
    told_head_ = true;
    request_.on_head(response_);
}

void CurlExchange::take_body(std::string_view bytes) {
    if (!succeeded()) {
        const std::size_t room = kMostErrorBody - response_.body.size();
        response_.body.append(bytes.substr(0, room));
        had_enough_ = bytes.size() >= room;
        return;
    }
    received_ += bytes.size();
    if (request_.most_bytes == 0) {  // not wanted
        had_enough_ = received_ > kMostErrorBody;
        return;
    }
    if (received_ > request_.most_bytes) {
        throw Error{Errc::bad_manifest,
                    fmt::format("the answer is larger than the {} bytes that are allowed", request_.most_bytes)};
    }
    if (sink_)
        sink_(bytes);
    else
        response_.body.append(bytes);
}

void refuse_option(CURLoption option, CURLcode code) {
    throw Error{Errc::unsupported,
                fmt::format("libcurl refuses option {}: {}", static_cast<int>(option), curl_easy_strerror(code))};
}

}  // namespace overdrive
