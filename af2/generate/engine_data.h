// What an Engine and a Memory hold: for the files of generate/ that implement them (engine.cpp,
// answering.cpp, scoring.cpp). Not for others: it shows torch.
#pragma once

#include <torch/torch.h>

#include <string_view>

#include "af2/generate/constraint.h"
#include "af2/generate/engine.h"
#include "af2/generate/model_folder.h"
#include "af2/model/device.h"
#include "af2/text/prompt.h"

namespace af2 {

struct Memory::Data {
  AudioContext context;
  WindowReport report;
  double encode_ms = 0;
};

struct Engine::Data {
  Data(ModelFolder loaded, const EngineOptions& engine_options, const DeviceFacts& facts);

  WindowOptions window_options(const Clip& clip) const;
  Prompt prompt(std::string_view question) const;
  // Throws kUser for ids that the model does not have, and for none.
  void check(const std::vector<int>& ids) const;
  // Puts the network on the device that the options name.
  void place_on(const DeviceFacts& facts);
  // What a public function throws instead.
  Error device_failure(const c10::Error& error) const;
  // Room for the longest answer to `n_prompt` tokens about a clip where that saves time: on a GPU. Positions.
  int64_t cache_room(std::size_t n_prompt, const AudioContext& audio, int max_new_tokens) const;
  // As many of the wanted tokens of an answer as the context holds behind a clip's prefix and a prompt.
  int longest_behind(const AudioContext& audio, std::size_t n_prompt, int max_new_tokens) const;
  // Each group of windows is made, heard and dropped. [W, S, D]
  torch::Tensor tower(const Clip& clip, const WindowPlan& plan) const;

  ModelFolder model;
  Af2ModelImpl& network;  // modules are not const, their forward in eval mode changes nothing
  EngineOptions options;
  EngineDevice device;
  bool bf16;  // of products on the CPU
  mutable GrammarCache grammars;
};

// Neither cross-attention nor a prefix: Engine::nothing.
inline bool hears_nothing(const AudioContext& audio) {
  return audio.blocks.empty() && !audio.prefix.defined();
}
// A copy of `ids` as a tensor [1, T].
torch::Tensor id_tensor(const std::vector<int>& ids);

}  // namespace af2
