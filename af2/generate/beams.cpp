#include "af2/generate/beams.h"

#include <algorithm>

#include "af2/core/progress.h"

namespace af2 {
namespace {

struct Open {
  std::vector<int> tokens;
  double sum = 0;
};

// Row i of the cache becomes what row rows[i] was.
void reorder(KvCache& cache, const std::vector<int64_t>& rows) {
  const torch::Tensor index = torch::tensor(rows);
  for (auto* kept : {&cache.keys, &cache.values})
    for (torch::Tensor& tensor : *kept) tensor = tensor.index_select(0, index.to(tensor.device()));
}

}  // namespace

BeamAnswer beam_search(Af2ModelImpl& network, const AudioContext& audio, const std::vector<int>& prompt,
                       const std::vector<int>& stop_ids, const BeamOptions& options) {
  const double start = steady_seconds();
  const auto wanted = static_cast<std::size_t>(options.beams);
  KvCache cache;
  std::vector<Open> open = {{}};
  std::vector<BeamAnswer> finished;
  double first_ms = 0;
  torch::Tensor ids = torch::tensor(std::vector<int64_t>(prompt.begin(), prompt.end())).unsqueeze(0);
  for (int n = 1; n <= options.max_new_tokens && !open.empty(); ++n) {
    const torch::Tensor hidden = network.forward(ids, audio, &cache);
    const torch::Tensor log_p =
        network.logits(hidden.select(1, hidden.size(1) - 1)).to(torch::kFloat32).log_softmax(-1);  // [B, V]
    const int64_t vocab = log_p.size(1);
    torch::Tensor sums = torch::empty({static_cast<int64_t>(open.size()), 1}, torch::kFloat64);
    for (std::size_t i = 0; i < open.size(); ++i) sums[static_cast<int64_t>(i)] = open[i].sum;
    const torch::Tensor totals = (log_p.to(torch::kFloat64) + sums).flatten();
    // Twice as many as wanted: half of them may be finished answers.
    const auto [best, where] =
        totals.topk(std::min<int64_t>(totals.numel(), 2 * static_cast<int64_t>(wanted)));
    if (n == 1) first_ms = (steady_seconds() - start) * 1e3;
    std::vector<Open> next;
    std::vector<int64_t> rows, last;
    for (int64_t k = 0; k < best.size(0) && next.size() < wanted; ++k) {
      const int64_t row = where[k].item<int64_t>() / vocab;
      const auto id = static_cast<int>(where[k].item<int64_t>() % vocab);
      Open candidate = open[static_cast<std::size_t>(row)];
      candidate.sum = best[k].item<double>();
      const bool stops =
          !options.ignore_eos && std::find(stop_ids.begin(), stop_ids.end(), id) != stop_ids.end();
      if (stops) {
        // Below the wanted number of candidates a finished answer would push out better open ones.
        if (k < static_cast<int64_t>(wanted))
          finished.push_back({candidate.tokens, true, candidate.sum / n, 0});
        continue;
      }
      candidate.tokens.push_back(id);
      rows.push_back(row);
      last.push_back(id);
      next.push_back(std::move(candidate));
    }
    open = std::move(next);
    if (finished.size() >= wanted) break;
    if (open.empty() || n == options.max_new_tokens) break;
    reorder(cache, rows);
    ids = torch::tensor(last).unsqueeze(1);
  }
  if (finished.size() < wanted)
    for (const Open& left : open)
      finished.push_back(
          {left.tokens, false, left.sum / std::max<double>(1, static_cast<double>(left.tokens.size())), 0});
  BeamAnswer answer = *std::max_element(finished.begin(), finished.end(),
                                        [](const auto& a, const auto& b) { return a.score < b.score; });
  answer.first_ms = first_ms;
  return answer;
}

BeamAnswer beam_search(Af2ModelImpl& network, const AudioContext& audio, const std::vector<int>& prompt,
                       const std::vector<int>& stop_ids, const BeamOptions& options, Conclusion& conclusion) {
  BeamAnswer found = beam_search(network, audio, prompt, stop_ids, options);
  if (!found.stopped) return found;
  const std::vector<int> words = conclusion.begin(found.tokens);
  if (words.empty()) return found;
  found.tokens.insert(found.tokens.end(), words.begin(), words.end());
  std::vector<int> longer = prompt;
  longer.insert(longer.end(), found.tokens.begin(), found.tokens.end());
  BeamOptions left = options;
  left.max_new_tokens -= static_cast<int>(found.tokens.size());
  BeamAnswer rest = beam_search(network, audio, longer, stop_ids, left);
  rest.tokens.insert(rest.tokens.begin(), found.tokens.begin(), found.tokens.end());
  rest.first_ms = found.first_ms;
  return rest;
}

}  // namespace af2
