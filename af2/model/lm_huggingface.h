// The language model as a Hugging Face folder of a Qwen2 or Llama model holds it: config.json and the names
// of its tensors.
//
// Reading such a folder: checkpoint_config.h (sizes), checkpoint_load.h (tensors). Thread rule: free
// functions.
//
//   Json config = huggingface_config(lm, "bfloat16");
//   for (auto& tensor : huggingface_tensors(decoder)) ...   // "model.layers.0.self_attn.q_proj.weight"
#pragma once

#include <string>
#include <vector>

#include "af2/core/json.h"
#include "af2/model/decoder.h"

namespace af2 {

// config.json of these sizes; `dtype` as torch names it.
Json huggingface_config(const LmConfig& config, const std::string& dtype);

// One tensor of the folder: a matrix (`layer`) or a vector.
struct HuggingFaceTensor {
  std::string name;
  Linear layer{nullptr};
  torch::Tensor vector;
};

// In the order of the modules. Added tokens are not among them: they are no part of the language model.
std::vector<HuggingFaceTensor> huggingface_tensors(DecoderImpl& decoder);

}  // namespace af2
