#include "af2/train/parts.h"

#include <ATen/Parallel.h>

#include <functional>
#include <span>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/text_util.h"
#include "af2/generate/model_folder.h"
#include "af2/model/low_rank.h"
#include "af2/model/precision.h"
#include "af2/model/weights.h"
#include "af2/train/answer_loss.h"

namespace af2 {
namespace {

constexpr const char* kLanguage = "lang_encoder.model.";

bool is_added(const std::string& name) {
  return name == "added_embeddings" || name == "added_head";
}

// Of a name of all_tensors().
std::string part_of(const std::string& name) {
  if (starts_with(name, "clap.")) return "clap";
  return starts_with(name, kLanguage) || is_added(name) ? "lm" : "adapter";
}

bool is_of_stem(const std::string& name) {
  return starts_with(name, "clap.nvclap.patch_embed.") || starts_with(name, "clap.nvclap.bn0.");
}

bool is_embedding(const std::string& name) {
  return name == std::string(kLanguage) + "embed_tokens.weight" ||
         name == std::string(kLanguage) + "lm_head.weight";
}

std::string hash_where(Af2ModelImpl& network, const std::function<bool(const std::string&)>& wanted) {
  std::vector<torch::Tensor> tensors;
  for (const auto& [name, tensor] : ModelParts::all_tensors(network, /*with_lm=*/true))
    if (wanted(name)) tensors.push_back(tensor.detach().contiguous());
  if (tensors.empty()) return "";
  std::vector<std::string> hashes(tensors.size());
  at::parallel_for(0, static_cast<int64_t>(tensors.size()), 1, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      const torch::Tensor& tensor = tensors[static_cast<std::size_t>(i)];
      hashes[static_cast<std::size_t>(i)] =
          sha256_hex(std::span(static_cast<const std::byte*>(tensor.data_ptr()), tensor.nbytes()));
    }
  });
  const std::string joined = join(hashes, "\n");
  return sha256_hex(std::as_bytes(std::span(joined)));
}

}  // namespace

void narrow_frozen_lm(DecoderImpl& decoder) {
  narrow_weights(*decoder.layers);
  if (decoder.lm_head)
    narrow_weights(*decoder.lm_head);
  else
    decoder.embed_tokens->keep_narrow();
}

ModelParts::ModelParts(Af2ModelImpl& network, const StageOptions& options, const OptimizerOptions& optimizer)
    : network_(network), options_(options), optimizer_(optimizer) {}

NamedTensors ModelParts::all_tensors(Af2ModelImpl& network, bool with_lm) {
  NamedTensors tensors = adapter_tensors(network);
  if (!with_lm) return tensors;
  for (auto& [name, tensor] : stored_tensors(network))
    if (starts_with(name, kLanguage) && !name.ends_with(".added_embeddings") &&
        !name.ends_with(".added_head") && !is_low_rank(name))
      tensors.emplace_back(name, tensor);
  return tensors;
}

bool ModelParts::add_low_rank_of(Af2ModelImpl& network, const SafeTensors& file) {
  return af2::add_low_rank_of(*network.lang_encoder->model, kLanguage, file);
}

bool ModelParts::holds_pairs_of(Af2ModelImpl& network, const SafeTensors& file) {
  std::size_t here = 0, there = 0;
  for (const std::string& name : file.names()) there += is_low_rank(name);
  for (const auto& [name, tensor] : all_tensors(network, /*with_lm=*/false)) {
    if (!is_low_rank(name)) continue;
    const TensorView* view = file.find(name);
    if (!view || view->shape != tensor.sizes().vec()) return false;
    if (name.ends_with(".scale") && !torch::equal(read_tensor(file, name), tensor)) return false;
    ++here;
  }
  return here > 0 && here == there;
}

bool ModelParts::holds_language_model(const SafeTensors& file) {
  for (const std::string& name : file.names())
    if (starts_with(name, kLanguage) && !is_low_rank(name)) return true;
  return false;
}

bool ModelParts::trains(const std::string& name) const {
  if (is_statistic(name)) return false;
  if (options_.freeze_stem && is_of_stem(name)) return false;
  if (is_added(name)) return options_.train_embeddings != "none";
  if (is_embedding(name)) return options_.train_embeddings == "all";
  if (part_of(name) == "lm" && options_.trains_low_rank())
    return is_low_rank(name) && !name.ends_with(".scale");
  return options_.trains(part_of(name));
}

std::vector<TrainTask::Trained> ModelParts::trained() const {
  std::vector<TrainTask::Trained> items;
  for (auto& [name, tensor] : all_tensors(network_, /*with_lm=*/true)) {
    if (!trains(name)) continue;
    double scale = 1;
    if (part_of(name) == "clap") scale = optimizer_.tower_lr_scale;
    if (name.ends_with("_gate")) scale = optimizer_.gate_lr_scale;
    if (starts_with(name, "audio_transformer_clap.")) scale = optimizer_.transformer_lr_scale;
    bool decays = options_.wd_scope == "all" || tensor.dim() >= 2;
    if (options_.wd_scope == "xattn")
      decays = tensor.dim() >= 2 && starts_with(name, "lang_encoder.gated_cross_attn_layers_sound.");
    items.push_back({name, tensor, scale, decays && !is_added(name)});
  }
  return items;
}

bool ModelParts::stores_language_model() const {
  return (options_.trains("lm") && !options_.trains_low_rank()) || options_.lm_trained_before ||
         options_.train_embeddings == "all";
}

NamedTensors ModelParts::stored() const {
  return all_tensors(network_, stores_language_model());
}

Json ModelParts::counts() const {
  std::int64_t trained = 0, frozen = 0;
  for (const auto& [name, tensor] : all_tensors(network_, /*with_lm=*/true))
    (trains(name) ? trained : frozen) += tensor.numel();
  return {{"trained", trained}, {"frozen", frozen}};
}

void ModelParts::freeze() {
  for (auto& parameter : network_.parameters()) parameter.set_requires_grad(false);
  for (auto& item : trained()) item.tensor.set_requires_grad(true);
}

void ModelParts::set_training(bool on) {
  network_.eval();
  if (options_.trains("adapter")) network_.audio_transformer_clap->train(on);
  if (!options_.trains_stem()) return;  // what lies above it is the same in both modes
  network_.clap->train(on);
  if (options_.clap_bn == "sync") return;
  for (const auto& module : network_.clap->modules())
    if (auto* norm = dynamic_cast<torch::nn::BatchNorm2dImpl*>(module.get())) norm->eval();
}

std::string ModelParts::hash_of(const std::string& part) const {
  return hash_where(network_, [&](const std::string& name) {
    return part == "stem" ? is_of_stem(name) : part_of(name) == part;
  });
}

Json ModelParts::frozen_hashes() const {
  Json hashes = Json::object();
  for (const char* part : {"clap", "adapter", "lm"}) {
    const std::string hash = hash_where(network_, [&](const std::string& name) {
      const bool follows = is_statistic(name) && options_.trains_stem() && options_.clap_bn == "sync";
      return part_of(name) == part && !trains(name) && !follows;
    });
    if (!hash.empty()) hashes[part] = hash;
  }
  return hashes;
}

}  // namespace af2
