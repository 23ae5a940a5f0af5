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
        std::optional<std::size_t> cut_after{};  ///< of the body; then the connection is closed
        bool announce_length = true;             ///< else the end of the connection is the end of the body
        bool endless = false;                    ///< the body again and again
        bool stall_before_headers = false;
        bool stall_in_body = false;  ///< after half of it
        bool hang_up = false;        ///< no answer at all
    };

    FakeRegistry();
    FakeRegistry(const FakeRegistry&) = delete;
    FakeRegistry& operator=(const FakeRegistry&) = delete;
    ~FakeRegistry();

    [[nodiscard]] int port() const noexcept { return port_; }
    [[nodiscard]] std::string host() const { return "127.0.0.1:" + std::to_string(port_); }

    /// What a GET of `path` is answered with; 404 where nothing was set.
    void set(const std::string& path, Answer answer);
    void change(const std::string& path, const std::function<void(Answer&)>& body);
    /// Serves an OCI layout directory as the repository `name`: manifests by tag and digest, blobs.
    void serve_layout(const std::string& directory, const std::string& name);

    /// The request heads, in order.
    [[nodiscard]] std::vector<std::string> requests() const;
    [[nodiscard]] int connections() const noexcept { return connections_; }

private:
    void accept_loop();
    void serve(UniqueFd client);
    [[nodiscard]] bool answer_one(int client, const std::string& head);

    UniqueFd listener_;
    int port_ = 0;
    mutable std::mutex mutex_;
    std::map<std::string, Answer> answers_;
    std::vector<std::string> requests_;
    std::atomic<int> connections_{0};
    std::atomic<bool> stopping_{false};
    std::vector<std::jthread> clients_;
    std::jthread acceptor_;
};

}  // namespace overdrive
