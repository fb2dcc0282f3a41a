#include "af2/model/checkpoint_load.h"

#include <algorithm>
#include <set>

#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/io/finite.h"
#include "af2/io/quant_blocks.h"
#include "af2/model/weights.h"

namespace af2 {
namespace {

constexpr const char* kDecoder = "lang_encoder.model.";
constexpr const char* kEmbedding = "lang_encoder.model.embed_tokens.weight";
constexpr const char* kHead = "lang_encoder.lm_head.weight";

class Loader {
 public:
  explicit Loader(const CheckpointFiles& files) : files_(files) {
    for (const auto& [name, tensor] : files.tensors()) unused_.insert(name);
  }

  std::vector<std::string> whole(Af2ModelImpl& network, bool bf16) {
    list_missing(network, "");
    torch::NoGradGuard no_grad;
    language_model(*network.lang_encoder->model);
    std::set<std::string> mapped;
    for (auto& [name, layer] : cross_attention_matrices(network)) {
      matrix(name, *layer, layer->out);
      mapped.insert(name);
    }
    // Of tower and audio transformer: float32 as it lies, bfloat16 too where products are in it.
    for (auto& [name, layer] : linear_layers(network)) {
      const TensorView* view = mapped.contains(name) ? nullptr : files_.find(name);
      if (!view || starts_with(name, "lang_encoder.") || !LinearImpl::can_map(*view, bf16)) continue;
      layer->set_mapped(take(name, {layer->out, layer->in}));
      mapped.insert(name);
    }
    for (const auto& [name, target] : stored_tensors(network))
      if (!starts_with(name, "lang_encoder.model.") && !mapped.contains(name)) copy(name, target);
    return {unused_.begin(), unused_.end()};
  }

  std::vector<std::string> alone(DecoderImpl& decoder) {
    list_missing(decoder, kDecoder);
    torch::NoGradGuard no_grad;
    language_model(decoder);
    return {unused_.begin(), unused_.end()};
  }

 private:
  // All that is missing at once, before anything is read. `prefix`: of the module's names in the files.
  void list_missing(const torch::nn::Module& module, const std::string& prefix) const {
    std::vector<std::string> missing;
    for (const auto& [key, target] : stored_tensors(module)) {
      const std::string name = prefix + key;
      if (name.ends_with(".added_embeddings") || name.ends_with(".added_head")) continue;  // rows of these
      const std::string wanted = name == "lang_encoder.model.lm_head.weight" ? kHead : name;
      if (!files_.find(wanted)) missing.push_back(wanted + " (" + shape_text(target.sizes()) + ")");
    }
    if (missing.empty()) return;
    const std::size_t n = missing.size();
    if (n > 5) missing.resize(5);
    throw model_error(
        "lacks " + join(missing, ", ") + (n > 5 ? " and " + std::to_string(n - 5) + " more" : ""),
        files_.path().string(),
        "get the complete checkpoint, and put the base language model's folder beside it");
  }

  const TensorView& take(const std::string& name, std::vector<std::int64_t> shape) {
    unused_.erase(name);
    const TensorView& view = files_.get(name, shape);
    if (checked_.insert(name).second) check_finite(view, files_.path().string());
    return view;
  }

  void copy(const std::string& name, torch::Tensor target) { fill(take(name, target.sizes().vec()), target); }

  void fill(const TensorView& view, torch::Tensor target) const {
    dequantize(view.dtype, view.bytes, {target.data_ptr<float>(), static_cast<std::size_t>(target.numel())});
  }

  // A matrix, left where it lies. `n_rows` of the file's, of which the layer takes the first.
  void matrix(const std::string& name, LinearImpl& layer, std::int64_t n_rows) {
    TensorView view = take(name, {n_rows, layer.in});
    view.bytes = view.rows(0, layer.out);
    view.shape[0] = layer.out;
    if (view.dtype == DType::kF32)
      layer.set_mapped(view);
    else
      layer.set_low_bit(std::make_shared<QMatrix>(view));
  }

  // The embedding or the output projection: rows of the vocabulary, then those of the added tokens, then
  // padding.
  void vocabulary(const std::string& name, LinearImpl& layer, torch::Tensor& added) {
    const TensorView* whole = files_.find(name);
    const std::int64_t rows = whole && !whole->shape.empty() ? whole->shape[0] : 0;
    const std::int64_t n_added = added.defined() ? added.size(0) : 0;
    if (rows < layer.out + n_added)
      throw model_error("has " + std::to_string(rows) + " rows where the model needs " +
                            std::to_string(layer.out + n_added),
                        files_.path().string() + " tensor " + name,
                        "tokenizer and weights do not belong together");
    matrix(name, layer, rows);
    if (n_added == 0) return;
    TensorView view = take(name, {rows, layer.in});
    view.bytes = view.rows(layer.out, n_added);
    view.shape[0] = n_added;
    fill(view, added);
  }

  void language_model(DecoderImpl& decoder) {
    torch::Tensor none;
    vocabulary(kEmbedding, *decoder.embed_tokens, decoder.added_embeddings);
    if (decoder.lm_head)
      vocabulary(kHead, *decoder.lm_head, decoder.added_head.defined() ? decoder.added_head : none);
    unused_.erase(kHead);
    const std::string prefix = kDecoder;
    copy(prefix + "norm.weight", decoder.norm->weight);
    for (int i = 0; i < decoder.config.n_layers; ++i) {
      const std::string at = prefix + "layers." + std::to_string(i) + ".";
      auto& layer = *decoder.layers->ptr(i)->as<DecoderLayer>();
      copy(at + "input_layernorm.weight", layer.input_layernorm->weight);
      copy(at + "post_attention_layernorm.weight", layer.post_attention_layernorm->weight);
      const std::pair<const char*, LinearImpl*> parts[] = {
          {"self_attn.q_proj", layer.self_attn->q_proj.get()},
          {"self_attn.k_proj", layer.self_attn->k_proj.get()},
          {"self_attn.v_proj", layer.self_attn->v_proj.get()},
          {"self_attn.o_proj", layer.self_attn->o_proj.get()},
          {"mlp.gate_proj", layer.mlp->gate_proj.get()},
          {"mlp.up_proj", layer.mlp->up_proj.get()},
          {"mlp.down_proj", layer.mlp->down_proj.get()}};
      for (const auto& [name, part] : parts) {
        matrix(at + name + ".weight", *part, part->out);
        if (part->bias.defined()) copy(at + name + ".bias", part->bias);
      }
    }
  }

  const CheckpointFiles& files_;
  std::set<std::string> unused_, checked_;
};

}  // namespace

bool is_known_unused(const std::string& name) {
  for (const char* part : {"clap.nvclap.tscam_conv.", "clap.nvclap.head.",
                           "clap.nvclap.spectrogram_extractor.", "clap.nvclap.logmel_extractor.",
                           "clap.nvclap.patch_embed.mel_conv2d.", "clap.nvclap.patch_embed.fusion_model."})
    if (starts_with(name, part)) return true;
  for (const char* end : {".attn_mask", ".relative_position_index", ".num_batches_tracked", ".inv_freq"})
    if (name.ends_with(end)) return true;
  return false;
}

std::vector<std::string> load_checkpoint(const CheckpointFiles& files, Af2ModelImpl& network, bool bf16) {
  std::vector<std::string> unused = Loader(files).whole(network, bf16);
  std::erase_if(unused, is_known_unused);
  return unused;
}

std::vector<std::string> load_huggingface(const CheckpointFiles& files, DecoderImpl& decoder) {
  std::vector<std::string> unused = Loader(files).alone(decoder);
  std::erase_if(unused, is_known_unused);
  return unused;
}

}  // namespace af2
