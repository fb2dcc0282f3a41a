#include "af2/model/lm_huggingface.h"

#include <fmt/format.h>

#include <cstdlib>
#include <map>

#include "af2/model/weights.h"

namespace af2 {
namespace {

// The shortest decimal that is this number as a float32, which is all that a GGUF keeps of it.
double shortest(double value) {
  const auto narrow = static_cast<float>(value);
  const double brief = std::strtod(fmt::format("{}", narrow).c_str(), nullptr);
  return static_cast<double>(narrow) == value ? brief : value;
}

}  // namespace

Json huggingface_config(const LmConfig& lm, const std::string& dtype) {
  const bool qwen2 = lm.arch == "qwen2";
  Json config = {{"architectures", Json::array({qwen2 ? "Qwen2ForCausalLM" : "LlamaForCausalLM"})},
                 {"model_type", lm.arch},
                 {"hidden_size", lm.dim},
                 {"intermediate_size", lm.ffn_dim},
                 {"num_hidden_layers", lm.n_layers},
                 {"num_attention_heads", lm.n_heads},
                 {"num_key_value_heads", lm.n_kv_heads},
                 {"head_dim", lm.head_dim},
                 {"max_position_embeddings", lm.context},
                 {"hidden_act", "silu"},
                 {"rms_norm_eps", shortest(lm.rms_eps)},
                 {"rope_theta", shortest(lm.rope_theta)},
                 {"rope_scaling", nullptr},
                 {"tie_word_embeddings", lm.tied},
                 {"torch_dtype", dtype},
                 {"vocab_size", lm.vocab},
                 {"use_cache", true}};
  if (qwen2)
    config["use_sliding_window"] = false;
  else
    config["attention_bias"] = config["mlp_bias"] = false;
  return config;
}

std::vector<HuggingFaceTensor> huggingface_tensors(DecoderImpl& decoder) {
  const auto linear = linear_layers(decoder);
  const std::map<std::string, Linear> layers(linear.begin(), linear.end());
  std::vector<HuggingFaceTensor> all;
  for (const auto& [name, tensor] : stored_tensors(decoder)) {
    if (name == "added_embeddings" || name == "added_head") continue;
    const std::string there = name == "lm_head.weight" ? name : "model." + name;
    const auto layer = layers.find(name);
    if (layer != layers.end())
      all.push_back({there, layer->second, {}});
    else
      all.push_back({there, Linear(nullptr), tensor});
  }
  return all;
}

}  // namespace af2
