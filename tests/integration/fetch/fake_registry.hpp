#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "support/unique_fd.hpp"

namespace overdrive {

/// An HTTP/1.1 server on 127.0.0.1 that answers as a registry would, or as a bad one would.
class FakeRegistry {
public:
    struct Answer {
        int status = 200;
        std::map<std::string, std::string> headers{};
        std::string body{};
        std::optional<std::size_t> cut_after{};  ///< bytes that are sent of the body; then the connection is closed
        bool announce_length = true;             ///< else the end of the connection is the end of the body
        bool chunked = false;
        bool http_1_0 = false;
        bool endless = false;  ///< the body again and again
        bool stall_before_headers = false;
        bool stall_in_body = false;  ///< after its first 500 bytes
        bool drips = false;          ///< a byte every 100 ms
        bool hang_up = false;        ///< no answer at all
        bool resets = false;         ///< hangs up and cuts are told by RST
        bool has_ranges = false;     ///< answers `Range: bytes=N-` with what is left
    };
    /// What is to be done to the nth (1, 2 ...) answer for a path, before a range is taken out of it.
    using Behaviour = std::function<void(Answer& answer, int nth, const std::string& head)>;

    FakeRegistry();
    FakeRegistry(const FakeRegistry&) = delete;
    FakeRegistry& operator=(const FakeRegistry&) = delete;
    ~FakeRegistry();

    [[nodiscard]] int port() const noexcept { return port_; }
    [[nodiscard]] std::string host() const { return "127.0.0.1:" + std::to_string(port_); }

    /// What a request for `path` is answered with; 404 where nothing was set. A path with a query is found without it
    /// too.
    void set(const std::string& path, Answer answer);
    void change(const std::string& path, const std::function<void(Answer&)>& body);
    void behave(const std::string& path, Behaviour behaviour);
    /// For every request. Called from several threads, one at a time.
    void behave_everywhere(Behaviour behaviour);
    /// Serves an OCI layout directory as the repository `name`: manifests by tag and digest, blobs with ranges.
    void serve_layout(const std::string& directory, const std::string& name);

    /// The request heads, in order.
    [[nodiscard]] std::vector<std::string> requests() const;
    /// Those for one path.
    [[nodiscard]] std::vector<std::string> requests(const std::string& path) const;
    /// The bodies that came with requests, in order.
    [[nodiscard]] std::vector<std::string> bodies() const;
    void forget_requests();
    [[nodiscard]] int connections() const noexcept { return connections_; }

private:
    void accept_loop();
    void serve(UniqueFd client);
    [[nodiscard]] Answer choose(const std::string& head, const std::string& body);
    [[nodiscard]] bool answer_one(int client, const std::string& head, const std::string& body);
    [[nodiscard]] bool send_body(int client, const Answer& answer) const;

    UniqueFd listener_;
    int port_ = 0;
    mutable std::mutex mutex_;
    std::map<std::string, Answer> answers_;
    std::map<std::string, Behaviour> behaviours_;
    Behaviour everywhere_;
    std::map<std::string, int> asked_;
    std::vector<std::string> requests_;
    std::vector<std::string> bodies_;
    std::atomic<int> connections_{0};
    std::atomic<bool> stopping_{false};
    std::vector<std::jthread> clients_;
    std::jthread acceptor_;
};

}  // namespace overdrive
