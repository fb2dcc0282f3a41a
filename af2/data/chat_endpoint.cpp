#include "af2/data/chat_endpoint.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <span>
#include <thread>

#include "af2/core/log.h"
#include "af2/core/progress.h"
#include "af2/core/signal.h"
#include "af2/core/text_util.h"
#include "af2/net/http_client.h"

namespace af2 {
namespace {

constexpr double kMostRetryAfter_s = 600;
constexpr double kJitter = 0.25;

// A parameter that can be left out, and words by which a refusal may name it.
struct OptionalParameter {
  const char *name, *other_word;
};
constexpr OptionalParameter kOptionalParameters[] = {{"response_format", "schema"}, {"seed", "seed"}};

bool asks_by_schema(const Json& response_format) {
  return response_format.is_object() && response_format.value("type", std::string()) == "json_schema" &&
         response_format.contains("json_schema");
}

// The message of a chat completion; nothing if the reply is none.
std::optional<ChatReply> completion_in(const std::string& reply, double tokens_sent, ChatUse& use) {
  try {
    const Json json = Json::parse(reply);
    const Json& choice = json.at("choices").at(0);
    const Json& content = choice.at("message").at("content");
    ChatReply result;
    if (!content.is_null()) result.text = content.is_string() ? content.get<std::string>() : content.dump();
    if (choice.contains("finish_reason") && choice["finish_reason"].is_string())
      result.finish = choice["finish_reason"].get<std::string>();
    const Json usage = json.contains("usage") && json["usage"].is_object() ? json["usage"] : Json::object();
    use.tokens_in += usage.value("prompt_tokens", static_cast<std::int64_t>(tokens_sent));
    use.tokens_out +=
        usage.value("completion_tokens", static_cast<std::int64_t>(token_estimate(result.text)));
    return result;
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

}  // namespace

LlmClock LlmClock::real() {
  return {steady_seconds, [](double seconds) {
            const double end = steady_seconds() + seconds;
            while (steady_seconds() < end) {
              if (stop_signal() != 0) throw Stopped{"a signal came"};
              std::this_thread::sleep_for(
                  std::chrono::duration<double>(std::clamp(end - steady_seconds(), 0.0, 0.2)));
            }
          }};
}

double token_estimate(const std::string& text) {
  return std::ceil(static_cast<double>(text.size()) / 4);
}

Json chat_message(const char* role, const std::string& text) {
  return {{"role", role}, {"content", text}};
}

Json sound_message(const char* role, const std::string& wav, const std::string& text) {
  Json message = chat_message(role, text);
  message["content"] =
      Json::array({{{"type", "input_audio"},
                    {"input_audio", {{"data", base64(std::as_bytes(std::span(wav)))}, {"format", "wav"}}}},
                   {{"type", "text"}, {"text", text}}});
  return message;
}

// Two programs that were refused together shall not come back together: the jitter differs by process.
ChatEndpoint::ChatEndpoint(ChatEndpointOptions options, std::string key, LlmClock clock)
    : options_(std::move(options)),
      key_(std::move(key)),
      clock_(std::move(clock)),
      jitter_("af2/llm/jitter/1/" + std::to_string(::getpid())) {
  while (!options_.url.empty() && options_.url.back() == '/') options_.url.pop_back();
}

std::string ChatEndpoint::text_of(Json body) const {
  {
    const std::lock_guard lock(mutex_);
    for (const auto& name : refused_) body.erase(name);
    if (schema_in_object_ && body.contains("response_format") && asks_by_schema(body["response_format"]))
      body["response_format"] = {
          {"type", "json_object"},
          {"schema", body["response_format"]["json_schema"].value("schema", Json::object())}};
  }
  return body.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Whether the complaint names a parameter that was sent and can be left out from now on. A server's own
// failure (500) counts only where it quotes the parameter: llama-cpp-python says so of what it does not know.
bool ChatEndpoint::leave_out(const Json& sent, int status, const std::string& complaint) {
  for (const auto& [name, other_word] : kOptionalParameters) {
    if (!sent.contains(name)) continue;
    const auto says = [&](const std::string& word) { return complaint.find(word) != std::string::npos; };
    const bool quoted = says("'" + std::string(name) + "'") || says("\"" + std::string(name) + "\"");
    if (status >= 500 ? !quoted : !says(name) && !says(other_word)) continue;
    const std::lock_guard lock(mutex_);
    // An older form of the same wish first: llama-cpp-python's.
    if (name == std::string_view("response_format") && asks_by_schema(sent[name])) {
      if (!schema_in_object_)
        notice("{}: takes no json_schema; asking for a json_object of it", options_.url);
      schema_in_object_ = true;
      return true;
    }
    if (refused_.insert(name).second) notice("{}: takes no {}; asking without it", options_.url, name);
    return true;
  }
  return false;
}

ChatReply ChatEndpoint::ask(const Json& body, ChatUse& use, double tokens_sent,
                            const std::function<void()>& before_try) {
  HttpOptions http;
  http.timeout_s = options_.timeout_s;
  if (!key_.empty()) http.headers.emplace_back("Authorization", "Bearer " + key_);
  const std::string url = options_.url + "/chat/completions";
  for (int n = 1;; ++n) {
    if (before_try) before_try();
    if (stop_signal() != 0) throw Stopped{"a signal came"};
    const std::string text = text_of(body);
    std::string failure;
    std::optional<double> retry_after;
    std::optional<HttpReply> reply;
    ++use.tries;
    try {
      reply = post_json(url, text, http);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kRemote) throw;
      failure = error.problem();
    }
    if (reply && reply->status == 200) {
      if (const auto result = completion_in(reply->body, tokens_sent, use)) return *result;
      failure = "gives a reply that is no chat completion";
    } else if (reply) {
      const int status = reply->status;
      failure = "answers with status " + std::to_string(status);
      retry_after = reply->retry_after_s;
      // What was sent, not `body`: another thread may have found out meanwhile what is refused.
      if ((status == 400 || status == 422 || status == 500) &&
          leave_out(Json::parse(text), status, reply->body))
        continue;
      if (status != 408 && status != 409 && status != 429 && status < 500)
        throw ChatRefused(
            remote_error(failure + " (" + printable(trim(reply->body), 200) + ")", url,
                         status == 401 || status == 403 ? "set " + options_.key_variable + " to a valid key"
                                                        : "check " + options_.flags),
            status);
    }
    if (n >= options_.tries)
      throw remote_error(failure + ", " + std::to_string(n) + " times", url,
                         "run again when it answers: what is done stays done");
    double wait = std::min(options_.longest_wait_s, std::pow(2.0, n - 1));
    {
      const std::lock_guard lock(mutex_);
      wait *= 1 + kJitter * jitter_.uniform();
    }
    ++use.retries;
    if (retry_after) wait = std::max(wait, std::min(*retry_after, kMostRetryAfter_s));
    verbose("{}: {}; again in {:.1f} s", url, failure, wait);
    clock_.sleep(wait);
  }
}

}  // namespace af2
