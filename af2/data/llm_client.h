// Questions to a language model behind an OpenAI-compatible endpoint, answered as JSON of a given form
// (docs/spec/data.md section 6).
//
// Every request goes to {url}/chat/completions, a sound with it as `input_audio`. Replies are kept
// (llm_cache.h): the same request with the same model, parameters and template costs nothing again. Timeouts,
// 429 and 5xx are tried again, at most six times with 1, 2, 4 ... 60 s between (or as Retry-After says); a
// reply that is no JSON of the form is asked for again twice, with what was wrong. Before a call would go
// past the budget, and at SIGTERM, ask() throws Stopped. The key is read from the environment and appears
// nowhere else. Thread rule: ask() from any thread; at most `parallel` calls run at once.
//
//   LlmClient client(options, std::getenv("AF2_API_KEY"), "data/out");
//   const LlmReply reply = client.ask({"clap_clean", 1, system, prompt, schema});
//   if (reply.value) use((*reply.value)["text"]);
#pragma once

#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>

#include "af2/core/json.h"
#include "af2/core/signal.h"
#include "af2/data/chat_endpoint.h"
#include "af2/data/llm_cache.h"

namespace af2 {

struct LlmOptions {
  std::string url, model;
  double temperature = 0.7;
  int max_tokens = 800;
  int parallel = 4;
  double requests_per_minute = 0, tokens_per_minute = 0;  // 0: no limit
  double price_in = 0, price_out = 0;                     // of a million tokens
  double budget = 0;                                      // over all runs into the same folder; 0: none
  double timeout_s = 120;
  int tries = 6;
  bool schema = true;  // ask for JSON by response_format; off by itself where the endpoint refuses it

  template <class V>
  void visit(V& v) {
    v.field("url", url, "base address of an OpenAI-compatible endpoint, as http://127.0.0.1:8000/v1");
    v.field("model", model, "the model's name there");
    v.field("temperature", temperature, "of its draws");
    v.field("max_tokens", max_tokens, "most tokens of a reply");
    v.field("parallel", parallel, "calls at once");
    v.field("requests_per_minute", requests_per_minute, "limit of calls; 0: none");
    v.field("tokens_per_minute", tokens_per_minute, "limit of tokens, sent and received; 0: none");
    v.field("price_in", price_in, "price of a million tokens sent");
    v.field("price_out", price_out, "price of a million tokens received");
    v.field("budget", budget, "stop before the whole costs more; 0: no limit");
    v.field("timeout", timeout_s, "seconds a reply may take");
    v.field("tries", tries, "tries of a call");
    v.field("schema", schema, "ask for JSON by response_format, not by the prompt alone");
  }
};

struct LlmRequest {
  std::string purpose;  // template's name and version
  int version = 1;
  std::string system, prompt;  // system: may be empty
  Json schema;                 // af2/data/json_shape.h; null: the reply is a text, not JSON
  std::optional<double> temperature = std::nullopt;  // of this request; nothing: the client's
  std::string wav = {};                              // bytes of the sound that it is about; empty: none
  double wav_s = 0;                                  // how long that is, to estimate its tokens
};

// Tokens that a model hears of a second of sound, about: Qwen2-Audio's 25.
inline constexpr double kTokensPerSecond = 25;

struct LlmReply {
  std::optional<Json> value;  // of the schema's form, or a text; nothing: failed_parse
  std::string problem;        // what was wrong with the last reply
  bool from_cache = false;
};

struct LlmStats {
  std::int64_t calls = 0, cached = 0, retries = 0, re_asked = 0, failed_parse = 0;
  std::int64_t tokens_in = 0, tokens_out = 0;
  double cost = 0, spent_before = 0;  // of this run; of earlier ones into the same folder
};

class LlmClient {
 public:
  // Opens folder/llm_cache.jsonl and folder/llm_log.jsonl. `key` may be empty. Throws kUser for options that
  // make no sense, kResource.
  LlmClient(LlmOptions options, std::string key, const std::filesystem::path& folder,
            LlmClock clock = LlmClock::real());

  // Throws Stopped; kRemote when the endpoint failed all tries or refuses the request (key, model).
  LlmReply ask(const LlmRequest& request);
  LlmStats stats() const;
  const std::string& model() const { return options_.model; }

  // SHA-256 of model, parameters, template version and prompt.
  std::string key_of(const LlmRequest& request) const;

 private:
  struct Call;
  Json body_of(const LlmRequest& request, const Json& messages) const;
  std::string answer(const LlmRequest& request, const Json& messages, Call& call);
  double cost_of(const ChatUse& use) const;
  void wait_for_turn(double tokens);
  double expected_cost(const LlmRequest& request) const;
  void log(const LlmRequest& request, const std::string& key, const Call& call, const std::string& status);

  LlmOptions options_;
  LlmClock clock_;
  ChatEndpoint endpoint_;
  LlmCache cache_;
  mutable std::mutex mutex_;
  std::condition_variable turn_;
  LlmStats stats_;
  double reserved_ = 0;  // cost of calls that run
  int running_ = 0;
  double next_request_ = 0, next_token_ = 0;  // when the limits allow the next call
  LineFile log_;
};

// Of all that is sent for a request.
double token_estimate(const LlmRequest& request);
// Prices of a model from a table {"model": {"in": 0.15, "out": 0.6}} of a million tokens. Throws kUser,
// kData.
void take_prices(const std::filesystem::path& table, LlmOptions& options);

}  // namespace af2
