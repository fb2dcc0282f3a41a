// An HTTP endpoint that misbehaves as a test wants: each request goes to a function that says what happens.
//
// Plain sockets, one thread a connection, on a free port of 127.0.0.1.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "af2/core/json.h"

namespace af2::test {

struct StandInReply {
  int status = 200;
  std::string body;
  std::string headers = "";     // whole lines
  double delay_s = 0;           // before the reply
  std::size_t cut_after = ~0u;  // bytes of the body that are sent
  bool hang_up = false;         // no reply at all
};

class StandIn {
 public:
  struct Request {
    std::string head, body;
    int number = 0;  // from 0, in order of arrival
    Json json() const { return Json::parse(body); }
    // What the user's message says last.
    std::string prompt() const {
      const Json messages = json()["messages"];
      return messages.back()["content"].get<std::string>();
    }
  };
  using Handler = std::function<StandInReply(const Request&)>;

  explicit StandIn(Handler handler) : handler_(std::move(handler)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (listener_ < 0 || ::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::listen(listener_, 64) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
      throw std::runtime_error("no socket for the stand-in");
    port_ = ntohs(address.sin_port);
    accepting_ = std::thread([this] { accept_all(); });
  }
  ~StandIn() {
    ::shutdown(listener_, SHUT_RDWR);
    ::close(listener_);
    accepting_.join();
    for (auto& thread : threads_) thread.join();
  }
  StandIn(const StandIn&) = delete;
  StandIn& operator=(const StandIn&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/v1"; }
  int port() const { return port_; }
  int requests() const { return number_; }
  int most_at_once() const { return most_; }
  std::vector<Request> seen() const {
    const std::lock_guard lock(mutex_);
    return seen_;
  }

  // A chat completion whose message is `content`.
  static StandInReply says(const std::string& content, int in = 100, int out = 20) {
    return {200, Json{{"choices", {{{"message", {{"role", "assistant"}, {"content", content}}}}}},
                      {"usage", {{"prompt_tokens", in}, {"completion_tokens", out}}}}
                     .dump()};
  }

 private:
  void accept_all() {
    for (;;) {
      const int peer = ::accept(listener_, nullptr, nullptr);
      if (peer < 0) return;
      threads_.emplace_back([this, peer] { serve(peer); });
    }
  }
  void serve(int peer) {
    std::string text;
    std::size_t head = std::string::npos, length = 0;
    char buffer[4096];
    while (head == std::string::npos || text.size() < head + 4 + length) {
      const ssize_t n = ::recv(peer, buffer, sizeof buffer, 0);
      if (n <= 0) break;
      text.append(buffer, static_cast<std::size_t>(n));
      if (head == std::string::npos && (head = text.find("\r\n\r\n")) != std::string::npos) {
        const std::size_t at = text.find("Content-Length: ");
        if (at != std::string::npos) length = std::stoul(text.substr(at + 16));
      }
    }
    if (head != std::string::npos) {
      Request request{text.substr(0, head), text.substr(head + 4), number_++};
      const int now = ++running_;
      int most = most_;
      while (now > most && !most_.compare_exchange_weak(most, now)) {
      }
      {
        const std::lock_guard lock(mutex_);
        seen_.push_back(request);
      }
      const StandInReply reply = handler_(request);
      if (reply.delay_s > 0) std::this_thread::sleep_for(std::chrono::duration<double>(reply.delay_s));
      --running_;
      if (!reply.hang_up) {
        const std::string all = "HTTP/1.1 " + std::to_string(reply.status) +
                                " X\r\nContent-Length: " + std::to_string(reply.body.size()) +
                                "\r\nConnection: close\r\n" + reply.headers + "\r\n" +
                                reply.body.substr(0, reply.cut_after);
        for (std::size_t done = 0; done < all.size();) {
          const ssize_t n = ::send(peer, all.data() + done, all.size() - done, MSG_NOSIGNAL);
          if (n <= 0) break;
          done += static_cast<std::size_t>(n);
        }
      }
    }
    ::shutdown(peer, SHUT_RDWR);
    ::close(peer);
  }

  Handler handler_;
  int listener_ = -1, port_ = 0;
  std::atomic<int> number_ = 0, running_ = 0, most_ = 0;
  mutable std::mutex mutex_;
  std::vector<Request> seen_;
  std::vector<std::thread> threads_;
  std::thread accepting_;
};

}  // namespace af2::test
