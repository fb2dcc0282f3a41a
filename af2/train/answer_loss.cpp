#include "af2/train/answer_loss.h"

#include <algorithm>

namespace af2 {

torch::Tensor target_log_p(Af2ModelImpl& network, const TokenBatch& tokens, const AudioContext& context) {
  const torch::Tensor hidden = network.forward_packed(tokens.ids, tokens.rows, context);  // [R, D_l]
  return network.logits(hidden.index_select(0, tokens.positions)).to(torch::kFloat32).log_softmax(-1);
}

std::vector<AnswerFigures> answer_figures(const torch::Tensor& log_p, const TokenBatch& tokens,
                                          std::size_t n_items) {
  const torch::Tensor best = (log_p.argmax(-1) == tokens.labels).to(torch::kInt64).contiguous(),
                      picked = log_p.gather(1, tokens.labels.unsqueeze(1)).squeeze(1).contiguous();
  std::vector<AnswerFigures> figures(n_items, {0, 0, true});
  const auto* owner = tokens.item_of.data_ptr<int64_t>();
  for (int64_t k = 0; k < tokens.labels.size(0); ++k) {
    AnswerFigures& of = figures[static_cast<std::size_t>(owner[k])];
    of.loss -= picked.data_ptr<float>()[k];
    of.targets += 1;
    of.exact = of.exact && best.data_ptr<int64_t>()[k] != 0;
  }
  return figures;
}

double memory_differs(const torch::Tensor& memories, double power) {
  if (power <= 0) return 0;
  const double variance = memories.var(0, /*unbiased=*/false).sum().item<double>();
  return variance * static_cast<double>(memories.size(0)) / power;
}

bool is_statistic(const std::string& name) {
  return name.ends_with("running_mean") || name.ends_with("running_var");
}

void start_fresh(Af2ModelImpl& network) {
  torch::NoGradGuard no_grad;
  for (auto& item : network.audio_transformer_clap->named_parameters())
    if (item.key().ends_with("fc.weight") || item.key().ends_with("w_2.weight")) item.value().mul_(0.1);
  auto& decoder = *network.lang_encoder->model;
  if (!decoder.added_embeddings.defined()) return;
  const torch::Tensor mean = decoder.embed_tokens->weight.mean(0, true);
  const double deviation = decoder.embed_tokens->weight.std().item<double>();
  decoder.added_embeddings.copy_(mean + torch::randn_like(decoder.added_embeddings) * deviation * 0.5);
}

std::vector<int> greedy_answer(Af2ModelImpl& network, const std::vector<int>& prompt,
                               const AudioContext& context, const std::vector<int>& stops, int most) {
  torch::NoGradGuard no_grad;
  KvCache cache;
  cache.reserve = static_cast<int64_t>(prompt.size()) + most;
  std::vector<int64_t> next(prompt.begin(), prompt.end());
  std::vector<int> answer;
  while (static_cast<int>(answer.size()) < most) {
    const torch::Tensor hidden = network.forward(torch::tensor(next).unsqueeze(0), context, &cache);
    const auto token = network.logits(hidden.select(1, hidden.size(1) - 1)).argmax(-1).item<int64_t>();
    if (std::find(stops.begin(), stops.end(), static_cast<int>(token)) != stops.end()) break;
    answer.push_back(static_cast<int>(token));
    next = {token};
  }
  return answer;
}

}  // namespace af2
