#include "af2/eval/retrieval_metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

#include "af2/core/error.h"

namespace af2 {
namespace {

// How many are above `value`, and half of those that equal it, itself left out.
template <class Get>
double average_rank(double value, std::size_t n, const Get& get) {
  double above = 0, equal = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double other = get(i);
    above += other > value;
    equal += other == value;
  }
  return above + (equal - 1) / 2;
}

}  // namespace

RetrievalRanks retrieval_ranks(const std::vector<std::vector<double>>& cosines,
                               const std::vector<int>& clip_of) {
  const std::size_t clips = cosines.size(), captions = clip_of.size();
  for (const auto& row : cosines)
    if (!row.empty() && row.size() != captions)
      throw internal_error("retrieval: a clip has " + std::to_string(row.size()) + " cosines for " +
                           std::to_string(captions) + " captions");
  RetrievalRanks ranks;
  ranks.of_captions.resize(clips);
  const double behind_all = -std::numeric_limits<double>::infinity();
  for (std::size_t t = 0; t < captions; ++t) {
    const auto right = static_cast<std::size_t>(clip_of[t]);
    if (right >= clips) throw internal_error("retrieval: a caption of no clip");
    const auto cosine = [&](std::size_t clip) {
      return cosines[clip].empty() ? behind_all : cosines[clip][t];
    };
    ranks.text_to_audio.push_back(cosines[right].empty() ? static_cast<double>(clips) - 1
                                                         : average_rank(cosine(right), clips, cosine));
    ranks.of_captions[right].push_back(
        cosines[right].empty()
            ? static_cast<double>(captions) - 1
            : average_rank(cosines[right][t], captions, [&](std::size_t k) { return cosines[right][k]; }));
  }
  for (std::size_t clip = 0; clip < clips; ++clip) {
    std::vector<double>& own = ranks.of_captions[clip];
    if (own.empty()) throw data_error("clip " + std::to_string(clip) + " has no caption", "retrieval");
    std::sort(own.begin(), own.end());
    ranks.best_audio_to_text.push_back(own.front());
  }
  return ranks;
}

double recall_at(std::span<const double> ranks, int k) {
  if (ranks.empty()) return std::numeric_limits<double>::quiet_NaN();
  const auto found = std::count_if(ranks.begin(), ranks.end(), [&](double rank) { return rank < k; });
  return static_cast<double>(found) / static_cast<double>(ranks.size());
}

double reciprocal_in_ten(double rank) {
  return rank < 10 ? 1 / (rank + 1) : 0;
}

double precision_in_ten(const std::vector<double>& sorted_ranks, int denominator) {
  double sum = 0;
  for (std::size_t i = 0; i < sorted_ranks.size() && sorted_ranks[i] < 10; ++i)
    sum += static_cast<double>(i + 1) / (sorted_ranks[i] + 1);
  return sum / (denominator > 0 ? denominator : static_cast<double>(sorted_ranks.size()));
}

double audio_to_text_map10(const RetrievalRanks& ranks, int denominator) {
  if (ranks.of_captions.empty()) return std::numeric_limits<double>::quiet_NaN();
  double sum = 0;
  for (const auto& own : ranks.of_captions) sum += precision_in_ten(own, denominator);
  return sum / static_cast<double>(ranks.of_captions.size());
}

double median_rank(std::span<const double> ranks, std::span<const double> weights) {
  std::vector<std::size_t> order(ranks.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return ranks[a] < ranks[b]; });
  double total = 0;
  const auto weight = [&](std::size_t i) { return weights.empty() ? 1.0 : weights[i]; };
  for (const std::size_t i : order) total += weight(i);
  if (total <= 0) return std::numeric_limits<double>::quiet_NaN();
  // The middle of the ranks written out as often as they count; of an even number, between two.
  double seen = 0, low = -1;
  for (const std::size_t i : order) {
    seen += weight(i);
    if (low < 0 && 2 * seen >= total) low = ranks[i];
    if (2 * seen > total) return std::floor((low + ranks[i]) / 2) + 1;
  }
  return std::floor(low) + 1;
}

double mean_rank(std::span<const double> ranks) {
  if (ranks.empty()) return std::numeric_limits<double>::quiet_NaN();
  return std::accumulate(ranks.begin(), ranks.end(), 0.0) / static_cast<double>(ranks.size()) + 1;
}

double random_recall(int k, std::int64_t clips) {
  return clips < 1 ? 0 : std::min(1.0, static_cast<double>(k) / static_cast<double>(clips));
}

}  // namespace af2
