#include "af2/model/low_rank.h"

#include <cmath>

#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/model/linear.h"
#include "af2/model/precision.h"
#include "af2/quant/dot.h"

namespace af2 {
namespace {

constexpr const char* kFirst = ".lora.a";

}  // namespace

LowRankImpl::LowRankImpl(int64_t in, int64_t out, int64_t rank, double factor) {
  a = register_parameter("a", torch::empty({rank, in}));
  b = register_parameter("b", torch::zeros({out, rank}));
  scale = register_buffer("scale", torch::full({1}, factor));
  torch::nn::init::kaiming_uniform_(a, std::sqrt(5));
}

torch::Tensor LowRankImpl::forward(const torch::Tensor& x, const torch::Tensor& y) {
  const torch::Tensor rows = x.reshape({-1, x.size(-1)}), outer = b * scale;
  if (!torch::GradMode::is_enabled()) {  // in the pair's own type, as the weight's product on this device is
    const torch::Tensor added = linear_product(linear_product(rows.to(a.scalar_type()), a, {}), outer, {});
    return y + added.view(y.sizes()).to(y.scalar_type());
  }
  const torch::Tensor inner = torch::nn::functional::linear(rows, a);  // [N, rank]
  // Autocast would round a float32 y to bfloat16.
  if (Bf16Products::active() && y.scalar_type() == torch::kFloat32)
    return y + torch::nn::functional::linear(inner, outer).view(y.sizes());
  return torch::addmm(y.reshape({-1, y.size(-1)}), inner, outer.t()).view(y.sizes());
}

void LowRankImpl::add_to(const float* x, int64_t n, float* y) const {
  const int64_t rank = a.size(0), in = a.size(1), out = b.size(0);
  const auto *rows = a.const_data_ptr<float>(), *outer = b.const_data_ptr<float>();
  const float factor = *scale.const_data_ptr<float>();
  std::vector<float> inner(static_cast<std::size_t>(rank));
  for (int64_t i = 0; i < n; ++i, x += in, y += out) {
    dot_f32(x, rows, rank, in, inner.data(), 1);
    for (float& value : inner) value *= factor;
    for (int64_t k = 0; k < out; ++k) {
      float sum = 0;
      for (int64_t r = 0; r < rank; ++r) sum += inner[static_cast<std::size_t>(r)] * outer[k * rank + r];
      y[k] += sum;
    }
  }
}

torch::Tensor LowRankImpl::product() const {
  return torch::matmul(b, a) * scale;
}

void add_low_rank(torch::nn::Module& module, const std::vector<std::string>& layers, int64_t rank,
                  double scale) {
  std::vector<bool> found(layers.size(), false);
  for (const auto& item : module.named_modules()) {
    auto layer = std::dynamic_pointer_cast<LinearImpl>(item.value());
    if (!layer) continue;
    const std::string& path = item.key();
    const std::string name = path.substr(path.rfind('.') + 1);
    bool wanted = false;
    for (std::size_t i = 0; i < layers.size(); ++i)
      if (layers[i] == name || layers[i] == path) wanted = found[i] = true;
    if (wanted) layer->add_low_rank(LowRank(layer->in, layer->out, rank, scale));
  }
  for (std::size_t i = 0; i < layers.size(); ++i)
    if (!found[i])
      throw user_error("the language model has no linear layer " + layers[i], "low-rank pairs",
                       "name layers such as q_proj, v_proj or down_proj");
}

int merge_low_rank(torch::nn::Module& module) {
  int merged = 0;
  for (auto& [name, layer] : linear_layers(module)) merged += layer->merge_low_rank();
  return merged;
}

bool add_low_rank_of(torch::nn::Module& module, const std::string& prefix, const SafeTensors& file) {
  bool holds = false;
  for (const std::string& name : file.names()) {
    const std::string layer = low_rank_layer(name);
    if (layer.empty() || !starts_with(layer, prefix)) continue;
    const TensorView* view = file.find(name);
    if (view->shape.size() != 2) throw model_error("is no matrix", name, "export the training run anew");
    add_low_rank(module, {layer.substr(prefix.size())}, view->shape.front(), /*scale=*/1);
    holds = true;
  }
  return holds;
}

bool has_low_rank(const torch::nn::Module& module) {
  for (const auto& [name, layer] : linear_layers(module))
    if (layer->has_low_rank()) return true;
  return false;
}

bool is_low_rank(const std::string& tensor_name) {
  return tensor_name.find(".lora.") != std::string::npos;
}

std::string low_rank_layer(const std::string& tensor_name) {
  if (!tensor_name.ends_with(kFirst)) return "";
  return tensor_name.substr(0, tensor_name.size() - std::string_view(kFirst).size());
}

}  // namespace af2
