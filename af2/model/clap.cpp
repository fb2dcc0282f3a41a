#include "af2/model/clap.h"

#include <algorithm>
#include <cmath>

#include "af2/core/error.h"
#include "af2/model/legendre.h"

namespace af2 {
namespace {

constexpr double kFirstTemperature = 0.07;
constexpr double kTurnGain = 2;  // a word's place weighs less than that it stands there

torch::nn::ModuleDict projection(int64_t in, int64_t out, bool linear = false) {
  torch::OrderedDict<std::string, std::shared_ptr<torch::nn::Module>> layers;
  layers.insert("0", drawn_linear(in, out, true).ptr());
  if (!linear) layers.insert("2", drawn_linear(out, out, true).ptr());
  torch::nn::ModuleDict all;
  all->update(layers);
  return all;
}

// n square maps of what weighted means tell, and nothing else.
torch::nn::ModuleList turn_maps(int n, int64_t width) {
  torch::nn::ModuleList maps;
  for (int k = 0; k < n; ++k) {
    Linear map(width, width, /*with_bias=*/false);
    if (!NoDraws::active()) {
      const torch::NoGradGuard no_grad;
      map->weight.normal_(0, kTurnGain / std::sqrt(static_cast<double>(width)));
    }
    maps->push_back(map);
  }
  return maps;
}

// pooled [N, (1 + turns) * D] -> [N, joint]: rows one by one, since the kernels of a product depend on how
// many there are. All parts of a row pass the first layer, those of the turns a map of their own behind it.
torch::Tensor project(torch::nn::ModuleDict& layers, const torch::Tensor& pooled,
                      const torch::nn::ModuleList& turns = {}) {
  auto& first = *layers["0"]->as<Linear>();
  const auto all = [&](const torch::Tensor& x) {
    const auto parts = first.forward(x.unflatten(1, {1 + static_cast<int64_t>(turns->size()), -1})).unbind(1);
    torch::Tensor y = parts[0];
    for (std::size_t k = 0; k < turns->size(); ++k)
      y = y + turns->ptr(k)->as<Linear>()->forward(parts[k + 1]);
    if (layers->contains("2")) y = layers["2"]->as<Linear>()->forward(torch::relu(y));
    return torch::nn::functional::normalize(y, torch::nn::functional::NormalizeFuncOptions().dim(-1));
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
  int64_t heard = config.tower.out_dim();
  const bool statistics = config.statistics.bands > 0;
  if (statistics) {
    audio_statistics = register_module("audio_statistics",
                                       StemStatistics(config.tower.stem.back().channels, config.statistics));
    heard = audio_statistics->size();
  }
  audio_turns = register_module("audio_turns", turn_maps(config.statistics.turns, config.joint_dim));
  audio_projection = register_module("audio_projection", projection(heard, config.joint_dim, statistics));
  text_turns = register_module("text_turns", turn_maps(config.text.turns, config.text.dim));
  text_projection = register_module("text_projection", projection(config.text.dim, config.joint_dim));
  const double scale = std::log(1 / kFirstTemperature);
  logit_scale_a = register_parameter("logit_scale_a", torch::full({}, scale));
  logit_scale_t = register_parameter("logit_scale_t", torch::full({}, scale));
}

torch::Tensor ClapModelImpl::audio_tokens(const ClapMel& mel) {
  return (mel.longer ? audio_branch->forward_fused(mel.channels.unsqueeze(0))
                     : audio_branch->forward(mel.channels.narrow(0, 0, 1)))[0];
}

torch::Tensor ClapModelImpl::stem_map(const torch::Tensor& logmel, const torch::Tensor& keep_mask) {
  const torch::Tensor map = audio_branch->to_stem(logmel, keep_mask);
  return audio_statistics ? audio_statistics->cells(map) : map;
}

torch::Tensor ClapModelImpl::of_stem(const torch::Tensor& map) {
  return audio_statistics ? audio_statistics->forward(map)
                          : audio_branch->from_stem(map).to(torch::kFloat32).mean(1);
}

torch::Tensor ClapModelImpl::audio_pooled(const ClapMel& mel) {
  if (audio_statistics) return of_stem(stem_map(mel.channels.narrow(0, 0, 1)))[0];
  return audio_tokens(mel).to(torch::kFloat32).mean(0);
}

std::vector<torch::Tensor> ClapModelImpl::windows_pooled(const std::vector<torch::Tensor>& windows) {
  std::vector<torch::Tensor> pooled;
  if (windows.empty()) return pooled;
  // A stem hears one window at a time: how narrow convolutions are computed depends on how many there are.
  std::vector<torch::Tensor> maps;
  const bool alone = !config.tower.stem.empty();
  for (std::size_t i = 0; alone && i < windows.size(); ++i) maps.push_back(stem_map(windows[i]));
  if (audio_statistics) return of_stem(torch::cat(maps)).unbind(0);
  const torch::Tensor tokens =
      (alone ? audio_branch->from_stem(torch::cat(maps)) : audio_branch->forward(torch::cat(windows)))
          .to(torch::kFloat32);  // [N, S, D]
  for (int64_t i = 0; i < tokens.size(0); ++i) pooled.push_back(tokens[i].mean(0));
  return pooled;
}

ClapTokens clap_tokens(const std::vector<std::vector<int>>& texts, const ClapTextConfig& config) {
  ClapTokens tokens;
  std::vector<std::vector<int64_t>> rows;
  std::size_t longest = 0;
  for (const auto& text : texts) {
    std::vector<int64_t> row(text.begin(), text.end());
    const auto most = static_cast<std::size_t>(config.max_tokens - 1);
    tokens.cut = tokens.cut || row.size() > most;
    if (row.size() > most) row.resize(most);
    row.push_back(config.end_id);
    for (const int64_t id : row)
      if (id < 0 || id >= config.vocab)
        throw model_error(
            "token id " + std::to_string(id) + " is not in the vocabulary of " + std::to_string(config.vocab),
            "text tower", "tokenizer and weights do not belong together");
    longest = std::max(longest, row.size());
    rows.push_back(std::move(row));
  }
  const auto n = static_cast<int64_t>(rows.size());
  const int64_t t = config.pooling == "all" ? config.max_tokens : static_cast<int64_t>(longest);
  tokens.ids = torch::full({n, t}, config.pad_id, torch::kInt64);
  tokens.mask = torch::zeros({n, t}, torch::kInt64);
  for (int64_t i = 0; i < n; ++i) {
    const auto& row = rows[static_cast<std::size_t>(i)];
    tokens.ids[i].narrow(0, 0, static_cast<int64_t>(row.size())).copy_(torch::tensor(row));
    tokens.mask[i].narrow(0, 0, static_cast<int64_t>(row.size())).fill_(1);
  }
  return tokens;
}

torch::Tensor ClapModelImpl::text_pooled(const std::vector<std::vector<int>>& texts) {
  const ClapTokens tokens = clap_tokens(texts, config.text);
  const torch::Tensor hidden =
      text_branch->forward(tokens.ids, tokens.mask).to(torch::kFloat32);  // [N, T, D_t]
  if (config.text.pooling == "all") {
    // One by one: how a mean is summed depends on how many there are.
    std::vector<torch::Tensor> means;
    for (int64_t i = 0; i < hidden.size(0); ++i) means.push_back(hidden[i].mean(0));
    return torch::stack(means);
  }
  const torch::Tensor counts = tokens.mask.unsqueeze(-1).to(torch::kFloat32);
  const torch::Tensor lengths = counts.sum(1);  // [N, 1]
  torch::Tensor pooled = (hidden * counts).sum(1) / lengths;
  if (text_turns->is_empty()) return pooled;
  const torch::Tensor place =
      (torch::arange(hidden.size(1), torch::kFloat64) + 0.5) * 2 / lengths - 1;  // [N, T]
  for (std::size_t k = 0; k < text_turns->size(); ++k) {
    const torch::Tensor weight =
        legendre(static_cast<int64_t>(k) + 1, place).unsqueeze(-1) * counts;  // [N, T, 1]
    auto& turn = *text_turns->ptr(k)->as<Linear>();
    pooled = pooled + turn.forward((hidden * weight).sum(1) / lengths);
  }
  return pooled;
}

torch::Tensor ClapModelImpl::text_pooled(const std::vector<int>& ids) {
  return text_pooled(std::vector<std::vector<int>>{ids})[0];
}

torch::Tensor ClapModelImpl::project_audio(const torch::Tensor& pooled) {
  return project(audio_projection, pooled, audio_turns);
}
torch::Tensor ClapModelImpl::project_text(const torch::Tensor& pooled) {
  return project(text_projection, pooled);
}

}  // namespace af2
