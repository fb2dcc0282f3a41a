// One HTTP request at a time to an address that the user named: JSON goes out, a reply comes back.
//
// The only place besides http_server.h that knows cpp-httplib. No redirects, no proxies, no cookies; https
// with the system's certificates, always verified. Retrying is the caller's (af2/data/chat_endpoint.h).
// Thread rule: calls are independent and may run in parallel.
//
//   HttpOptions options;
//   options.headers = {{"Authorization", "Bearer " + key}};
//   const HttpReply reply = post_json("http://127.0.0.1:8000/v1/chat/completions", body, options);
//   if (reply.status == 429) wait(reply.retry_after_s.value_or(1));
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "af2/core/error.h"

namespace af2 {

struct HttpOptions {
  double connect_s = 10;
  double timeout_s = 120;  // of the whole reply, and of each wait for a part of it
  std::size_t max_bytes = std::size_t{16} << 20;
  std::vector<std::pair<std::string, std::string>> headers;
};

struct HttpReply {
  int status = 0;
  std::string body;
  std::optional<double> retry_after_s;  // from seconds or a date
};

// Any status is a reply. Throws kUser for an address that is none, kRemote where no whole reply came: not
// found, refused, timed out, cut, longer than max_bytes, a certificate that is not trusted; kResource where
// this build has no HTTP. Headers are never part of a message.
HttpReply post_json(const std::string& url, const std::string& body, const HttpOptions& options);

bool built_with_http();

// Seconds from the value of Retry-After ("120", or an HTTP date, as seconds from `now`, seconds since 1970);
// nothing for anything else.
std::optional<double> parse_retry_after(const std::string& value, double now);

}  // namespace af2
