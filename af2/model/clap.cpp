#include "af2/model/clap.h"

#include <algorithm>
#include <cmath>

#include "af2/core/error.h"

namespace af2 {
namespace {

constexpr double kFirstTemperature = 0.07;

torch::nn::ModuleDict projection(int64_t in, int64_t out) {
  torch::OrderedDict<std::string, std::shared_ptr<torch::nn::Module>> layers;
  layers.insert("0", drawn_linear(in, out, true).ptr());
  layers.insert("2", drawn_linear(out, out, true).ptr());
  torch::nn::ModuleDict all;
  all->update(layers);
  return all;
}

// pooled [N, D] -> [N, joint]: rows one by one, since the kernels of a product depend on how many there are.
torch::Tensor project(torch::nn::ModuleDict& layers, const torch::Tensor& pooled) {
  auto& first = *layers["0"]->as<Linear>();
  auto& second = *layers["2"]->as<Linear>();
  const auto all = [&](const torch::Tensor& x) {
    return torch::nn::functional::normalize(second.forward(torch::relu(first.forward(x))),
                                            torch::nn::functional::NormalizeFuncOptions().dim(-1));
  };
  if (torch::GradMode::is_enabled()) return all(pooled);
  std::vector<torch::Tensor> rows;
  for (int64_t i = 0; i < pooled.size(0); ++i) rows.push_back(all(pooled.narrow(0, i, 1)));
  return torch::cat(rows);
}

}  // namespace

ClapModelImpl::ClapModelImpl(const ClapModelConfig& options) : config(options) {
  audio_branch = register_module("audio_branch", Htsat(config.tower, config.audio));
  text_branch = register_module("text_branch", T5Encoder(config.text));
  audio_projection =
      register_module("audio_projection", projection(config.tower.out_dim(), config.joint_dim));
  text_projection = register_module("text_projection", projection(config.text.dim, config.joint_dim));
  const double scale = std::log(1 / kFirstTemperature);
  logit_scale_a = register_parameter("logit_scale_a", torch::full({}, scale));
  logit_scale_t = register_parameter("logit_scale_t", torch::full({}, scale));
}

torch::Tensor ClapModelImpl::audio_tokens(const ClapMel& mel) {
  return (mel.longer ? audio_branch->forward_fused(mel.channels.unsqueeze(0))
                     : audio_branch->forward(mel.channels.narrow(0, 0, 1)))[0];
}

torch::Tensor ClapModelImpl::audio_pooled(const ClapMel& mel) {
  return audio_tokens(mel).to(torch::kFloat32).mean(0);
}

ClapTokens clap_tokens(const std::vector<int>& ids, const ClapTextConfig& config) {
  ClapTokens tokens;
  std::vector<int64_t> all(ids.begin(), ids.end());
  const auto most = static_cast<std::size_t>(config.max_tokens - 1);
  tokens.cut = all.size() > most;
  if (tokens.cut) all.resize(most);
  all.push_back(config.end_id);
  for (const int64_t id : all)
    if (id < 0 || id >= config.vocab)
      throw model_error(
          "token id " + std::to_string(id) + " is not in the vocabulary of " + std::to_string(config.vocab),
          "text tower", "tokenizer and weights do not belong together");
  tokens.ids = torch::full({1, config.max_tokens}, config.pad_id, torch::kInt64);
  tokens.mask = torch::zeros({1, config.max_tokens}, torch::kInt64);
  const auto n = static_cast<int64_t>(all.size());
  tokens.ids[0].narrow(0, 0, n).copy_(torch::tensor(all));
  tokens.mask[0].narrow(0, 0, n).fill_(1);
  return tokens;
}

torch::Tensor ClapModelImpl::text_pooled(const std::vector<int>& ids) {
  const ClapTokens tokens = clap_tokens(ids, config.text);
  const torch::Tensor hidden = text_branch->forward(tokens.ids, tokens.mask)[0];  // [T, D_t]
  const torch::Tensor wide = hidden.to(torch::kFloat32);
  if (config.text.pooling == "all") return wide.mean(0);
  return wide.narrow(0, 0, tokens.mask.sum().item<int64_t>()).mean(0);
}

torch::Tensor ClapModelImpl::project_audio(const torch::Tensor& pooled) {
  return project(audio_projection, pooled);
}
torch::Tensor ClapModelImpl::project_text(const torch::Tensor& pooled) {
  return project(text_projection, pooled);
}

}  // namespace af2
