// Choosing the next token: greedy, or temperature with top-k, top-p, min-p, a repeat penalty and a bias.
//
// Not beams. Thread rule: a Sampler belongs to one answer.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "af2/core/random.h"

namespace af2 {

struct SamplingOptions {
  double temperature = 0;     // 0: greedy
  int top_k = 0;              // 0: off
  double top_p = 1;           // 1: off
  double min_p = 0;           // 0: off
  double repeat_penalty = 1;  // 1: off
  std::uint64_t seed = 0;
  // Token ids and what is added to their logits before anything else; -infinity forbids a token. Several of
  // one token add up.
  std::vector<std::pair<int, double>> logit_bias = {};

  template <class V>
  void visit(V& v) {
    v.field("temp", temperature, "temperature; 0 is greedy");
    v.field("top-k", top_k, "keep the k likeliest tokens; 0: all");
    v.field("top-p", top_p, "keep the likeliest tokens up to this sum of probability");
    v.field("min-p", min_p, "drop tokens below this share of the likeliest");
    v.field("repeat-penalty", repeat_penalty, "divides the score of tokens already written");
    v.field("seed", seed, "of the draws; the one used is reported");
  }

  // Throws kUser for values outside their range.
  void check() const;
};

class Sampler {
 public:
  explicit Sampler(const SamplingOptions& options);
  // logits [vocab], changed by the call; minus infinity is never picked. `written` are the tokens of the
  // answer so far. Throws kUser for a bias of a token that is not there, and when every token is forbidden.
  int pick(std::span<float> logits, std::span<const int> written);

 private:
  SamplingOptions options_;
  Random rng_;
};

}  // namespace af2
