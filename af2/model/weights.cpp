#include "af2/model/weights.h"

#include <numeric>
#include <set>

#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/io/quant_blocks.h"

namespace af2 {
namespace {

bool is_derived(const std::string& name) {
  for (const char* end : {"attn_mask", "relative_position_index", "num_batches_tracked"})
    if (name.size() >= std::string(end).size() && name.ends_with(end)) return true;
  return false;
}

std::vector<std::int64_t> shape_of(const torch::Tensor& tensor) {
  return tensor.sizes().vec();
}

// Row r of a Llama GGUF matrix of `heads` heads lies at the returned position: pairs (j, j + dh/2) are stored
// beside each other.
std::vector<std::int64_t> unpermuted_rows(std::int64_t heads, std::int64_t dim_head) {
  std::vector<std::int64_t> order(heads * dim_head);
  const std::int64_t half = dim_head / 2;
  for (std::int64_t h = 0; h < heads; ++h)
    for (std::int64_t side = 0; side < 2; ++side)
      for (std::int64_t j = 0; j < half; ++j)
        order[h * dim_head + side * half + j] = h * dim_head + 2 * j + side;
  return order;
}

class GgufLoader {
 public:
  GgufLoader(const Gguf& file, bool low_bit) : file_(file), low_bit_(low_bit) {}

  void matrix(const std::string& name, LmLinear& layer, std::vector<std::int64_t> order = {}) {
    const std::int64_t shape[] = {layer->out, layer->in};
    const TensorView& view = file_.get(name, shape);
    if (low_bit_ && view.dtype != DType::kF32) {
      layer->set_low_bit(std::make_shared<QMatrix>(view, std::move(order)));
      return;
    }
    const QMatrix rows(view, std::move(order));
    torch::NoGradGuard no_grad;
    float* out = layer->weight.data_ptr<float>();
    at::parallel_for(0, layer->out, 256, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) rows.row(r, out + r * layer->in);
    });
    file_.release(view);
  }

  void vector(const std::string& name, torch::Tensor& target) {
    const std::int64_t shape[] = {target.size(0)};
    const std::vector<float> values = to_float(file_.get(name, shape));
    torch::NoGradGuard no_grad;
    target.copy_(torch::tensor(values));
  }

 private:
  const Gguf& file_;
  bool low_bit_;
};

}  // namespace

std::vector<std::pair<std::string, torch::Tensor>> stored_tensors(const torch::nn::Module& module) {
  std::vector<std::pair<std::string, torch::Tensor>> found;
  for (const auto& item : module.named_parameters()) found.emplace_back(item.key(), item.value());
  for (const auto& item : module.named_buffers())
    if (!is_derived(item.key())) found.emplace_back(item.key(), item.value());
  return found;
}

torch::Tensor read_tensor(const SafeTensors& file, const std::string& name) {
  const TensorView& view = file.get(name);
  torch::Tensor tensor = torch::empty(view.shape, torch::kFloat32);
  if (view.dtype == DType::kI8) {
    const std::int64_t rows = view.shape.empty() ? 1 : view.shape[0];
    const std::int64_t scale_shape[] = {rows};
    const std::vector<float> scales = to_float(file.get(name + ".scale", scale_shape));
    const auto* values = reinterpret_cast<const std::int8_t*>(view.bytes.data());
    float* out = tensor.data_ptr<float>();
    const std::int64_t columns = rows ? view.n_elements() / rows : 0;
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t c = 0; c < columns; ++c) out[r * columns + c] = scales[r] * values[r * columns + c];
  } else {
    dequantize(view.dtype, view.bytes, {tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel())});
  }
  if (!tensor.isfinite().all().item<bool>())
    throw model_error("holds values that are not finite", file.path().string() + " tensor " + name,
                      "the file is damaged or the training diverged");
  return tensor;
}

std::vector<std::string> load_strict(const SafeTensors& file,
                                     const std::vector<std::pair<std::string, torch::Tensor>>& targets) {
  std::vector<std::string> missing;
  std::set<std::string> surplus;
  for (const auto& [name, view] : file.tensors()) surplus.insert(name);
  for (const auto& [name, target] : targets) {
    const TensorView* view = file.find(name);
    if (!view)
      missing.push_back(name + " (" + shape_text(target.sizes()) + ")");
    else if (view->shape != shape_of(target))
      throw model_error(
          "is " + shape_text(view->shape) + " where the model needs " + shape_text(target.sizes()),
          file.path().string() + " tensor " + name, "use the config.json that belongs to these weights");
    surplus.erase(name);
    surplus.erase(name + ".scale");
  }
  if (!missing.empty()) {
    const std::size_t n = missing.size();
    if (n > 5) missing.resize(5);
    throw model_error(
        "lacks " + join(missing, ", ") + (n > 5 ? " and " + std::to_string(n - 5) + " more" : ""),
        file.path().string(), "get the complete file, or the config.json that belongs to it");
  }
  torch::NoGradGuard no_grad;
  for (auto [name, target] : targets) target.copy_(read_tensor(file, name));
  return {surplus.begin(), surplus.end()};
}

void save_tensors(const std::filesystem::path& path,
                  const std::vector<std::pair<std::string, torch::Tensor>>& tensors, SaveType type,
                  const StringMap& metadata) {
  torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> kept;  // keeps the bytes alive until they are written
  std::vector<TensorView> views;
  const auto add = [&](const std::string& name, const torch::Tensor& tensor, DType dtype) {
    kept.push_back(tensor.contiguous());
    const auto* data = static_cast<const std::byte*>(kept.back().data_ptr());
    views.push_back({name, dtype, shape_of(tensor), {data, kept.back().nbytes()}});
  };
  for (const auto& [name, tensor] : tensors) {
    const torch::Tensor value = tensor.detach().to(torch::kCPU, torch::kFloat32);
    if (value.dim() < 2 || type == SaveType::kF32) {
      add(name, value, DType::kF32);
    } else if (type == SaveType::kBF16) {
      add(name, value.to(torch::kBFloat16), DType::kBF16);
    } else {
      const torch::Tensor rows = value.flatten(1);
      const torch::Tensor scale = (rows.abs().amax(1) / 127.0).clamp_min(1e-12);
      add(name, (rows / scale.unsqueeze(1)).round().clamp(-127, 127).to(torch::kInt8).view(value.sizes()),
          DType::kI8);
      add(name + ".scale", scale, DType::kF32);
    }
  }
  write_safetensors(path, views, metadata);
}

LmConfig lm_config_from_gguf(const Gguf& file) {
  LmConfig config;
  config.arch = file.get_string("general.architecture");
  if (config.arch != "llama" && config.arch != "qwen2")
    throw model_error("architecture \"" + config.arch + "\" is not built in", file.where(),
                      "give a Llama or Qwen2 model");
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

void load_decoder(const Gguf& file, DecoderImpl& decoder, bool low_bit) {
  const LmConfig& config = decoder.config;
  GgufLoader load(file, low_bit);
  const bool permuted = config.arch == "llama";
  load.matrix("token_embd.weight", decoder.embed_tokens);
  if (decoder.lm_head) load.matrix("output.weight", decoder.lm_head);
  load.vector("output_norm.weight", decoder.norm->weight);
  for (int i = 0; i < config.n_layers; ++i) {
    const std::string prefix = "blk." + std::to_string(i) + ".";
    auto& layer = *decoder.layers->ptr(i)->as<DecoderLayer>();
    auto& attn = *layer.self_attn;
    load.vector(prefix + "attn_norm.weight", layer.input_layernorm->weight);
    load.vector(prefix + "ffn_norm.weight", layer.post_attention_layernorm->weight);
    using Order = std::vector<std::int64_t>;
    load.matrix(prefix + "attn_q.weight", attn.q_proj,
                permuted ? unpermuted_rows(config.n_heads, config.head_dim) : Order{});
    load.matrix(prefix + "attn_k.weight", attn.k_proj,
                permuted ? unpermuted_rows(config.n_kv_heads, config.head_dim) : Order{});
    load.matrix(prefix + "attn_v.weight", attn.v_proj);
    load.matrix(prefix + "attn_output.weight", attn.o_proj);
    load.matrix(prefix + "ffn_gate.weight", layer.mlp->gate_proj);
    load.matrix(prefix + "ffn_up.weight", layer.mlp->up_proj);
    load.matrix(prefix + "ffn_down.weight", layer.mlp->down_proj);
    if (attn.q_proj->bias.defined()) {
      load.vector(prefix + "attn_q.bias", attn.q_proj->bias);
      load.vector(prefix + "attn_k.bias", attn.k_proj->bias);
      load.vector(prefix + "attn_v.bias", attn.v_proj->bias);
    }
  }
}

}  // namespace af2
