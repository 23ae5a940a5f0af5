#include "registry/curl_transport.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <exception>
#include <mutex>
#include <new>

#include "registry/source_name.hpp"
#include "support/error.hpp"
#include "support/interruption.hpp"

namespace overdrive {

namespace {

using HeaderList = std::unique_ptr<curl_slist, ReleaseWith<curl_slist_free_all>>;
using Url = std::unique_ptr<CURLU, ReleaseWith<curl_url_cleanup>>;
using CurlText = std::unique_ptr<char, ReleaseWith<curl_free>>;

constexpr int kMostRedirects = 5;
constexpr std::size_t kMostHeaders = 256;
/// What is kept of the body of an answer that is no success, for the message.
constexpr std::size_t kMostErrorBody = 64U << 10U;
constexpr long kReceiveBuffer = 256L << 10U;
constexpr long kSlowest = 1024;                                                      // bytes a second
constexpr std::array<const char*, 5> kCaFiles{"/etc/ssl/certs/ca-certificates.crt",  // Debian, Ubuntu, Flatcar
                                              "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  // Fedora
                                              "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
                                              "/etc/ssl/cert.pem"};

struct Place {
    std::string scheme;
    std::string host;  ///< with its port when the URL has one
};

std::string part_of(CURLU* url, CURLUPart part) {
    char* raw = nullptr;
    if (curl_url_get(url, part, &raw, 0) != CURLUE_OK) return {};
    const CurlText text{raw};
    return text.get();
}

Place place_of(const std::string& url) {
    const Url parsed{curl_url()};
    if (!parsed) throw std::bad_alloc{};
    if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) {
        throw Error{Errc::bad_reference, fmt::format("'{}' is not a URL", url.substr(0, 300))};
    }
    std::string host = part_of(parsed.get(), CURLUPART_HOST);
    const std::string port = part_of(parsed.get(), CURLUPART_PORT);
    if (!port.empty()) host += ":" + port;
    return {part_of(parsed.get(), CURLUPART_SCHEME), host};
}

std::string lower(std::string_view text) {
    std::string out{text};
    std::transform(out.begin(), out.end(), out.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

std::string_view trim(std::string_view text) {
    constexpr std::string_view kBlanks = " \t\r\n";
    const std::size_t first = text.find_first_not_of(kBlanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

/// One request on its way; the object that the C callbacks get.
class Exchange {
public:
    Exchange(CURL* handle, const HttpRequest& request, const HttpTransport::Sink& sink)
        : handle_{handle}, request_{request}, sink_{sink} {}

    [[nodiscard]] HttpResponse& response() noexcept { return response_; }
    [[nodiscard]] const HttpResponse& response() const noexcept { return response_; }
    [[nodiscard]] const std::exception_ptr& failure() const noexcept { return failure_; }
    [[nodiscard]] std::uint64_t received() const noexcept { return received_; }
    /// Whether the transfer was ended by us because what we need of it is there.
    [[nodiscard]] bool had_enough() const noexcept { return had_enough_; }

    static std::size_t on_header(char* data, std::size_t /*one*/, std::size_t size, void* self) noexcept {
        auto& exchange = *static_cast<Exchange*>(self);
        return exchange.guarded([&] { exchange.take_header({data, size}); }) ? size : 0;
    }
    static std::size_t on_body(char* data, std::size_t /*one*/, std::size_t size, void* self) noexcept {
        auto& exchange = *static_cast<Exchange*>(self);
        return exchange.guarded([&] { exchange.take_body({data, size}); }) && !exchange.had_enough_ ? size : 0;
    }
    static int on_tick(void* self, curl_off_t /*total*/, curl_off_t /*now*/, curl_off_t /*to_send*/,
                       curl_off_t /*sent*/) noexcept {
        auto& exchange = *static_cast<Exchange*>(self);
        return exchange.guarded([&] {
            stop_if_interrupted();
            if (exchange.sink_ && exchange.succeeded()) exchange.sink_({});
        })
                   ? 0
                   : 1;
    }

private:
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

    [[nodiscard]] bool succeeded() {
        if (response_.status == 0) curl_easy_getinfo(handle_, CURLINFO_RESPONSE_CODE, &response_.status);
        return response_.status >= 200 && response_.status < 300;
    }

    void take_header(std::string_view line) {
        if (line.starts_with("HTTP/")) {  // also after 100 Continue
            response_.headers.clear();
            response_.status = 0;
            return;
        }
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos) return;
        if (response_.headers.size() >= kMostHeaders) {
            throw Error{Errc::unreachable, fmt::format("more than {} header lines came", kMostHeaders)};
        }
        response_.headers[lower(trim(line.substr(0, colon)))] = std::string{trim(line.substr(colon + 1))};
    }

    void take_body(std::string_view bytes) {
        if (!succeeded()) {
            const std::size_t room = kMostErrorBody - response_.body.size();
            response_.body.append(bytes.substr(0, room));
            had_enough_ = bytes.size() >= room;
            return;
        }
        received_ += bytes.size();
        if (received_ > request_.most_bytes) {
            throw Error{Errc::unreachable,
                        fmt::format("the answer is larger than the {} bytes that are allowed", request_.most_bytes)};
        }
        if (sink_)
            sink_(bytes);
        else
            response_.body.append(bytes);
    }

    CURL* handle_;
    const HttpRequest& request_;
    const HttpTransport::Sink& sink_;
    HttpResponse response_;
    std::exception_ptr failure_;
    std::uint64_t received_ = 0;
    bool had_enough_ = false;
};

// The C interface of libcurl is variadic; every option goes through here, so that one cannot be lost silently.
template <typename Value>
void set(CURL* handle, CURLoption option, Value value) {
    const CURLcode code = curl_easy_setopt(handle, option, value);  // NOLINT(*-vararg)
    if (code != CURLE_OK) {
        throw Error{Errc::unsupported,
                    fmt::format("libcurl refuses option {}: {}", static_cast<int>(option), curl_easy_strerror(code))};
    }
}

HeaderList make_headers(const HttpRequest& request, bool with_authorization) {
    HeaderList list;
    const auto add = [&](const std::string& line) {
        curl_slist* longer = curl_slist_append(list.get(), line.c_str());
        if (longer == nullptr) throw std::bad_alloc{};
        static_cast<void>(list.release());
        list.reset(longer);
    };
    add("Accept-Encoding: identity");
    for (const std::string& line : request.headers) {
        if (!with_authorization && lower(line).starts_with("authorization:")) continue;
        add(line);
    }
    return list;
}

void configure(CURL* handle, const CurlSettings& settings, const HttpRequest& request, const std::string& url,
               const curl_slist* headers) {
    curl_easy_reset(handle);  // connections stay
    set(handle, CURLOPT_URL, url.c_str());
    set(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    set(handle, CURLOPT_HTTPHEADER, headers);
    set(handle, CURLOPT_USERAGENT, settings.user_agent.c_str());
    set(handle, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
    set(handle, CURLOPT_FOLLOWLOCATION, 0L);  // by hand, under our own rules
    set(handle, CURLOPT_SSL_VERIFYPEER, 1L);
    set(handle, CURLOPT_SSL_VERIFYHOST, 2L);
    if (!settings.ca_file.empty()) set(handle, CURLOPT_CAINFO, settings.ca_file.c_str());
    set(handle, CURLOPT_CONNECTTIMEOUT, static_cast<long>(settings.connect_timeout.count()));
    set(handle, CURLOPT_LOW_SPEED_LIMIT, kSlowest);
    set(handle, CURLOPT_LOW_SPEED_TIME, static_cast<long>(settings.stall_timeout.count()));
    set(handle, CURLOPT_NOSIGNAL, 1L);
    set(handle, CURLOPT_BUFFERSIZE, kReceiveBuffer);
    set(handle, CURLOPT_HTTP_CONTENT_DECODING, 0L);
    set(handle, CURLOPT_TCP_KEEPALIVE, 1L);
    if (is_loopback(place_of(url).host)) set(handle, CURLOPT_NOPROXY, "*");
    if (request.method == "HEAD" || request.most_bytes == 0) set(handle, CURLOPT_NOBODY, 1L);
}

void attach(CURL* handle, Exchange& exchange) {
    set(handle, CURLOPT_HEADERFUNCTION, &Exchange::on_header);
    set(handle, CURLOPT_HEADERDATA, &exchange);
    set(handle, CURLOPT_WRITEFUNCTION, &Exchange::on_body);
    set(handle, CURLOPT_WRITEDATA, &exchange);
    set(handle, CURLOPT_XFERINFOFUNCTION, &Exchange::on_tick);
    set(handle, CURLOPT_XFERINFODATA, &exchange);
    set(handle, CURLOPT_NOPROGRESS, 0L);
}

/// The words and reason of a failed transfer.
Error describe(CURLcode code, const Exchange& exchange, const CurlSettings& settings, const char* detail) {
    const std::string words = *detail != '\0' ? detail : curl_easy_strerror(code);
    const bool broke_off =
        code == CURLE_PARTIAL_FILE ||
        (exchange.received() > 0 && (code == CURLE_RECV_ERROR || code == CURLE_HTTP2 || code == CURLE_HTTP2_STREAM));
    if (broke_off) {
        return {Errc::truncated, fmt::format("the transfer broke off after {} bytes: {}", exchange.received(), words)};
    }
    if (code == CURLE_OPERATION_TIMEDOUT && exchange.response().status != 0) {
        return {Errc::unreachable,
                fmt::format("the transfer stalled for {} s: {}", settings.stall_timeout.count(), words)};
    }
    return {Errc::unreachable, words};
}

/// The next place of a redirect. @throws Error unreachable when it may not be followed
std::string redirect_target(CURL* handle, const std::string& from, const CurlSettings& settings) {
    const char* target = nullptr;
    curl_easy_getinfo(handle, CURLINFO_REDIRECT_URL, &target);  // NOLINT(*-vararg)
    if (target == nullptr) throw Error{Errc::unreachable, "it answers with a redirect to nowhere"};
    std::string to = target;
    const Place there = place_of(to);
    const bool allowed = there.scheme == "https" || (there.scheme == "http" && place_of(from).scheme == "http" &&
                                                     allows_plain_http(there.host, settings.insecure_registries));
    if (!allowed) {
        throw Error{Errc::unreachable, fmt::format("it redirects to '{}', which is refused: only https may be "
                                                   "redirected to, or plain http where it is allowed",
                                                   to.substr(0, 300))};
    }
    return to;
}

bool is_redirect(long status) {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

HttpResponse exchange_once(CURL* handle, const CurlSettings& settings, const HttpRequest& request,
                           const std::string& url, bool with_authorization, const HttpTransport::Sink& sink) {
    std::array<char, CURL_ERROR_SIZE> detail{};
    const HeaderList headers = make_headers(request, with_authorization);
    Exchange exchange{handle, request, sink};
    configure(handle, settings, request, url, headers.get());
    attach(handle, exchange);
    set(handle, CURLOPT_ERRORBUFFER, detail.data());
    const CURLcode code = curl_easy_perform(handle);
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &exchange.response().status);  // NOLINT(*-vararg)
    static_cast<void>(curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, nullptr));       // NOLINT(*-vararg)
    if (exchange.failure()) std::rethrow_exception(exchange.failure());
    if (code != CURLE_OK && !exchange.had_enough()) throw describe(code, exchange, settings, detail.data());
    return std::move(exchange.response());
}

void require_plain_http_allowed(const std::string& url, const CurlSettings& settings) {
    const Place place = place_of(url);
    if (place.scheme == "https") return;
    if (place.scheme == "http" && allows_plain_http(place.host, settings.insecure_registries)) return;
    throw Error{Errc::unreachable,
                fmt::format("'{}' is refused: plain http is spoken only to loopback addresses and to registries that "
                            "the configuration lists under [registry] insecure",
                            url.substr(0, 300))};
}

}  // namespace

std::optional<std::string> find_ca_file(const Root& root) {
    for (const char* path : kCaFiles) {
        if (root.exists(path)) return root.host_path(path);
    }
    return std::nullopt;
}

CurlTransport::CurlTransport(CurlSettings settings) : settings_{std::move(settings)} {
    static std::once_flag once;
    std::call_once(once, [] {
        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
            throw Error{Errc::unsupported, "libcurl cannot be initialised"};
        }
    });
    handle_.reset(curl_easy_init());
    if (!handle_) throw std::bad_alloc{};
}

HttpResponse CurlTransport::perform(const HttpRequest& request, const Sink& sink) {
    require_plain_http_allowed(request.url, settings_);
    const std::string first_host = place_of(request.url).host;
    std::string url = request.url;
    for (int redirects = 0; redirects <= kMostRedirects; ++redirects) {
        const bool with_authorization = place_of(url).host == first_host;
        HttpResponse response = exchange_once(handle_.get(), settings_, request, url, with_authorization, sink);
        if (!is_redirect(response.status)) return response;
        url = redirect_target(handle_.get(), url, settings_);
    }
    throw Error{Errc::unreachable, fmt::format("it redirects more than {} times", kMostRedirects)};
}

}  // namespace overdrive
