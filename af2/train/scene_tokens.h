// What the frozen tower hears in rendered scenes, kept where a scene comes back (recipe key scene_pool).
//
// Not for a tower that is trained: its tokens change. Thread rule: `known` is set last, and what it guards is
// read only after it; tokens_of() is for the thread that trains.
#pragma once

#include <torch/torch.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "af2/data/questions.h"
#include "af2/model/af2_model.h"

namespace af2 {

// A scene that will come back: without its samples, and what the tower hears in it once that is known.
struct PooledScene {
  Scene scene;
  QuestionType type = QuestionType::kWhatOpen;
  torch::Tensor tokens;  // [S, K] bfloat16: Af2ModelImpl::hear, to be read when `known`
  std::atomic<bool> known = false;
};

// Tokens of a batch of scenes: [G, S, D]. `windows` [G] are their samples, undefined where `pooled` [G] knows
// what is heard; with a pool (no empty pointers) that of fresh ones is kept, and used as kept the first time
// too: a resumed run sees the same values. dropout: StemTokensImpl::of_cells.
torch::Tensor tokens_of(Af2ModelImpl& network, const std::vector<torch::Tensor>& windows,
                        const std::vector<std::shared_ptr<PooledScene>>& pooled, std::mutex& pool_mutex,
                        double dropout);

// Tokens [G, S, D] as those of unknown recordings would be: each scene's move by up to `share` of the way
// from its mean to another scene's. The tower is surer of what it was trained on, and whatever learns from
// such tokens alone is too sure of everything else.
torch::Tensor shifted_tokens(const torch::Tensor& tokens, double share);

}  // namespace af2
