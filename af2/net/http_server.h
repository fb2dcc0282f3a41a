// A small HTTP server on 127.0.0.1 for this machine alone: a request comes in, a reply goes out.
//
// For stand-ins and pages that a user's own browser reads. Not for the network: no TLS, no streams, no
// addresses but loopback. With http_client.h the only place that knows cpp-httplib. Thread rule: routes are
// set before start(); handlers run in several threads at once; stop() from any thread but a handler's.
//
//   HttpServer server;
//   server.route("GET", "/health", [](const HttpRequest&) { return HttpServerReply{.body = "{}"}; });
//   server.start();
//   post_json(server.url() + "/health", ...);
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace af2 {

struct HttpRequest {
  std::string method, path, body;
  std::vector<std::pair<std::string, std::string>> headers;

  // Of the first header of that name, whatever its case; empty where there is none.
  std::string header(const std::string& name) const;
};

struct HttpServerReply {
  int status = 200;
  std::string body = {};
  std::string type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers = {};
};

class HttpServer {
 public:
  using Handler = std::function<HttpServerReply(const HttpRequest&)>;

  // Takes the port of 127.0.0.1; 0: any free one. Longer bodies than `max_bytes` are refused (413). Throws
  // kUser for a port out of range, kResource: the port is taken, this build has no HTTP.
  explicit HttpServer(int port = 0, std::size_t max_bytes = std::size_t{64} << 20);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // A handler for one path, as it is (no patterns). What no route takes is 404; a handler that throws is 500
  // with the error's text. Throws kInternal for a method other than GET and POST.
  void route(const std::string& method, const std::string& path, Handler handler);
  // Answers in threads of its own from now on.
  void start();
  // Ends; waits for handlers that run. Called by the destructor too.
  void stop();

  int port() const;
  std::string url() const;  // http://127.0.0.1:PORT

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace af2
