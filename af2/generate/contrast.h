// Contrast with what would be said unheard: a language model knows which answers are common, and a clip
// should decide. What the model gives without the clip counts against it.
//
// Source: audio-aware decoding (Hsu et al. 2025, "Reducing Object Hallucination in Large Audio-Language
// Models via Audio-Aware Decoding"), which compares with silence of the same length; here cross-attention is
// left out, or the prefix, which costs no hearing. Tokens that the model that hears holds for unlikely are no
// answers, as in contrastive decoding (Li et al. 2022, alpha 0.1).
#pragma once

#include <torch/torch.h>

namespace af2 {

// Of a token less likely than this share of the likeliest the contrast makes no answer.
inline constexpr double kPlausibleShare = 0.1;

// (1 + contrast) * heard - contrast * unheard, of log-probabilities.
inline double contrasted(double heard, double unheard, double contrast) {
  return (1 + contrast) * heard - contrast * unheard;
}

// The same of the logits of a next token [1, vocab], with and without the clip: log-probabilities but for a
// constant, far below all others where a token is not plausible. Float32.
torch::Tensor contrasted(const torch::Tensor& heard, const torch::Tensor& unheard, double contrast);

}  // namespace af2
