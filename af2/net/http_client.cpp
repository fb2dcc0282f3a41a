#include "af2/net/http_client.h"

#ifdef AF2_WITH_HTTP
#include <httplib.h>
#endif

#include <charconv>
#include <chrono>
#include <cmath>
#include <ctime>

#include "af2/core/text_util.h"

namespace af2 {

std::optional<double> parse_retry_after(const std::string& value, double now) {
  const std::string text = trim(value);
  double seconds = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (code == std::errc() && end == text.data() + text.size() && std::isfinite(seconds) && seconds >= 0)
    return seconds;
  std::tm date = {};
  const char* rest = ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date);
  if (!rest || *rest) return std::nullopt;
  return std::max(0.0, static_cast<double>(::timegm(&date)) - now);
}

#ifdef AF2_WITH_HTTP
namespace {

using Clock = std::chrono::steady_clock;

// "http://host:port" and "/path?query". Throws kUser.
std::pair<std::string, std::string> parts_of(const std::string& url) {
  const bool plain = starts_with(url, "http://"), secure = starts_with(url, "https://");
  const std::size_t host = secure ? 8 : 7;
  if ((!plain && !secure) || url.size() <= host || url[host] == '/' || url[host] == ':')
    throw user_error("is no address", url, "give http://HOST:PORT/v1 or https://HOST/v1");
  if (url.find_first_of(" \t\r\n#") != std::string::npos || url.find('@', host) < url.find('/', host))
    throw user_error("is no address", "the endpoint", "leave out blanks, '#' and names before '@'");
  const std::size_t slash = url.find('/', host);
  if (slash == std::string::npos) return {url, "/"};
  return {url.substr(0, slash), url.substr(slash)};
}

std::string reason_of(httplib::Error error, bool late, bool long_reply) {
  if (late) return "gave no whole reply in time";
  if (long_reply) return "gives a reply that does not end";
  switch (error) {
    case httplib::Error::Connection:
    case httplib::Error::BindIPAddress:
      return "cannot be reached (not found, or refused)";
    case httplib::Error::ConnectionTimeout:
      return "cannot be reached in time";
    case httplib::Error::Read:
    case httplib::Error::Canceled:
      return "closed the connection or fell silent before the reply was whole";
    case httplib::Error::Write:
      return "closed the connection while the request was sent";
    case httplib::Error::SSLConnection:
    case httplib::Error::SSLLoadingCerts:
      return "makes no secure connection";
    case httplib::Error::SSLServerVerification:
      return "has a certificate that this system does not trust";
    default:
      return "failed (" + httplib::to_string(error) + ")";
  }
}

}  // namespace

HttpReply post_json(const std::string& url, const std::string& body, const HttpOptions& options) {
  const auto [host, path] = parts_of(url);
  httplib::Client client(host);
  if (!client.is_valid()) throw user_error("is no address", host, "give http://HOST:PORT/v1");
  const auto seconds = [](double s) { return static_cast<time_t>(s); };
  const auto micro = [](double s) { return static_cast<time_t>((s - std::floor(s)) * 1e6); };
  client.set_connection_timeout(seconds(options.connect_s), micro(options.connect_s));
  client.set_read_timeout(seconds(options.timeout_s), micro(options.timeout_s));
  client.set_write_timeout(seconds(options.timeout_s), micro(options.timeout_s));
  client.set_follow_location(false);
  httplib::Request request;
  request.method = "POST";
  request.path = path;
  request.body = body;
  request.headers = {{"Content-Type", "application/json"}, {"Accept", "application/json"}};
  for (const auto& [name, value] : options.headers) request.headers.emplace(name, value);
  HttpReply reply;
  bool late = false, long_reply = false;
  const auto end = Clock::now() + std::chrono::duration<double>(options.timeout_s);
  request.content_receiver = [&](const char* data, std::size_t size, std::uint64_t, std::uint64_t) {
    late = Clock::now() > end;
    long_reply = reply.body.size() + size > options.max_bytes;
    if (late || long_reply) return false;
    reply.body.append(data, size);
    return true;
  };
  const httplib::Result result = client.send(request);
  if (!result) {
    late = late || (result.error() == httplib::Error::Read && Clock::now() > end);
    throw remote_error(reason_of(result.error(), late, long_reply), host,
                       "check the address and that the endpoint runs");
  }
  reply.status = result->status;
  if (result->has_header("Retry-After"))
    reply.retry_after_s =
        parse_retry_after(result->get_header_value("Retry-After"), static_cast<double>(std::time(nullptr)));
  return reply;
}

bool built_with_http() {
  return true;
}

#else

HttpReply post_json(const std::string& url, const std::string&, const HttpOptions&) {
  throw resource_error("this build speaks no HTTP", url, "build with AF2_WITH_HTTP");
}

bool built_with_http() {
  return false;
}

#endif

}  // namespace af2
