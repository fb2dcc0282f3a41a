// Retrieval of captions by sounds and of sounds by captions, from cosines (docs/spec/evaluation.md section
// 4, "Retrieval R@k").
//
// Not the encoders, nor the search of `af2 index`. Ranks count from 0; equal cosines share their average
// rank. Thread rule: pure functions.
//
//   const RetrievalRanks r = retrieval_ranks({{.9, .3, .4, .2}, {.5, .6, .7, .3}}, {0, 0, 1, 1});
//   recall_at(r.text_to_audio, 1);  // .75
//   audio_to_text_map10(r, 0);      // .791667
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace af2 {

struct RetrievalRanks {
  std::vector<double> text_to_audio;             // of each caption: the rank of its clip
  std::vector<std::vector<double>> of_captions;  // of each clip: the ranks of its captions, sorted
  std::vector<double> best_audio_to_text;        // of each clip: the best of these
};

// `cosines[clip][caption]`; a clip that failed has an empty row: it stands behind all others and finds its
// captions last. `clip_of[caption]` is the right clip. Throws kInternal for rows of another size, kData for a
// clip without a caption.
RetrievalRanks retrieval_ranks(const std::vector<std::vector<double>>& cosines,
                               const std::vector<int>& clip_of);

// Share of ranks below k.
double recall_at(std::span<const double> ranks, int k);
// 1 / (rank + 1) of a rank below 10, else 0: its mean over captions is text-to-audio mAP@10.
double reciprocal_in_ten(double rank);
// Of one clip: sum over its captions in the first ten, in order, of i / (rank_i + 1), divided by
// `denominator` or, where that is 0, by the number of its captions.
double precision_in_ten(const std::vector<double>& sorted_ranks, int denominator);
double audio_to_text_map10(const RetrievalRanks& ranks, int denominator);
// floor(median) + 1 and mean + 1, each item counted `weights[i]` times (empty: once). NaN for no ranks.
double median_rank(std::span<const double> ranks, std::span<const double> weights = {});
double mean_rank(std::span<const double> ranks);

// Of random cosines: expected R@k of n clips, k / n at most 1.
double random_recall(int k, std::int64_t clips);

}  // namespace af2
