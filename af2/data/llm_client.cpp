#include "af2/data/llm_client.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/signal.h"
#include "af2/core/text_util.h"
#include "af2/data/json_shape.h"

namespace af2 {
namespace {

constexpr int kReAsks = 2;
constexpr std::size_t kShownReply = 2000;

Json first_messages(const LlmRequest& request) {
  std::string system = request.system;
  if (!request.schema.is_null())
    system += "\nAnswer with JSON of this form and nothing else: " + request.schema.dump();
  Json messages = Json::array();
  if (!system.empty()) messages.push_back(chat_message("system", system));
  messages.push_back(request.wav.empty() ? chat_message("user", request.prompt)
                                         : sound_message("user", request.wav, request.prompt));
  return messages;
}

}  // namespace

// What one ask() has cost so far.
struct LlmClient::Call {
  ChatUse use;
  int re_asks = 0;
  double seconds = 0;
};

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
      clock_(std::move(clock)),
      endpoint_({.url = options_.url, .timeout_s = options_.timeout_s, .tries = options_.tries},
                std::move(key), clock_),
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

Json LlmClient::body_of(const LlmRequest& request, const Json& messages) const {
  Json body = {{"model", options_.model},
               {"messages", messages},
               {"temperature", request.temperature.value_or(options_.temperature)},
               {"max_tokens", options_.max_tokens}};
  if (options_.schema && !request.schema.is_null())
    body["response_format"] = {
        {"type", "json_schema"},
        {"json_schema", {{"name", request.purpose}, {"strict", true}, {"schema", request.schema}}}};
  return body;
}

double LlmClient::cost_of(const ChatUse& use) const {
  return (static_cast<double>(use.tokens_in) * options_.price_in +
          static_cast<double>(use.tokens_out) * options_.price_out) /
         1e6;
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

// The endpoint's answer to `messages`, tried until it gives one.
std::string LlmClient::answer(const LlmRequest& request, const Json& messages, Call& call) {
  const Json body = body_of(request, messages);
  const double tokens = request.wav.empty()
                            ? token_estimate(body.dump(-1, ' ', false, Json::error_handler_t::replace))
                            : token_estimate(request);
  return endpoint_.ask(body, call.use, tokens, [&] { wait_for_turn(tokens + options_.max_tokens); }).text;
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
      stats_.calls += call.use.tries, stats_.retries += call.use.retries;
      stats_.re_asked += call.re_asks;
      stats_.tokens_in += call.use.tokens_in, stats_.tokens_out += call.use.tokens_out;
      stats_.cost += cost_of(call.use);
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
            stats_.spent_before + stats_.cost + cost_of(call.use) + reserved_ > options_.budget)
          throw Stopped{"the budget is used up"};
      }
      messages.push_back(chat_message("assistant", text.substr(0, kShownReply)));
      messages.push_back(chat_message(
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
                     {"tries", call.use.tries},
                     {"re_asks", call.re_asks},
                     {"tokens_in", call.use.tokens_in},
                     {"tokens_out", call.use.tokens_out},
                     {"seconds", std::round(call.seconds * 1000) / 1000},
                     {"cost", cost_of(call.use)}};
  const std::lock_guard lock(mutex_);
  log_.append(line.dump());
}

LlmStats LlmClient::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

}  // namespace af2
