#include "af2/data/llm_client.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <span>
#include <thread>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/log.h"
#include "af2/core/progress.h"
#include "af2/core/signal.h"
#include "af2/core/text_util.h"
#include "af2/data/json_shape.h"
#include "af2/net/http_client.h"

namespace af2 {
namespace {

constexpr double kLongestWait_s = 60, kMostRetryAfter_s = 600;
constexpr double kJitter = 0.25;
constexpr int kReAsks = 2;
constexpr std::size_t kShownReply = 2000;

Json message(const char* role, const std::string& text) {
  return {{"role", role}, {"content", text}};
}

Json first_messages(const LlmRequest& request) {
  std::string system = request.system;
  if (!request.schema.is_null())
    system += "\nAnswer with JSON of this form and nothing else: " + request.schema.dump();
  Json messages = Json::array();
  if (!system.empty()) messages.push_back(message("system", system));
  messages.push_back(message("user", request.prompt));
  if (!request.wav.empty())
    messages.back()["content"] = Json::array(
        {{{"type", "input_audio"},
          {"input_audio", {{"data", base64(std::as_bytes(std::span(request.wav)))}, {"format", "wav"}}}},
         {{"type", "text"}, {"text", request.prompt}}});
  return messages;
}

}  // namespace

// What one ask() has cost so far.
struct LlmClient::Call {
  std::int64_t tokens_in = 0, tokens_out = 0;
  int tries = 0, re_asks = 0;
  double cost = 0, seconds = 0;
};

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

double token_estimate(const LlmRequest& request) {
  const std::string schema = request.schema.is_null() ? "" : request.schema.dump();
  return token_estimate(request.system + request.prompt + schema) +
         std::ceil(kTokensPerSecond * request.wav_s);
}

void take_prices(const std::filesystem::path& table, LlmOptions& options) {
  const Json prices = read_config_file(table);
  const std::string where = table.string() + " key " + options.model;
  if (!prices.is_object() || !prices.contains(options.model))
    throw user_error("has no price", where, "add {\"" + options.model + "\": {\"in\": 0, \"out\": 0}}");
  const Json& price = prices[options.model];
  for (const char* way : {"in", "out"}) {
    if (!price.is_object() || !price.contains(way) || !price[way].is_number() || price[way].get<double>() < 0)
      throw user_error(std::string("lacks the price `") + way + "`", where, "give it for a million tokens");
    (way[0] == 'i' ? options.price_in : options.price_out) = price[way].get<double>();
  }
}

LlmClient::LlmClient(LlmOptions options, std::string key, const std::filesystem::path& folder, LlmClock clock)
    : options_(std::move(options)),
      key_(std::move(key)),
      clock_(std::move(clock)),
      cache_(folder / "llm_cache.jsonl"),
      log_(folder / "llm_log.jsonl", [this](const std::string& line) {
        stats_.spent_before += Json::parse(line).at("cost").get<double>();
      }) {
  const auto need = [](bool ok, const char* flag, const char* what) {
    if (!ok) throw user_error(what, std::string("--llm-") + flag, "correct the flag");
  };
  need(!options_.model.empty(), "model", "names no model");
  need(options_.parallel >= 1 && options_.parallel <= 256, "parallel", "must be in 1..256");
  need(options_.max_tokens >= 1, "max-tokens", "must be at least 1");
  need(options_.temperature >= 0 && options_.temperature <= 2, "temperature", "must be in 0..2");
  need(options_.timeout_s > 0 && options_.tries >= 1, "timeout", "must be above 0");
  need(options_.budget >= 0 && options_.price_in >= 0 && options_.price_out >= 0, "budget",
       "must not be negative, nor a price");
  need(options_.budget == 0 || options_.price_in > 0 || options_.price_out > 0, "budget",
       "means nothing without prices (--llm-price-in, --llm-price-out or --llm-prices)");
  while (!options_.url.empty() && options_.url.back() == '/') options_.url.pop_back();
  schema_works_ = options_.schema;
  // Two programs that were refused together shall not come back together.
  jitter_ = Random("af2/llm/jitter/1/" + std::to_string(::getpid()));
}

std::string LlmClient::key_of(const LlmRequest& request) const {
  const double temperature = request.temperature.value_or(options_.temperature);
  Json all = {options_.model,  temperature,    options_.max_tokens, request.purpose,
              request.version, request.schema, request.system,      request.prompt};
  if (!request.wav.empty()) all.push_back(sha256_hex(std::as_bytes(std::span(request.wav))));
  const std::string text = all.dump(-1, ' ', false, Json::error_handler_t::replace);
  return sha256_hex(std::as_bytes(std::span(text)));
}

double LlmClient::expected_cost(const LlmRequest& request) const {
  return (token_estimate(request) * options_.price_in + options_.max_tokens * options_.price_out) / 1e6;
}

std::string LlmClient::body_of(const LlmRequest& request, const Json& messages) const {
  Json body = {{"model", options_.model},
               {"messages", messages},
               {"temperature", request.temperature.value_or(options_.temperature)},
               {"max_tokens", options_.max_tokens}};
  if (schema_works_ && !request.schema.is_null())
    body["response_format"] = {
        {"type", "json_schema"},
        {"json_schema", {{"name", request.purpose}, {"strict", true}, {"schema", request.schema}}}};
  return body.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void LlmClient::wait_for_turn(double tokens) {
  double wait = 0;
  {
    const std::lock_guard lock(mutex_);
    const double now = clock_.now();
    double start = now;
    if (options_.requests_per_minute > 0) start = std::max(start, next_request_);
    if (options_.tokens_per_minute > 0) start = std::max(start, next_token_);
    if (options_.requests_per_minute > 0) next_request_ = start + 60 / options_.requests_per_minute;
    if (options_.tokens_per_minute > 0) next_token_ = start + 60 * tokens / options_.tokens_per_minute;
    wait = start - now;
  }
  if (wait > 0) clock_.sleep(wait);
}

// The message of a chat completion, with its tokens added to `call`; nothing if the reply is none.
std::optional<std::string> LlmClient::take_content(const std::string& reply, double tokens_sent,
                                                   Call& call) const {
  try {
    const Json json = Json::parse(reply);
    const Json& content = json.at("choices").at(0).at("message").at("content");
    const Json usage = json.value("usage", Json::object());
    const std::string text = content.is_string() ? content.get<std::string>() : content.dump();
    const auto in = usage.value("prompt_tokens", static_cast<std::int64_t>(tokens_sent));
    const auto out = usage.value("completion_tokens", static_cast<std::int64_t>(token_estimate(text)));
    call.tokens_in += in, call.tokens_out += out;
    call.cost +=
        (static_cast<double>(in) * options_.price_in + static_cast<double>(out) * options_.price_out) / 1e6;
    return text;
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

// The endpoint's answer to `messages`, tried until it gives one.
std::string LlmClient::answer(const LlmRequest& request, const Json& messages, Call& call) {
  HttpOptions http;
  http.timeout_s = options_.timeout_s;
  if (!key_.empty()) http.headers.emplace_back("Authorization", "Bearer " + key_);
  const std::string url = options_.url + "/chat/completions";
  const std::string hint = "run again when it answers: what is done stays done";
  for (int n = 1;; ++n) {
    bool with_schema = false;
    std::string body, failure;
    {
      const std::lock_guard lock(mutex_);
      with_schema = schema_works_ && !request.schema.is_null();
      body = body_of(request, messages);
    }
    const double tokens = request.wav.empty() ? token_estimate(body) : token_estimate(request);
    wait_for_turn(tokens + options_.max_tokens);
    std::optional<double> retry_after;
    ++call.tries;
    std::optional<HttpReply> reply;
    try {
      reply = post_json(url, body, http);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kRemote) throw;
      failure = error.problem();
    }
    if (reply && reply->status == 200) {
      if (const auto text = take_content(reply->body, tokens, call)) return *text;
      failure = "gives a reply that is no chat completion";
    } else if (reply) {
      failure = "answers with status " + std::to_string(reply->status);
      retry_after = reply->retry_after_s;
      const auto says = [&](const char* word) { return reply->body.find(word) != std::string::npos; };
      const bool again =
          reply->status == 408 || reply->status == 409 || reply->status == 429 || reply->status >= 500;
      const bool no_schema = with_schema && (reply->status == 400 || reply->status == 422) &&
                             (says("response_format") || says("schema"));
      if (no_schema) {
        const std::lock_guard lock(mutex_);
        if (schema_works_) notice("{}: takes no JSON schema; asking by the prompt alone", options_.url);
        schema_works_ = false;
        continue;
      }
      if (!again)
        throw remote_error(failure + " (" + printable(trim(reply->body), 200) + ")", url,
                           reply->status == 401 || reply->status == 403 ? "set AF2_API_KEY to a valid key"
                                                                        : "check --llm and --llm-model");
    }
    if (n >= options_.tries) throw remote_error(failure + ", " + std::to_string(n) + " times", url, hint);
    double wait = std::min(kLongestWait_s, std::pow(2.0, n - 1));
    {
      const std::lock_guard lock(mutex_);
      wait *= 1 + kJitter * jitter_.uniform();
      ++stats_.retries;
    }
    if (retry_after) wait = std::max(wait, std::min(*retry_after, kMostRetryAfter_s));
    verbose("{}: {}; again in {:.1f} s", url, failure, wait);
    clock_.sleep(wait);
  }
}

LlmReply LlmClient::ask(const LlmRequest& request) {
  const std::string key = key_of(request);
  const auto of_json = [](const Json& kept, bool cached) {
    LlmReply reply;
    if (kept.contains("value")) reply.value = kept["value"];
    reply.problem = kept.value("failed", "");
    reply.from_cache = cached;
    return reply;
  };
  if (const auto known = cache_.find(key)) {
    const std::lock_guard lock(mutex_);
    ++stats_.cached;
    if (!known->contains("value")) ++stats_.failed_parse;
    return of_json(*known, true);
  }
  const double reserve = expected_cost(request);
  {
    std::unique_lock lock(mutex_);
    turn_.wait(lock, [&] { return running_ < options_.parallel; });
    if (stop_signal() != 0) throw Stopped{"a signal came"};
    if (options_.budget > 0 && stats_.spent_before + stats_.cost + reserved_ + reserve > options_.budget)
      throw Stopped{"the budget is used up"};
    ++running_;
    reserved_ += reserve;
  }
  Call call;
  const double began = clock_.now();
  const auto done = [&](const std::string& status) {
    call.seconds = clock_.now() - began;
    {
      const std::lock_guard lock(mutex_);
      --running_;
      reserved_ -= reserve;
      stats_.calls += call.tries;
      stats_.re_asked += call.re_asks;
      stats_.tokens_in += call.tokens_in, stats_.tokens_out += call.tokens_out;
      stats_.cost += call.cost;
      if (status == "failed_parse") ++stats_.failed_parse;
    }
    turn_.notify_one();
    log(request, key, call, status);
  };
  Json kept;
  try {
    Json messages = first_messages(request);
    for (;; ++call.re_asks) {
      const std::string text = answer(request, messages, call);
      if (request.schema.is_null()) {
        kept = {{"value", trim(text)}};
        break;
      }
      std::string problem;
      try {
        const Json value = json_in_reply(text);
        problem = shape_problem(value, request.schema);
        if (problem.empty()) {
          kept = {{"value", value}};
          break;
        }
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::kData) throw;
        problem = error.problem();
      }
      if (call.re_asks >= kReAsks) {
        kept = {{"failed", problem}};
        break;
      }
      {
        const std::lock_guard lock(mutex_);
        if (options_.budget > 0 &&
            stats_.spent_before + stats_.cost + call.cost + reserved_ > options_.budget)
          throw Stopped{"the budget is used up"};
      }
      messages.push_back(message("assistant", text.substr(0, kShownReply)));
      messages.push_back(message(
          "user", "That was not the JSON asked for: " + problem + ". Answer again, with the JSON alone."));
    }
  } catch (...) {
    done("error");
    throw;
  }
  // The reply is kept before its cost is: a crash between them costs a line of the log, not the reply.
  const Json now = cache_.put(key, kept);
  done(kept.contains("value") ? "ok" : "failed_parse");
  return of_json(now, false);
}

void LlmClient::log(const LlmRequest& request, const std::string& key, const Call& call,
                    const std::string& status) {
  const Json line = {{"purpose", request.purpose + "/" + std::to_string(request.version)},
                     {"key", key.substr(0, 16)},
                     {"status", status},
                     {"tries", call.tries},
                     {"re_asks", call.re_asks},
                     {"tokens_in", call.tokens_in},
                     {"tokens_out", call.tokens_out},
                     {"seconds", std::round(call.seconds * 1000) / 1000},
                     {"cost", call.cost}};
  const std::lock_guard lock(mutex_);
  log_.append(line.dump());
}

LlmStats LlmClient::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

}  // namespace af2
