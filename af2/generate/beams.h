// Beam search: the answer whose tokens together are the likeliest, as far as N open answers at a time can
// find it.
//
// Scores are sums of log-probabilities over the number of tokens, the stop token counted. It ends when N
// answers are finished, or at the token limit. Deterministic; not for sampling. Includes torch: for
// engine.cpp. Thread rule: pure.
#pragma once

#include <cstdint>
#include <vector>

#include "af2/generate/conclusion.h"
#include "af2/model/af2_model.h"

namespace af2 {

struct BeamOptions {
  int beams = 4;
  int max_new_tokens = 256;
  bool ignore_eos = false;  // stop tokens are tokens like others
};

struct BeamAnswer {
  std::vector<int> tokens;  // without the stop token
  bool stopped = false;     // by a stop token, not by the limit
  double score = 0;         // mean log-probability of a token
  double first_ms = 0;      // until the first token's candidates were known
};

BeamAnswer beam_search(Af2ModelImpl& network, const AudioContext& audio, const std::vector<int>& prompt,
                       const std::vector<int>& stop_ids, const BeamOptions& options);
// The same for a chain-of-thought model: a found answer that stopped without a conclusion is continued by a
// second search behind the words that begin one. The score is that of the last search.
BeamAnswer beam_search(Af2ModelImpl& network, const AudioContext& audio, const std::vector<int>& prompt,
                       const std::vector<int>& stop_ids, const BeamOptions& options, Conclusion& conclusion);

}  // namespace af2
