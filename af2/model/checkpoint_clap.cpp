#include "af2/model/checkpoint_clap.h"

#include <map>
#include <set>

#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/io/finite.h"
#include "af2/io/quant_blocks.h"
#include "af2/model/checkpoint_config.h"
#include "af2/model/checkpoint_load.h"
#include "af2/model/checkpoint_shapes.h"
#include "af2/model/weights.h"

namespace af2 {
namespace {

constexpr const char* kTower = "clap.nvclap.";
constexpr const char* kText = "clap.text_branch.";
constexpr std::size_t kMissingShown = 5;

// The name in the files (af2/io/checkpoint_layout.h) of a tensor of the network.
std::string name_in_files(const std::string& name) {
  const std::string audio = "audio_branch.";
  return starts_with(name, audio) ? kTower + name.substr(audio.size()) : "clap." + name;
}

// Parts of LAION-CLAP that AF-CLAP computes nothing with.
bool is_unused(const std::string& name) {
  for (const char* part :
       {"clap.text_transform.", "clap.audio_transform.", "clap.text_branch.encoder.embed_tokens."})
    if (starts_with(name, part)) return true;
  return is_known_unused(name);
}

ClapTextConfig text_config(const CheckpointShapes& shapes) {
  ClapTextConfig text;
  const std::string blocks = std::string(kText) + "encoder.block.";
  const std::string first = blocks + "0.layer.0.SelfAttention.";
  text.vocab = shapes.size(std::string(kText) + "shared.weight", 2, 0);
  text.dim = shapes.size(std::string(kText) + "shared.weight", 2, 1);
  text.layers = shapes.count(blocks, ".layer.0.layer_norm.weight");
  text.buckets = shapes.size(first + "relative_attention_bias.weight", 2, 0);
  text.heads = shapes.size(first + "relative_attention_bias.weight", 2, 1);
  const int inner = shapes.size(first + "q.weight", 2, 0);
  if (inner % text.heads != 0) shapes.wrong(first + "q.weight", "does not divide into the heads");
  text.dim_head = inner / text.heads;
  text.ffn_dim = shapes.size(blocks + "0.layer.1.DenseReluDense.wi_0.weight", 2, 0);
  return text;
}

}  // namespace

ClapModelConfig clap_config_of_checkpoint(const CheckpointFiles& files, const std::string& generation) {
  const CheckpointShapes shapes(files);
  ClapModelConfig config;
  config.name = files.path().stem().string();
  config.licence = "NVIDIA OneWay Noncommercial License";
  config.tower = tower_config(shapes, kTower);
  config.tower.fusion = shapes.has(std::string(kTower) + "patch_embed.mel_conv2d.weight");
  config.audio.n_mels = shapes.size(std::string(kTower) + "bn0.weight", 1, 0);
  if (settled_generation(files, generation) == Generation::kMarch2025) config.audio.f_max = kMarchMaxHz;
  config.text = text_config(shapes);
  config.joint_dim = shapes.size("clap.audio_projection.2.weight", 2, 0);
  config.check(files.path().string());
  return config;
}

std::vector<std::string> load_clap_checkpoint(const CheckpointFiles& files, ClapModelImpl& network,
                                              bool bf16) {
  const auto targets = stored_tensors(network);
  std::vector<std::string> missing;
  for (const auto& [name, target] : targets)
    if (!files.find(name_in_files(name))) missing.push_back(name + " (" + shape_text(target.sizes()) + ")");
  if (!missing.empty()) {
    const std::size_t n = missing.size();
    if (n > kMissingShown) missing.resize(kMissingShown);
    throw model_error("lacks " + join(missing, ", ") +
                          (n > kMissingShown ? " and " + std::to_string(n - kMissingShown) + " more" : ""),
                      files.path().string(), "get the complete checkpoint");
  }
  std::set<std::string> unused;
  for (const auto& [name, tensor] : files.tensors())
    if (!is_unused(name)) unused.insert(name);
  torch::NoGradGuard no_grad;
  std::map<std::string, Linear> layers;
  for (auto& [name, layer] : linear_layers(network)) layers.emplace(name, layer);
  for (const auto& [name, target] : targets) {
    const std::string there = name_in_files(name);
    unused.erase(there);
    std::vector<std::int64_t> shape = target.sizes().vec();
    const TensorView* found = files.find(there);
    // The logit scales are scalars, in some files lists of one.
    if (shape.empty() && found->shape == std::vector<std::int64_t>{1}) shape = {1};
    const TensorView& view = files.get(there, shape);
    check_finite(view, files.path().string());
    const auto layer = layers.find(name);
    if (layer != layers.end() && LinearImpl::can_map(view, bf16)) {
      layer->second->set_mapped(view);
      continue;
    }
    torch::Tensor to = target;
    dequantize(view.dtype, view.bytes, {to.data_ptr<float>(), static_cast<std::size_t>(to.numel())});
  }
  return {unused.begin(), unused.end()};
}

}  // namespace af2
