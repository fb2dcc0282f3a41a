// What tests of the architecture switches (docs/spec/training.md section 10) share: a model folder whose
// language model has six layers, and its network with any patch over its config. Thread rule: one test at a
// time.
#pragma once

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <string>
#include <vector>

#include "af2/core/file.h"
#include "af2/core/options.h"
#include "af2/generate/engine.h"
#include "af2/generate/model_folder.h"
#include "model_testing.h"
#include "named_weights.h"
#include "noise_clip.h"
#include "tiny_gguf.h"

namespace af2::test {

// Windows of 1.25 s, 16 tokens each.
inline Af2Config six_layer_config(int context = 512) {
  LmConfig lm = tiny_llama();
  lm.n_layers = 6, lm.dim = 32, lm.n_heads = 2, lm.n_kv_heads = 1, lm.head_dim = 16, lm.ffn_dim = 64;
  lm.vocab = kTinyVocabulary, lm.context = context, lm.file = "lm.gguf";
  return tiny_config(lm, tiny_patch_tower(), 1, 1);
}

inline Json config_json(Af2Config config) {
  return to_json(config);
}

// The network of six_layer_config with a patch over it, its values from their names.
inline Af2Model six_layer_model(const std::string& patch) {
  Json json = config_json(six_layer_config());
  json.merge_patch(Json::parse(patch));
  Af2Config config;
  from_json(json, config, "test");
  config.check("test");
  Af2Model model(config);
  fill_named(*model, "architecture/");
  model->eval();
  return model;
}

class ArchitectureFolder {
 public:
  // A folder without adapters.
  explicit ArchitectureFolder(int context = 512) {
    const Af2Config config = six_layer_config(context);
    write_config(path(), config);
    TinyGguf lm = make_tiny_gguf(config.lm, "architecture/", DType::kQ8_0);
    add_tiny_tokenizer(lm);
    lm.write(path() / "lm.gguf");
  }

  std::filesystem::path path(const std::string& name = "model") const { return scratch / name; }

  // Its network with a patch over its config, the adapters' values from their names.
  ModelFolder fresh(const std::string& patch, const std::string& from = "model") const {
    LoadOptions options;
    options.low_bit_lm = false;
    options.adapters = false;
    options.architecture = Json::parse(patch);
    ModelFolder model = load_model_folder(path(from), options);
    const torch::NoGradGuard no_grad;
    for (auto& [name, tensor] : adapter_tensors(*model.network))
      tensor.copy_(named("architecture/" + name, tensor.sizes()));
    return model;
  }

  // A folder of its own for a network.
  void save(const ModelFolder& model, const std::string& name) const {
    write_config(path(name), model.config);
    std::filesystem::copy_file(path() / "lm.gguf", path(name) / "lm.gguf");
    Af2Model network = model.network;
    save_tensors(path(name) / "adapter.safetensors", adapter_tensors(*network), SaveType::kF32, {});
  }

  const Scratch scratch;

 private:
  static void write_config(const std::filesystem::path& folder, const Af2Config& config) {
    std::filesystem::create_directories(folder);
    write_file_atomic(folder / "config.json", config_json(config).dump(2));
  }
};

// Every token is the likeliest, or nearly, after a forward of all that stands before it.
inline void expect_likeliest(Af2ModelImpl& network, const AudioContext& audio, const std::vector<int>& prompt,
                             const std::vector<int>& answer) {
  const torch::NoGradGuard no_grad;
  std::vector<int64_t> ids(prompt.begin(), prompt.end());
  ids.insert(ids.end(), answer.begin(), answer.end());
  const torch::Tensor logits = network.logits(network.forward(torch::tensor(ids).unsqueeze(0), audio))[0];
  for (std::size_t i = 0; i < answer.size(); ++i) {
    const torch::Tensor row = logits[static_cast<int64_t>(prompt.size() + i) - 1];
    EXPECT_GT(row[answer[i]].item<float>(), row.max().item<float>() - 2e-3f) << "token " << i;
  }
}

inline torch::Tensor tensor_of(const Feature& feature) {
  return torch::tensor(feature.values).view(feature.shape);
}

}  // namespace af2::test
