// The loss of answers about clips, and what the tasks that train on it share (docs/spec/training.md section
// 2): log-probabilities of the targets alone, an adapter's beginning, figures of a validation, greedy
// answers. Thread rule: not reentrant on one network.
#pragma once

#include <torch/torch.h>

#include <string>
#include <vector>

#include "af2/core/json.h"
#include "af2/model/af2_model.h"
#include "af2/train/task.h"
#include "af2/train/token_batch.h"

namespace af2 {

// Log-probabilities at the target positions: [targets, vocabulary] float32. `context` has a row per item.
torch::Tensor target_log_p(Af2ModelImpl& network, const TokenBatch& tokens, const AudioContext& context);

// Of each item: the sum over its targets of their negative log-probability, how many there are, and whether
// each of them is the likeliest.
struct AnswerFigures {
  double loss = 0, targets = 0;
  bool exact = false;
};
std::vector<AnswerFigures> answer_figures(const torch::Tensor& log_p, const TokenBatch& tokens,
                                          std::size_t n_items);

// Of the memories [B, D] (mean over time) of clips and the mean of their tokens' power: the share that lies
// in differences between clips. Near 0: the memory says the same whatever sounds.
double memory_differs(const torch::Tensor& memories, double power);

// Whether a name of adapter_tensors() is a statistic of BatchNorm, which no gradient reaches.
bool is_statistic(const std::string& name);

// Added tokens begin as the mean of all rows with a little noise, so that their logits are ordinary; the
// audio transformer's branches begin small, so that its first output is what the tower heard.
void start_fresh(Af2ModelImpl& network);

// The likeliest tokens after a prompt [T] about one clip, up to `most` or one of `stops`, which is left out.
std::vector<int> greedy_answer(Af2ModelImpl& network, const std::vector<int>& prompt,
                               const AudioContext& context, const std::vector<int>& stops, int most);

}  // namespace af2
