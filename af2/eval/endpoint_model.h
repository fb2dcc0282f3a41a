// A model under test behind an OpenAI-compatible chat endpoint (docs/spec/evaluation.md, first lines): the
// same prompts and clips as AF2 gets, so that both are scored alike.
//
// The clip goes along as `input_audio` (16 kHz mono wav, base64), or not at all (`sound: none`, for a server
// that reads text alone: the audio_off baseline, or a language model). Greedy: temperature 0 and a seed; a
// server that refuses the seed is asked without it. A clip that cannot be read and a request that the server
// refuses (too long, a form it does not know) are that item's error, never another answer. A server that is
// down, or refuses the key or the model, ends the run. Keeps nothing: predictions are its caller's. Thread
// rule: ask() from any thread; ask_all() runs `parallel` calls at once.
//
//   EndpointModel model(options, std::getenv("AF2_API_KEY"));
//   model.ask_all(questions, [&](std::size_t i, const EndpointAnswer& answer) { write(i, answer); });
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "af2/data/chat_endpoint.h"

namespace af2 {

struct EndpointOptions {
  std::string url, model;
  std::string sound = "input_audio";
  std::string system;
  std::int64_t seed = 0;
  double max_seconds = 0;
  int parallel = 4;
  double timeout_s = 120;
  int tries = 6;

  template <class V>
  void visit(V& v) {
    v.field("url", url, "base address of an OpenAI-compatible endpoint, as http://127.0.0.1:8000/v1");
    v.field("model", model, "the model's name there");
    v.field("sound", sound, "input_audio: the clip goes along as wav; none: the text alone");
    v.field("system", system, "system message; empty: none");
    v.field("seed", seed, "of its draws, where the endpoint takes one");
    v.field("max_seconds", max_seconds, "longest sound that is sent, cut there; 0: no limit");
    v.field("parallel", parallel, "calls at once");
    v.field("timeout", timeout_s, "seconds a reply may take");
    v.field("tries", tries, "tries of a call");
  }
};

struct EndpointQuestion {
  std::string id, prompt;                         // prompt: as sent
  std::vector<std::filesystem::path> audio = {};  // sent in this order, before the text
  double start_s = 0, duration_s = 0;             // of each clip; 0: from its beginning, to its end
  int max_new_tokens = 256;
  double temperature = 0;
  std::vector<std::string> stop = {};
};

struct EndpointAnswer {
  std::string text, finish;  // finish: stop, length ...; empty where the endpoint says none
  std::int64_t tokens_in = 0, tokens = 0;
  double seconds = 0;       // of the call, waits between tries included
  double seconds_used = 0;  // of sound that was sent
  double seconds_cut = 0;   // of sound that max_seconds left out
  int tries = 0;
  std::string error;  // why there is no answer; empty: there is one
};

class EndpointModel {
 public:
  // `key` may be empty. Throws kUser for options that make no sense, naming the flag.
  EndpointModel(EndpointOptions options, std::string key, LlmClock clock = LlmClock::real());

  // Throws Stopped at a signal; kRemote when the endpoint failed all tries or refuses key, address or model.
  EndpointAnswer ask(const EndpointQuestion& question);
  // `use` gets each answer as it comes, one at a time, from any thread. Throws as ask(): what `use` got
  // stays.
  void ask_all(const std::vector<EndpointQuestion>& questions,
               const std::function<void(std::size_t, const EndpointAnswer&)>& use);
  const EndpointOptions& options() const { return options_; }

 private:
  Json message_of(const EndpointQuestion& question, EndpointAnswer& answer) const;

  EndpointOptions options_;
  LlmClock clock_;
  ChatEndpoint endpoint_;
};

}  // namespace af2
