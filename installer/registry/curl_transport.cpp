#include "registry/curl_transport.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <mutex>
#include <new>

#include "registry/curl_exchange.hpp"
#include "registry/curl_failure.hpp"
#include "registry/field_scanner.hpp"
#include "registry/source_name.hpp"
#include "registry/tls_check.hpp"
#include "registry/url_parts.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

using HeaderList = std::unique_ptr<curl_slist, ReleaseWith<curl_slist_free_all>>;

constexpr int kMostRedirects = 5;
constexpr long kReceiveBuffer = 256L << 10U;
constexpr long kSlowest = 1024;             // bytes a second
constexpr long kHappyEyeballs = 250;        // ms that IPv6 gets before IPv4 is tried as well, RFC 8305
constexpr long kPatienceWithUploads = 300;  // s
constexpr std::array<const char*, 5> kCaFiles{"/etc/ssl/certs/ca-certificates.crt",  // Debian, Ubuntu, Flatcar
                                              "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  // Fedora
                                              "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
                                              "/etc/ssl/cert.pem"};

UrlParts require_url(const std::string& url) {
    auto parts = parse_url(url);
    if (!parts) throw Error{Errc::bad_reference, fmt::format("'{}' is not a URL", shown_url(url))};
    return std::move(*parts);
}

/// Whether two URLs are of the same server, so that what one is told may be told the other.
bool same_server(const std::string& a, const std::string& b) {
    const UrlParts one = require_url(a);
    const UrlParts other = require_url(b);
    return one.scheme == other.scheme && one.host == other.host && one.port == other.port;
}

bool is_redirect(long status) {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

bool is_redirected(const HttpRequest& request) { return request.method == "GET" || request.method == "HEAD"; }

void require_readable(const std::string& file, std::string_view what) {
    errno = 0;
    std::ifstream stream{file, std::ios::binary};
    if (stream.good() && stream.peek() != std::ifstream::traits_type::eof()) return;
    const int error = errno;
    throw Error::from_errno(Errc::config, error != 0 ? error : ENODATA, fmt::format("{} '{}'", what, file));
}

HeaderList make_headers(const HttpRequest& request, bool to_first_host) {
    HeaderList list;
    const auto add = [&](const std::string& line) {
        curl_slist* longer = curl_slist_append(list.get(), line.c_str());
        if (longer == nullptr) throw std::bad_alloc{};
        static_cast<void>(list.release());
        list.reset(longer);
    };
    add("Accept-Encoding: identity");
    add("Expect:");
    for (const std::string& line : request.headers) {
        if (!to_first_host && lower_case(line).starts_with("authorization:")) continue;
        add(line);
    }
    return list;
}

void set_tls(CURL* handle, const CurlSettings& settings, const TlsFiles& files) {
    set_option(handle, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    set_option(handle, CURLOPT_SSL_VERIFYPEER, 1L);
    set_option(handle, CURLOPT_SSL_VERIFYHOST, 2L);
    set_option(handle, CURLOPT_PROXY_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    set_option(handle, CURLOPT_PROXY_SSL_VERIFYPEER, 1L);
    set_option(handle, CURLOPT_PROXY_SSL_VERIFYHOST, 2L);
    // TlsCheck adds authorities of one host to the store, which must not be another host's as well.
    set_option(handle, CURLOPT_CA_CACHE_TIMEOUT, 0L);
    if (!settings.ca_file.empty()) {
        set_option(handle, CURLOPT_CAINFO, settings.ca_file.c_str());
        set_option(handle, CURLOPT_PROXY_CAINFO, settings.ca_file.c_str());
    }
    for (const std::string& file : files.authorities) require_readable(file, "certificate authority");
    if (files.client_certificate.empty()) return;
    require_readable(files.client_certificate, "client certificate");
    require_readable(files.client_key, "key of the client certificate");
    set_option(handle, CURLOPT_SSLCERT, files.client_certificate.c_str());
    set_option(handle, CURLOPT_SSLKEY, files.client_key.c_str());
    set_option(handle, CURLOPT_KEYPASSWD, "");  // else OpenSSL asks the terminal for one
}

void set_proxy(CURL* handle, const CurlSettings& settings, const std::string& url) {
    set_option(handle, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    if (is_loopback(require_url(url).host)) {
        set_option(handle, CURLOPT_NOPROXY, "*");
    } else if (!settings.proxy.empty()) {
        set_option(handle, CURLOPT_PROXY, settings.proxy.c_str());
        set_option(handle, CURLOPT_NOPROXY, settings.no_proxy.c_str());
    }
}

void set_method(CURL* handle, const HttpRequest& request) {
    if (request.method == "HEAD" || (request.method == "GET" && request.most_bytes == 0)) {
        set_option(handle, CURLOPT_NOBODY, 1L);
        return;
    }
    if (request.method == "GET") return;
    set_option(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    if (request.method == "DELETE") return;
    // Without a body too: a length of 0 is then announced, which some registries insist on.
    set_option(handle, CURLOPT_UPLOAD, 1L);
    set_option(handle, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request.body ? request.body->size : 0));
}

void configure(CURL* handle, const CurlSettings& settings, const HttpRequest& request, const std::string& url,
               const curl_slist* headers) {
    set_option(handle, CURLOPT_URL, url.c_str());
    set_option(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    set_option(handle, CURLOPT_HTTPHEADER, headers);
    set_option(handle, CURLOPT_USERAGENT, settings.user_agent.c_str());
    set_option(handle, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
    set_option(handle, CURLOPT_FOLLOWLOCATION, 0L);  // by hand, under our own rules
    set_option(handle, CURLOPT_CONNECTTIMEOUT, static_cast<long>(settings.connect_timeout.count()));
    set_option(handle, CURLOPT_HAPPY_EYEBALLS_TIMEOUT_MS, kHappyEyeballs);
    const auto stall = static_cast<long>(settings.stall_timeout.count());
    set_option(handle, CURLOPT_LOW_SPEED_LIMIT, kSlowest);
    set_option(handle, CURLOPT_LOW_SPEED_TIME, request.body ? std::max(stall, kPatienceWithUploads) : stall);
    set_option(handle, CURLOPT_NOSIGNAL, 1L);
    // Refused while libcurl 7.88 still has the buffer of a request that ended before it had a connection.
    static_cast<void>(curl_easy_setopt(handle, CURLOPT_BUFFERSIZE, kReceiveBuffer));  // NOLINT(*-vararg)
    set_option(handle, CURLOPT_HTTP_CONTENT_DECODING, 0L);
    set_option(handle, CURLOPT_TCP_KEEPALIVE, 1L);
    set_method(handle, request);
}

CURLcode attach_tls_check(CURL* /*handle*/, void* context, void* check) noexcept {
    static_cast<TlsCheck*>(check)->attach(static_cast<SSL_CTX*>(context));
    return CURLE_OK;
}

}  // namespace

std::optional<std::string> find_ca_file(const Root& root) {
    for (const char* path : kCaFiles) {
        if (root.exists(path)) return root.host_path(path);
    }
    return std::nullopt;
}

CurlTransport::CurlTransport(CurlSettings settings)
    : settings_{std::move(settings)}, tls_check_{std::make_unique<TlsCheck>()} {
    static std::once_flag once;
    std::call_once(once, [] {
        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
            throw Error{Errc::unsupported, "libcurl cannot be initialised"};
        }
    });
    handle_.reset(curl_easy_init());
    if (!handle_) throw std::bad_alloc{};
}

CurlTransport::~CurlTransport() = default;

HttpResponse CurlTransport::perform(const HttpRequest& request, const Sink& sink) {
    const UrlParts first = require_url(request.url);
    if (first.scheme != "https" && !(first.scheme == "http" && may_speak_plainly(request, request.url))) {
        throw Error{Errc::unreachable,
                    fmt::format("'{}' is refused: plain http is spoken only to loopback addresses and to registries "
                                "that the configuration lists under [registry] insecure",
                                shown_url(request.url))};
    }
    std::string url = request.url;
    for (int redirects = 0;; ++redirects) {
        HttpResponse response = exchange_once(request, url, sink);
        if (redirects > 0) response.url = url;
        if (!is_redirect(response.status) || !is_redirected(request)) return response;
        const std::string target = redirect_target(url);
        response.refused_redirect = redirects == kMostRedirects
                                        ? fmt::format("it redirects more than {} times", kMostRedirects)
                                        : why_not_follow(request, url, target);
        if (!response.refused_redirect.empty()) return response;
        url = target;
    }
}

bool CurlTransport::may_speak_plainly(const HttpRequest& request, const std::string& url) const {
    const std::string authority = require_url(url).authority();
    if (allows_plain_http(authority, settings_.insecure_registries)) return true;
    return request.plain_http && same_server(url, request.url);
}

HttpResponse CurlTransport::exchange_once(const HttpRequest& request, const std::string& url, const Sink& sink) {
    CURL* handle = handle_.get();
    std::array<char, CURL_ERROR_SIZE> detail{};
    const bool to_first_host = same_server(url, request.url);
    const TlsFiles tls = to_first_host ? request.tls : TlsFiles{};
    const HeaderList headers = make_headers(request, to_first_host);
    CurlExchange exchange{handle, request, sink};
    curl_easy_reset(handle);  // connections stay
    configure(handle, settings_, request, url, headers.get());
    set_tls(handle, settings_, tls);
    set_proxy(handle, settings_, url);
    tls_check_->prepare(tls.authorities, settings_.earliest_time);
    set_option(handle, CURLOPT_SSL_CTX_FUNCTION, &attach_tls_check);
    set_option(handle, CURLOPT_SSL_CTX_DATA, tls_check_.get());
    exchange.attach();
    set_option(handle, CURLOPT_ERRORBUFFER, detail.data());
    const CURLcode code = curl_easy_perform(handle);
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &exchange.response().status);  // NOLINT(*-vararg)
    static_cast<void>(curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, nullptr));       // NOLINT(*-vararg)
    if (exchange.failure()) std::rethrow_exception(exchange.failure());
    if (code != CURLE_OK && !exchange.had_enough()) {
        throw describe_failure({.code = code,
                                .words = detail.data(),
                                .complaint = tls_check_->complaint(),
                                .host = require_url(url).authority(),
                                .stall_timeout = settings_.stall_timeout,
                                .is_https = url.starts_with("https://")},
                               exchange, tls);
    }
    return std::move(exchange.response());
}

std::string CurlTransport::redirect_target(const std::string& from) const {
    const char* target = nullptr;
    curl_easy_getinfo(handle_.get(), CURLINFO_REDIRECT_URL, &target);  // NOLINT(*-vararg)
    // Numbers that are an address come out as the address.
    return target == nullptr ? std::string{} : resolve_url(from, target).value_or(target);
}

std::string CurlTransport::why_not_follow(const HttpRequest& request, const std::string& from,
                                          const std::string& to) const {
    if (to.empty()) return "it answers with a redirect to nowhere";
    const auto there = parse_url(to);
    const UrlParts here = require_url(from);
    const bool is_allowed_scheme =
        there && (there->scheme == "https" ||
                  (there->scheme == "http" && here.scheme == "http" && may_speak_plainly(request, to)));
    std::string why;
    if (!is_allowed_scheme) {
        why = "only https may be redirected to, or plain http where it is allowed";
    } else if (is_link_address(there->host) || (is_local_address(there->host) && !is_local_address(here.host))) {
        why = "it is an address of this machine or of its link";
    } else {
        return {};
    }
    return fmt::format("it redirects to '{}', which is refused: {}", shown_url(to), why);
}

}  // namespace overdrive
