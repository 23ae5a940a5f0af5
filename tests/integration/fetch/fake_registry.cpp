#include "integration/fetch/fake_registry.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

namespace overdrive {

namespace {

namespace fs = std::filesystem;
constexpr int kTick = 5;  // ms between looks at stopping_

std::string read_file(const fs::path& path) {
    std::ostringstream out;
    out << std::ifstream{path, std::ios::binary}.rdbuf();
    return out.str();
}

bool send_all(int client, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(client, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

void reset_on_close(int client) {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

std::string path_of(const std::string& head) {
    const std::size_t from = head.find(' ') + 1;
    return head.substr(from, head.find(' ', from) - from);
}

/// The number behind `name` in a request's head; nullopt when it is not there.
std::optional<std::size_t> number_after(const std::string& head, const std::string& name) {
    const std::size_t at = head.find(name);
    if (at == std::string::npos) return std::nullopt;
    return std::stoul(head.substr(at + name.size()));
}

/// What is left of the body from the asked byte on, as a registry gives it.
void take_range(FakeRegistry::Answer& answer, const std::string& head) {
    const auto from = number_after(head, "Range: bytes=");
    if (!answer.has_ranges || answer.status != 200 || !from) return;
    const std::string size = std::to_string(answer.body.size());
    if (*from >= answer.body.size()) {
        answer.status = 416;
        answer.headers["Content-Range"] = "bytes */" + size;
        answer.body.clear();
        return;
    }
    answer.status = 206;
    answer.headers.try_emplace(
        "Content-Range", "bytes " + std::to_string(*from) + "-" + std::to_string(answer.body.size() - 1) + "/" + size);
    answer.body.erase(0, *from);
}

}  // namespace

FakeRegistry::FakeRegistry() : listener_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);  // NOLINT(*-reinterpret-cast): the socket interface
    if (::bind(listener_.get(), generic, size) != 0 || ::listen(listener_.get(), 1024) != 0 ||
        ::getsockname(listener_.get(), generic, &size) != 0) {
        throw std::runtime_error{"FakeRegistry cannot listen"};
    }
    port_ = ntohs(address.sin_port);
    acceptor_ = std::jthread{[this] { accept_loop(); }};
}

FakeRegistry::~FakeRegistry() {
    stopping_ = true;
    acceptor_.join();
    clients_.clear();
}

void FakeRegistry::set(const std::string& path, Answer answer) {
    const std::lock_guard lock{mutex_};
    answers_[path] = std::move(answer);
}

void FakeRegistry::change(const std::string& path, const std::function<void(Answer&)>& body) {
    const std::lock_guard lock{mutex_};
    body(answers_.at(path));
}

void FakeRegistry::behave(const std::string& path, Behaviour behaviour) {
    const std::lock_guard lock{mutex_};
    behaviours_[path] = std::move(behaviour);
    asked_[path] = 0;
}

void FakeRegistry::behave_everywhere(Behaviour behaviour) {
    const std::lock_guard lock{mutex_};
    everywhere_ = std::move(behaviour);
    asked_.clear();
}

std::vector<std::string> FakeRegistry::requests() const {
    const std::lock_guard lock{mutex_};
    return requests_;
}

std::vector<std::string> FakeRegistry::requests(const std::string& path) const {
    std::vector<std::string> out;
    for (const std::string& head : requests()) {
        if (path_of(head) == path) out.push_back(head);
    }
    return out;
}

std::vector<std::string> FakeRegistry::bodies() const {
    const std::lock_guard lock{mutex_};
    return bodies_;
}

void FakeRegistry::forget_requests() {
    const std::lock_guard lock{mutex_};
    requests_.clear();
    bodies_.clear();
    asked_.clear();
}

void FakeRegistry::serve_layout(const std::string& directory, const std::string& name) {
    const std::string base = "/v2/" + name + "/";
    const auto manifest = [&](const std::string& reference, const nlohmann::json& descriptor) {
        const std::string digest = descriptor.at("digest");
        set(base + "manifests/" + reference,
            {.headers = {{"Content-Type", descriptor.at("mediaType")}, {"Docker-Content-Digest", digest}},
             .body = read_file(fs::path{directory} / "blobs/sha256" / digest.substr(7))});
    };
    const auto top = nlohmann::json::parse(read_file(fs::path{directory} / "index.json"));
    for (const auto& tagged : top.at("manifests")) {
        manifest(tagged.at("annotations").at("org.opencontainers.image.ref.name"), tagged);
        const auto index = nlohmann::json::parse(
            read_file(fs::path{directory} / "blobs/sha256" / tagged.at("digest").get<std::string>().substr(7)));
        for (const auto& entry : index.at("manifests")) manifest(entry.at("digest"), entry);
    }
    for (const auto& blob : fs::directory_iterator{fs::path{directory} / "blobs/sha256"}) {
        set(base + "blobs/sha256:" + blob.path().filename().string(),
            {.headers = {}, .body = read_file(blob.path()), .has_ranges = true});
    }
}

void FakeRegistry::accept_loop() {
    while (!stopping_) {
        pollfd wait{listener_.get(), POLLIN, 0};
        if (::poll(&wait, 1, kTick) <= 0) continue;
        UniqueFd client{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
        if (!client) continue;
        ++connections_;
        clients_.emplace_back([this, taken = std::move(client)]() mutable { serve(std::move(taken)); });
    }
}

void FakeRegistry::serve(UniqueFd client) {
    std::string input;
    while (!stopping_) {
        const std::size_t end = input.find("\r\n\r\n");
        if (end != std::string::npos) {
            const std::string head = input.substr(0, end);
            const std::size_t length = number_after(head, "Content-Length: ").value_or(0);
            if (input.size() >= end + 4 + length) {
                const std::string body = input.substr(end + 4, length);
                if (!answer_one(client.get(), head, body)) return;
                input.erase(0, end + 4 + length);
                continue;
            }
        }
        pollfd wait{client.get(), POLLIN, 0};
        if (::poll(&wait, 1, kTick) <= 0) continue;
        std::array<char, 4096> buffer{};
        const ssize_t got = ::recv(client.get(), buffer.data(), buffer.size(), 0);
        if (got <= 0) return;
        input.append(buffer.data(), static_cast<std::size_t>(got));
        constexpr char kTlsHandshake = 0x16;
        if (input.front() == kTlsHandshake) {  // as every server without TLS
            send_all(client.get(), "HTTP/1.1 400 Bad Request\r\n\r\n");
            return;
        }
    }
}

FakeRegistry::Answer FakeRegistry::choose(const std::string& head, const std::string& body) {
    Answer answer{.status = 404, .headers = {}, .body = R"({"errors":[{"code":"MANIFEST_UNKNOWN"}]})"};
    const std::lock_guard lock{mutex_};
    requests_.push_back(head);
    if (!body.empty()) bodies_.push_back(body);
    std::string path = path_of(head);
    if (!answers_.contains(path)) path = path.substr(0, path.find('?'));
    if (const auto found = answers_.find(path); found != answers_.end()) answer = found->second;
    const int nth = ++asked_[path];
    if (everywhere_) everywhere_(answer, nth, head);
    if (const auto found = behaviours_.find(path); found != behaviours_.end()) found->second(answer, nth, head);
    take_range(answer, head);
    return answer;
}

bool FakeRegistry::answer_one(int client, const std::string& head, const std::string& body) {
    const Answer answer = choose(head, body);
    if (answer.resets) reset_on_close(client);
    if (answer.hang_up) return false;
    while (answer.stall_before_headers && !stopping_) std::this_thread::sleep_for(std::chrono::milliseconds{kTick});
    const bool has_length = answer.announce_length && !answer.endless && !answer.chunked;
    std::string out = (answer.http_1_0 ? "HTTP/1.0 " : "HTTP/1.1 ") + std::to_string(answer.status) + " Answer\r\n";
    for (const auto& [name, value] : answer.headers) out += name + ": " + value + "\r\n";
    if (has_length) out += "Content-Length: " + std::to_string(answer.body.size()) + "\r\n";
    if (answer.chunked) out += "Transfer-Encoding: chunked\r\n";
    if (!send_all(client, out + "\r\n")) return false;
    if (head.starts_with("HEAD ")) return has_length;
    return send_body(client, answer) && (has_length || answer.chunked) && !answer.http_1_0;
}

bool FakeRegistry::send_body(int client, const Answer& answer) const {
    const std::string_view body = answer.body;
    while (answer.endless && !stopping_) {
        if (!send_all(client, body)) return false;
    }
    if (answer.stall_in_body) {
        if (!send_all(client, body.substr(0, 500))) return false;
        while (!stopping_) std::this_thread::sleep_for(std::chrono::milliseconds{kTick});
        return false;
    }
    for (std::size_t at = 0; answer.drips && at < body.size() && !stopping_; ++at) {
        if (!send_all(client, body.substr(at, 1))) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds{100});
    }
    if (answer.drips) return true;
    if (answer.cut_after) {
        send_all(client, body.substr(0, *answer.cut_after));
        if (answer.resets) std::this_thread::sleep_for(std::chrono::milliseconds{kTick});  // RST throws away what waits
        return false;
    }
    if (!answer.chunked) return send_all(client, body);
    constexpr std::size_t kChunk = 1000;
    for (std::size_t at = 0; at < body.size(); at += kChunk) {
        const std::string_view piece = body.substr(at, kChunk);
        std::ostringstream size;
        size << std::hex << piece.size() << "\r\n";
        if (!send_all(client, size.str()) || !send_all(client, piece) || !send_all(client, "\r\n")) return false;
    }
    return send_all(client, "0\r\n\r\n");
}

}  // namespace overdrive
