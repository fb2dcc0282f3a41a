// The stem's features beside the tower's tokens (clap.stem_skip), against plain loops.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <array>
#include <cmath>

#include "af2/model/htsat.h"
#include "model_testing.h"

namespace af2 {
namespace {

class StemSkipTower : public ::testing::Test {
 protected:
  StemSkipTower() : config(test::tiny_stem_tower()) {
    torch::manual_seed(5);
    config.stem_skip = 3;
    const AudioConfig audio = test::tiny_audio();
    tower = std::make_shared<HtsatImpl>(config, audio);
    tower->eval();
    torch::NoGradGuard no_grad;
    tower->skip->gain.uniform_(-1, 1);
    map = torch::rand({3, config.stem.back().channels, audio.n_mels / config.stem_mel_stride(),
                       config.frames(audio) / config.stem_time_stride()});
  }
  ClapConfig config;
  std::shared_ptr<HtsatImpl> tower;
  torch::Tensor map;
};

TEST_F(StemSkipTower, AddsAMapOfEachTokensPlace) {
  torch::NoGradGuard no_grad;
  const torch::Tensor tokens = tower->from_stem(map);  // [B, S, D]
  const torch::Tensor gain = tower->skip->gain.clone();
  tower->skip->gain.zero_();
  const torch::Tensor heard = tower->from_stem(map);
  const int64_t bins = config.out_grid() / (config.spec_size / test::tiny_audio().n_mels),
                steps = tokens.size(1) / bins;
  const int64_t c = map.size(1), high = map.size(2) / bins, wide = map.size(3) / steps;
  const auto weight = tower->skip->features->weight;
  const auto turn = [&](std::size_t k) { return tower->skip->turns->ptr(k)->as<Linear>()->weight; };
  for (const auto& [b, bin, step] : {std::array<int64_t, 3>{0, 0, 0}, {1, bins - 1, 1}, {2, 0, steps - 1}}) {
    std::vector<double> x(static_cast<std::size_t>(c));
    for (int64_t k = 0; k < c; ++k) {
      double sum = 0;
      for (int64_t m = 0; m < high; ++m)
        for (int64_t t = 0; t < wide; ++t) sum += map[b][k][bin * high + m][step * wide + t].item<double>();
      x[static_cast<std::size_t>(k)] = std::sqrt(sum / static_cast<double>(high * wide) + 1e-3);
    }
    for (int64_t d = 0; d < tokens.size(2); ++d) {
      const auto mapped = [&](int64_t row) {
        double y = 0;
        for (int64_t k = 0; k < c; ++k) y += weight[row][k].item<double>() * x[static_cast<std::size_t>(k)];
        return y;
      };
      // The features' map, and behind it one times P_1 of time and one times P_2.
      const double at = 2 * (static_cast<double>(step) + 0.5) / static_cast<double>(steps) - 1;
      double y = mapped(d);
      for (int64_t row = 0; row < tokens.size(2); ++row)
        y += mapped(row) *
             (turn(0)[d][row].item<double>() * at + turn(1)[d][row].item<double>() * (3 * at * at - 1) / 2);
      EXPECT_NEAR(heard[b][bin * steps + step][d].item<double>(), y, 1e-4);
    }
  }
  // The rest is what the blocks give, times the gain.
  const torch::Tensor blocks = tower->patch_embed->tokens(map);
  EXPECT_EQ(blocks.size(0), 3);
  tower->skip->gain.fill_(1);
  const torch::Tensor whole = tower->from_stem(map) - heard;
  EXPECT_TRUE(torch::allclose(tokens, heard + whole * gain, 1e-4, 1e-5));
  EXPECT_GT(whole.abs().mean().item<double>(), 0.1);
}

TEST_F(StemSkipTower, BlocksThatAddNothingAreNotComputed) {
  torch::NoGradGuard no_grad;
  const torch::Tensor blocks =
      tower->layers->ptr(0)->as<SwinStage>()->blocks->ptr(0)->as<SwinBlock>()->mlp->fc1->weight;
  blocks.fill_(std::nan(""));
  EXPECT_FALSE(tower->from_stem(map).isfinite().all().item<bool>());
  tower->skip->gain.zero_();
  const torch::Tensor heard = tower->from_stem(map);
  EXPECT_TRUE(heard.isfinite().all().item<bool>());
  EXPECT_TRUE(torch::equal(heard, tower->from_stem(map, torch::empty({0}, torch::kInt64))));
}

TEST_F(StemSkipTower, ItsMeanTellsWhatCameFirst) {
  torch::NoGradGuard no_grad;
  const int64_t half = map.size(3) / 2;
  const torch::Tensor swapped = torch::cat({map.narrow(3, half, half), map.narrow(3, 0, half)}, 3);
  const auto heard = [&](StemSkip& skip, const torch::Tensor& of) { return skip->forward(of, 1, 4).mean(1); };
  EXPECT_GT((heard(tower->skip, map) - heard(tower->skip, swapped)).abs().max().item<double>(), 1e-3);
  StemSkip without(map.size(1), config.out_dim(), 1);
  EXPECT_LT((heard(without, map) - heard(without, swapped)).abs().max().item<double>(), 1e-5);
}

TEST_F(StemSkipTower, ClipsMayPassTheBlocksOrNot) {
  torch::NoGradGuard no_grad;
  const torch::Tensor all = tower->from_stem(map), some = tower->from_stem(map, torch::tensor({2, 0}));
  const torch::Tensor none = tower->from_stem(map, torch::empty({0}, torch::kInt64));
  EXPECT_TRUE(torch::allclose(some[0], all[0], 1e-4, 1e-5));
  EXPECT_TRUE(torch::allclose(some[2], all[2], 1e-4, 1e-5));
  EXPECT_TRUE(torch::equal(some[1], none[1]));
  EXPECT_FALSE(torch::allclose(some[1], all[1], 1e-2, 1e-2));
}

}  // namespace
}  // namespace af2
