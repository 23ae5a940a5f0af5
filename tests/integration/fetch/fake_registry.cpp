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
constexpr int kTick = 50;  // ms between looks at stopping_

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

}  // namespace

FakeRegistry::FakeRegistry() : listener_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);  // NOLINT(*-reinterpret-cast): the socket interface
    if (::bind(listener_.get(), generic, size) != 0 || ::listen(listener_.get(), 16) != 0 ||
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

std::vector<std::string> FakeRegistry::requests() const {
    const std::lock_guard lock{mutex_};
    return requests_;
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
        set(base + "blobs/sha256:" + blob.path().filename().string(), {.headers = {}, .body = read_file(blob.path())});
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
            if (!answer_one(client.get(), input.substr(0, end))) return;
            input.erase(0, end + 4);
            continue;
        }
        pollfd wait{client.get(), POLLIN, 0};
        if (::poll(&wait, 1, kTick) <= 0) continue;
        std::array<char, 4096> buffer{};
        const ssize_t got = ::recv(client.get(), buffer.data(), buffer.size(), 0);
        if (got <= 0) return;
        input.append(buffer.data(), static_cast<std::size_t>(got));
    }
}

bool FakeRegistry::answer_one(int client, const std::string& head) {
    Answer answer{.status = 404, .headers = {}, .body = R"({"errors":[{"code":"MANIFEST_UNKNOWN"}]})"};
    {
        const std::lock_guard lock{mutex_};
        requests_.push_back(head);
        const std::size_t from = head.find(' ') + 1;
        const auto found = answers_.find(head.substr(from, head.find(' ', from) - from));
        if (found != answers_.end()) answer = found->second;
    }
    const auto stall = [&] {
        while (!stopping_) std::this_thread::sleep_for(std::chrono::milliseconds{kTick});
        return false;
    };
    if (answer.hang_up) return false;
    if (answer.stall_before_headers) return stall();
    std::string out = "HTTP/1.1 " + std::to_string(answer.status) + " Answer\r\n";
    for (const auto& [name, value] : answer.headers) out += name + ": " + value + "\r\n";
    if (answer.announce_length && !answer.endless)
        out += "Content-Length: " + std::to_string(answer.body.size()) + "\r\n";
    out += "\r\n";
    if (!send_all(client, out)) return false;
    while (answer.endless && !stopping_) {
        if (!send_all(client, answer.body)) return false;
    }
    if (answer.stall_in_body) {
        if (!send_all(client, std::string_view{answer.body}.substr(0, answer.body.size() / 2))) return false;
        return stall();
    }
    if (answer.cut_after) {
        send_all(client, std::string_view{answer.body}.substr(0, *answer.cut_after));
        return false;
    }
    return send_all(client, answer.body) && answer.announce_length;
}

}  // namespace overdrive
