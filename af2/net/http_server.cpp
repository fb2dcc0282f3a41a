#include "af2/net/http_server.h"

#ifdef AF2_WITH_HTTP
#include <httplib.h>
#endif

#include <algorithm>
#include <atomic>
#include <cctype>
#include <thread>

#include "af2/core/error.h"

namespace af2 {

std::string HttpRequest::header(const std::string& name) const {
  const auto same = [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); };
  for (const auto& [known, value] : headers)
    if (std::equal(known.begin(), known.end(), name.begin(), name.end(), same)) return value;
  return "";
}

#ifdef AF2_WITH_HTTP

namespace {

constexpr const char* kLoopback = "127.0.0.1";

void answer_with(const HttpServer::Handler& handler, const httplib::Request& request,
                 httplib::Response& response) {
  HttpRequest ours{request.method, request.path, request.body, {}};
  for (const auto& [name, value] : request.headers) ours.headers.emplace_back(name, value);
  HttpServerReply reply;
  try {
    reply = handler(ours);
  } catch (const std::exception& error) {
    reply = {.status = 500, .body = error.what(), .type = "text/plain"};
  }
  response.status = reply.status;
  for (const auto& [name, value] : reply.headers) response.set_header(name, value);
  response.set_content(reply.body, reply.type);
}

}  // namespace

struct HttpServer::Impl {
  httplib::Server server;
  std::thread listening;
  std::atomic<bool> ended = false;
  int port = 0;
};

HttpServer::HttpServer(int port, std::size_t max_bytes) : impl_(std::make_unique<Impl>()) {
  if (port < 0 || port > 65535)
    throw user_error("is no port", std::to_string(port), "give one in 1..65535, or 0 for any free one");
  httplib::Server& server = impl_->server;
  server.set_payload_max_length(max_bytes);
  // The library's own choice lets two servers share a port, and each get some of the requests.
  server.set_socket_options([](socket_t socket) {
    const int yes = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  });
  // A connection that waits for a further request would hold up stop().
  server.set_keep_alive_max_count(1);
  impl_->port = port;
  if (port == 0)
    impl_->port = server.bind_to_any_port(kLoopback);
  else if (!server.bind_to_port(kLoopback, port))
    impl_->port = -1;
  if (impl_->port <= 0)
    throw resource_error("cannot take the port " + std::to_string(port), kLoopback,
                         "choose another one, or 0 for any free one");
}

HttpServer::~HttpServer() {
  stop();
}

void HttpServer::route(const std::string& method, const std::string& path, Handler handler) {
  const auto answer = [handler = std::move(handler)](const httplib::Request& request,
                                                     httplib::Response& response) {
    answer_with(handler, request, response);
  };
  // The library takes a regular expression.
  std::string pattern;
  for (const char c : path) {
    if (std::string("\\^$.|?*+()[]{}").find(c) != std::string::npos) pattern += '\\';
    pattern += c;
  }
  if (method == "GET")
    impl_->server.Get(pattern, answer);
  else if (method == "POST")
    impl_->server.Post(pattern, answer);
  else
    throw internal_error("no route of this method", method);
}

void HttpServer::start() {
  if (impl_->listening.joinable()) return;
  impl_->listening = std::thread([this] {
    impl_->server.listen_after_bind();
    impl_->ended = true;
  });
  while (!impl_->server.is_running() && !impl_->ended) std::this_thread::yield();
}

void HttpServer::stop() {
  if (!impl_->listening.joinable()) return;
  impl_->server.stop();
  impl_->listening.join();
}

int HttpServer::port() const {
  return impl_->port;
}

#else

struct HttpServer::Impl {};

HttpServer::HttpServer(int, std::size_t) {
  throw resource_error("this build speaks no HTTP", "HTTP server", "build with AF2_WITH_HTTP");
}

HttpServer::~HttpServer() = default;
void HttpServer::route(const std::string&, const std::string&, Handler) {}
void HttpServer::start() {}
void HttpServer::stop() {}

int HttpServer::port() const {
  return 0;
}

#endif

std::string HttpServer::url() const {
  return "http://127.0.0.1:" + std::to_string(port());
}

}  // namespace af2
