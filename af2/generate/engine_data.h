// What an Engine and a Memory hold: for the files of generate/ that implement them (engine.cpp,
// answering.cpp, scoring.cpp). Not for others: it shows torch.
#pragma once

#include <torch/torch.h>

#include <string_view>

#include "af2/generate/constraint.h"
#include "af2/generate/engine.h"
#include "af2/generate/model_folder.h"
#include "af2/text/prompt.h"

namespace af2 {

struct Memory::Data {
  AudioContext context;
  WindowReport report;
  double encode_ms = 0;
};

struct Engine::Data {
  Data(ModelFolder loaded, const EngineOptions& engine_options);

  WindowOptions window_options(const Clip& clip) const;
  Prompt prompt(std::string_view question) const;
  // Throws kUser for ids that the model does not have, and for none.
  void check(const std::vector<int>& ids) const;
  // Each group of windows is made, heard and dropped. [W, S, D]
  torch::Tensor tower(const Clip& clip, const WindowPlan& plan) const;

  ModelFolder model;
  Af2ModelImpl& network;  // modules are not const, their forward in eval mode changes nothing
  EngineOptions options;
  bool bf16;
  mutable GrammarCache grammars;
};

// A copy of `ids` as a tensor [1, T].
torch::Tensor id_tensor(const std::vector<int>& ids);

}  // namespace af2
