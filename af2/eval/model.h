// A model as evaluation sees it: prompts and sounds in, texts out (docs/spec/evaluation.md section 8).
//
// Behind it stands af2's own engine (af2/cli/eval_engine.h), an endpoint (endpoint_model.h) or a scripted one
// of a test. Not for AF-CLAP, which gives vectors (vector_run.h). Thread rule: one caller at a time.
//
//   EvalModel model = ...;
//   for (const Reply& reply : model.answer({{.prompt = "what is heard?", .audio = {{"dog.wav"}}}}))
//   use(reply.text);
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "af2/core/json.h"

namespace af2 {

struct AskedSound {
  std::filesystem::path path;
  double start_s = 0, duration_s = 0;  // 0: to the end
};

// What the model gets to hear of the sounds.
enum class Hearing {
  kSound,    // them
  kOff,      // nothing: cross-attention is left out
  kSilence,  // zeros of the same length
  kFirstWindow,
  kCascade,  // captions of its windows, as text: what a model with a short ear can do with a long clip
};

struct Ask {
  std::string prompt;  // as sent
  std::vector<AskedSound> audio = {};
  Hearing hearing = Hearing::kSound;
  std::vector<std::string> choices =
      {};  // not empty: the likeliest of them is the answer, nothing is written
  int max_new_tokens = 256;
  Json windows = "auto";  // auto, all, scan (longer clips: stretch by stretch), or a number
  std::vector<std::string> stop = {};
};

// What was heard of one sound.
struct HeardSound {
  std::string sha256;  // of the file
  double seconds = 0, seconds_used = 0, seconds_cut = 0;
  int windows = 0;
};

struct Reply {
  std::string text;
  std::string error;   // not empty: it failed, and why
  std::string finish;  // stop, length
  int tokens = 0;
  std::optional<double> logprob_mean = std::nullopt;  // of a token
  std::vector<double> shares = {};                    // of the choices, in their order: they sum to 1
  std::vector<HeardSound> heard = {};
  std::map<std::string, double> ms = {};  // load, encode, prefill, decode
};

struct EvalModel {
  std::string name;
  std::string hash;             // of its weights, precision and quantisation: key of the cache
  Json facts = Json::object();  // dtype, device, threads ... for the report
  // Replies in the order of the asks. Throws only for what concerns all of them (kModel, kRemote, Stopped).
  std::function<std::vector<Reply>(const std::vector<Ask>&)> answer;
};

}  // namespace af2
