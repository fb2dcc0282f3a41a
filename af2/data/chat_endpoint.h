// One request to an OpenAI-compatible chat endpoint, tried until it is answered.
//
// Timeouts, 408, 409, 429, 5xx and replies that are no chat completion are tried again after doubled waits
// with jitter, or as long as Retry-After says; any other 4xx is an error at once. Parameters that an endpoint
// may not know (`seed`, `response_format`) are left out, with a notice, once it refuses them by name. Keeps
// nothing: caches, budgets and the sense of a reply are its users' (llm_client.h, af2/eval/judge.h). Thread
// rule: ask() from any thread.
//
//   ChatEndpoint endpoint({.url = "http://127.0.0.1:8000/v1"}, key, LlmClock::real());
//   ChatUse use;
//   const std::string text = endpoint.ask({{"model", "m"}, {"messages", messages}}, use).text;
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "af2/core/error.h"
#include "af2/core/json.h"
#include "af2/core/random.h"

namespace af2 {

// Time as its users see it; tests bring their own.
struct LlmClock {
  std::function<double()> now;        // seconds, only forward
  std::function<void(double)> sleep;  // throws Stopped at a signal
  static LlmClock real();
};

struct ChatEndpointOptions {
  std::string url;  // as http://127.0.0.1:8000/v1
  double timeout_s = 120;
  int tries = 6;
  double longest_wait_s = 60;                   // of the doubled ones, before jitter
  std::string key_variable = "AF2_API_KEY";     // named where the key is refused
  std::string flags = "--llm and --llm-model";  // named where the request is
};

// What one or more calls have cost so far.
struct ChatUse {
  std::int64_t tokens_in = 0, tokens_out = 0;
  int tries = 0, retries = 0;  // retries: tries that were waited for
};

struct ChatReply {
  std::string text, finish;  // finish: stop, length ...; empty where the endpoint says none
};

// The endpoint refuses this request, not only now (kRemote).
class ChatRefused : public Error {
 public:
  ChatRefused(const Error& error, int status) : Error(error), status_(status) {}
  int status() const { return status_; }

 private:
  int status_;
};

class ChatEndpoint {
 public:
  // `key` may be empty.
  ChatEndpoint(ChatEndpointOptions options, std::string key, LlmClock clock);

  // Sends `body` (model, messages, parameters). `use` counts on, also where this throws; `tokens_in` is what
  // the endpoint reports, else `tokens_sent`. `before_try` may wait for a turn. Throws Stopped at a signal,
  // ChatRefused, kRemote when all tries failed, kUser for an address that is none.
  ChatReply ask(const Json& body, ChatUse& use, double tokens_sent = 0,
                const std::function<void()>& before_try = nullptr);
  const std::string& url() const { return options_.url; }  // without a slash at its end

 private:
  std::string text_of(Json body) const;
  bool leave_out(const Json& sent, int status, const std::string& complaint);

  ChatEndpointOptions options_;
  std::string key_;
  LlmClock clock_;
  mutable std::mutex mutex_;
  std::set<std::string> refused_;  // parameters
  bool schema_in_object_ = false;  // response_format in its older form
  Random jitter_;
};

// Rough number of tokens of a text: a quarter of its bytes.
double token_estimate(const std::string& text);
// {"role": role, "content": text}
Json chat_message(const char* role, const std::string& text);
// The same with a sound before the text: wav bytes as `input_audio`.
Json sound_message(const char* role, const std::string& wav, const std::string& text);

}  // namespace af2
