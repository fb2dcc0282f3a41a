#include "af2/model/low_rank.h"

#include <cmath>

#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/model/linear.h"

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

torch::Tensor LowRankImpl::forward(const torch::Tensor& x) {
  return torch::nn::functional::linear(torch::nn::functional::linear(x, a), b) * scale;
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

bool is_low_rank(const std::string& tensor_name) {
  return tensor_name.find(".lora.") != std::string::npos;
}

std::string low_rank_layer(const std::string& tensor_name) {
  if (!tensor_name.ends_with(kFirst)) return "";
  return tensor_name.substr(0, tensor_name.size() - std::string_view(kFirst).size());
}

}  // namespace af2
