#include "af2/model/lm_gguf.h"

#include <ATen/Parallel.h>

#include "af2/core/error.h"
#include "af2/io/quant_blocks.h"

namespace af2 {

void read_matrix(const Gguf& file, const std::string& name, LinearImpl& layer, MatrixForm form,
                 std::vector<std::int64_t> rows_in_file) {
  const std::int64_t shape[] = {layer.out, layer.in};
  const TensorView& view = file.get(name, shape);
  torch::NoGradGuard no_grad;
  if (form != MatrixForm::kFloat32 && view.dtype == DType::kF32 && rows_in_file.empty()) {
    layer.set_mapped(view);
    return;
  }
  if (form == MatrixForm::kAsStored || (form == MatrixForm::kMapped && view.dtype != DType::kF32)) {
    layer.set_low_bit(std::make_shared<QMatrix>(view, std::move(rows_in_file)));
    return;
  }
  const QMatrix rows(view, std::move(rows_in_file));
  float* out = layer.weight.data_ptr<float>();
  at::parallel_for(0, layer.out, 256, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) rows.row(r, out + r * layer.in);
  });
  file.release(view);
}

std::vector<LmGgufTensor> lm_gguf_tensors(DecoderImpl& decoder) {
  const LmConfig& config = decoder.config;
  const bool llama = config.arch == "llama";
  std::vector<LmGgufTensor> all;
  const auto matrix = [&](const std::string& name, const Linear& layer, int heads = 0) {
    all.push_back({name + ".weight", layer, {}, false, llama ? heads : 0});
    if (layer->bias.defined()) all.push_back({name + ".bias", Linear(nullptr), layer->bias, false, 0});
  };
  const auto norm = [&](const std::string& name, const RmsNorm& layer) {
    all.push_back({name + ".weight", Linear(nullptr), layer->weight, false, 0});
  };
  matrix("token_embd", decoder.embed_tokens);
  all.back().vocabulary = true;
  if (decoder.lm_head) {
    matrix("output", decoder.lm_head);
    all.back().vocabulary = true;
  }
  norm("output_norm", decoder.norm);
  for (int i = 0; i < config.n_layers; ++i) {
    const std::string at = "blk." + std::to_string(i) + ".";
    auto& layer = *decoder.layers->ptr(i)->as<DecoderLayer>();
    norm(at + "attn_norm", layer.input_layernorm);
    matrix(at + "attn_q", layer.self_attn->q_proj, config.n_heads);
    matrix(at + "attn_k", layer.self_attn->k_proj, config.n_kv_heads);
    matrix(at + "attn_v", layer.self_attn->v_proj);
    matrix(at + "attn_output", layer.self_attn->o_proj);
    norm(at + "ffn_norm", layer.post_attention_layernorm);
    matrix(at + "ffn_gate", layer.mlp->gate_proj);
    matrix(at + "ffn_up", layer.mlp->up_proj);
    matrix(at + "ffn_down", layer.mlp->down_proj);
  }
  return all;
}

std::vector<std::int64_t> row_in_file(const LmGgufTensor& tensor) {
  if (tensor.permuted_heads == 0) return {};
  const std::int64_t heads = tensor.permuted_heads, dim_head = tensor.layer->out / heads, half = dim_head / 2;
  std::vector<std::int64_t> order(static_cast<std::size_t>(tensor.layer->out));
  for (std::int64_t h = 0; h < heads; ++h)
    for (std::int64_t side = 0; side < 2; ++side)
      for (std::int64_t j = 0; j < half; ++j)
        order[h * dim_head + side * half + j] = h * dim_head + 2 * j + side;
  return order;
}

std::vector<std::int64_t> row_in_decoder(const LmGgufTensor& tensor) {
  const std::vector<std::int64_t> there = row_in_file(tensor);
  std::vector<std::int64_t> back(there.size());
  for (std::size_t r = 0; r < there.size(); ++r)
    back[static_cast<std::size_t>(there[r])] = static_cast<std::int64_t>(r);
  return back;
}

LmConfig lm_config_from_gguf(const Gguf& file) {
  LmConfig config;
  config.arch = file.get_string("general.architecture");
  if (config.arch != "llama" && config.arch != "qwen2")
    throw model_error("architecture \"" + config.arch + "\" is not built in", file.where(),
                      "give a Llama or Qwen2 model");
  const std::string* scaling = file.find_string(config.arch + ".rope.scaling.type");
  if (scaling && *scaling != "none")
    throw model_error("rotary positions scaled by \"" + *scaling + "\" are not built in", file.where(),
                      "give a Llama or Qwen2 model without");
  const auto size = [&](const std::string& key) {
    return static_cast<int>(file.get_uint(config.arch + "." + key));
  };
  config.n_layers = size("block_count");
  config.dim = size("embedding_length");
  config.ffn_dim = size("feed_forward_length");
  config.n_heads = size("attention.head_count");
  config.n_kv_heads = static_cast<int>(file.find_uint(config.arch + ".attention.head_count_kv")
                                           .value_or(static_cast<std::uint64_t>(config.n_heads)));
  config.context = size("context_length");
  if (config.n_heads <= 0) throw model_error("has no attention heads", file.where());
  config.head_dim = static_cast<int>(file.find_uint(config.arch + ".attention.key_length")
                                         .value_or(static_cast<std::uint64_t>(config.dim / config.n_heads)));
  config.rope_theta = file.find_float(config.arch + ".rope.freq_base").value_or(10000.0f);
  config.rms_eps = file.get_float(config.arch + ".attention.layer_norm_rms_epsilon");
  config.vocab = static_cast<int>(file.get("token_embd.weight").shape.at(0));
  config.tied = file.find("output.weight") == nullptr;
  return config;
}

GgufMetadata lm_gguf_metadata(const LmConfig& config, const std::string& name) {
  const std::string arch = config.arch + ".";
  const auto size = [](int value) { return static_cast<std::uint32_t>(value); };
  return {{"general.architecture", config.arch},
          {"general.name", name},
          {arch + "block_count", size(config.n_layers)},
          {arch + "context_length", size(config.context)},
          {arch + "embedding_length", size(config.dim)},
          {arch + "feed_forward_length", size(config.ffn_dim)},
          {arch + "attention.head_count", size(config.n_heads)},
          {arch + "attention.head_count_kv", size(config.n_kv_heads)},
          {arch + "attention.key_length", size(config.head_dim)},
          {arch + "attention.value_length", size(config.head_dim)},
          {arch + "rope.dimension_count", size(config.head_dim)},
          {arch + "rope.freq_base", static_cast<float>(config.rope_theta)},
          {arch + "attention.layer_norm_rms_epsilon", static_cast<float>(config.rms_eps)},
          {arch + "vocab_size", size(config.vocab)}};
}

void load_decoder(const Gguf& file, DecoderImpl& decoder, MatrixForm form) {
  torch::NoGradGuard no_grad;
  std::vector<LmGgufTensor> tensors = lm_gguf_tensors(decoder);
  for (LmGgufTensor& tensor : tensors) {
    if (!tensor.vector.defined()) {
      read_matrix(file, tensor.name, *tensor.layer, form, row_in_file(tensor));
      continue;
    }
    const std::int64_t shape[] = {tensor.vector.size(0)};
    tensor.vector.copy_(torch::tensor(to_float(file.get(tensor.name, shape))));
  }
}

}  // namespace af2
