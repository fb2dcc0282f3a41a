#include "af2/generate/sampling.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <string>

#include "af2/core/error.h"

namespace af2 {

void SamplingOptions::check() const {
  const auto need = [](bool ok, const char* flag, const char* what) {
    if (!ok) throw user_error(what, std::string("--") + flag, "see `af2 ask -h`");
  };
  need(std::isfinite(temperature) && temperature >= 0, "temp", "must be 0 or more");
  need(top_k >= 0, "top-k", "must be 0 or more");
  need(top_p > 0 && top_p <= 1, "top-p", "must be above 0 and at most 1");
  need(min_p >= 0 && min_p < 1, "min-p", "must be from 0 to below 1");
  need(repeat_penalty > 0, "repeat-penalty", "must be above 0");
  for (const auto& [id, bias] : logit_bias)
    need(bias < std::numeric_limits<double>::infinity(), "logit-bias", "must be a number, or -inf");
}

Sampler::Sampler(const SamplingOptions& options)
    : options_(options), rng_("af2/sample/1/" + std::to_string(options.seed)) {
  options.check();
}

int Sampler::pick(std::span<float> logits, std::span<const int> written) {
  for (const auto& [id, bias] : options_.logit_bias) {
    if (id < 0 || static_cast<std::size_t>(id) >= logits.size())
      throw user_error(
          "token id " + std::to_string(id) + " is not in 0.." + std::to_string(logits.size() - 1),
          "--logit-bias");
    logits[static_cast<std::size_t>(id)] += static_cast<float>(bias);
  }
  if (options_.repeat_penalty != 1) {
    const auto penalty = static_cast<float>(options_.repeat_penalty);
    for (const int id : std::set<int>(written.begin(), written.end()))
      logits[id] = logits[id] > 0 ? logits[id] / penalty : logits[id] * penalty;
  }
  const auto best = std::max_element(logits.begin(), logits.end());
  if (*best == -std::numeric_limits<float>::infinity())
    throw user_error("forbids every token that could come here", "--logit-bias", "forbid fewer");
  if (options_.temperature == 0) return static_cast<int>(best - logits.begin());

  std::vector<int> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  const auto higher = [&](int a, int b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; };
  std::size_t n = order.size();
  if (options_.top_k > 0) n = std::min(n, static_cast<std::size_t>(options_.top_k));
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(n), order.end(), higher);
  std::vector<double> weights(n);
  for (std::size_t i = 0; i < n; ++i)
    weights[i] = std::exp((double{logits[order[i]]} - *best) / options_.temperature);
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  double sum = 0;
  std::size_t kept = 0;
  while (kept < n && weights[kept] > 0 &&
         (kept == 0 || (sum < options_.top_p * total && weights[kept] >= options_.min_p * weights[0])))
    sum += weights[kept++];
  double draw = rng_.uniform() * sum;
  for (std::size_t i = 0; i + 1 < kept; ++i)
    if ((draw -= weights[i]) < 0) return order[i];
  return order[kept - 1];
}

}  // namespace af2
