// A tower whose tokens are statistics of its stem in time, against plain loops and against AF-CLAP's own.
#include "af2/model/stem_tokens.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>

#include "../scratch.h"
#include "af2/model/af2_model.h"
#include "af2/model/clap.h"
#include "af2/model/weights.h"
#include "af2/train/data_source.h"
#include "model_testing.h"

namespace af2 {
namespace {

constexpr StemTokensConfig kCells{2, 64, 5, 24, 8};
constexpr int64_t kSteps = 16;  // of a tiny window

TEST(StemTokens, AreThoseOfPlainLoops) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(5);
  constexpr int64_t kChannels = 3;
  StemTokens tokens(kChannels, kCells);
  tokens->norm->running_mean.uniform_(-1, 1);
  tokens->norm->running_var.uniform_(0.5, 2);
  const torch::Tensor map = torch::rand({2, kChannels, 4, 128});
  tokens->train();  // the statistics are used as they are, whatever the mode
  const torch::Tensor heard = tokens->forward(map);
  ASSERT_EQ(heard.sizes(), (std::vector<int64_t>{2, 64, 32}));
  const auto cell = [&](int64_t clip, int64_t c, int64_t step) {  // c: channel, then band
    double sum = 0;
    for (int64_t bin = 2 * (c % 2); bin < 2 * (c % 2) + 2; ++bin)
      for (int64_t frame = 2 * step; frame < 2 * step + 2; ++frame)
        sum += map[clip][c / 2][bin][frame].item<double>() / 4;
    return std::sqrt(sum + 1e-3);
  };
  const auto normed = [&](int64_t at, double value) {
    return (value - tokens->norm->running_mean[at].item<double>()) /
           std::sqrt(tokens->norm->running_var[at].item<double>() + 1e-5);
  };
  constexpr int64_t kCell = 2 * kChannels;
  for (const int64_t step : {0, 1, 30, 63}) {
    torch::Tensor around = torch::zeros({2 * kCell}), alone = torch::zeros({kCell});
    for (int64_t c = 0; c < kCell; ++c) {
      double sum = 0, most = 0;
      int n = 0;
      for (int64_t k = std::max<int64_t>(0, step - 2); k <= std::min<int64_t>(63, step + 2); ++k, ++n) {
        sum += cell(1, c, k);
        most = std::max(most, cell(1, c, k));
      }
      around[c] = normed(c, sum / n);
      around[kCell + c] = normed(kCell + c, most);
      alone[c] = normed(c, cell(1, c, step));
    }
    torch::Tensor named =
        torch::nn::functional::linear(around, tokens->context->weight, tokens->context->bias);
    named = named / named.norm() * std::sqrt(24.0);
    const torch::Tensor want = torch::cat(
        {named, torch::nn::functional::linear(alone, tokens->moment->weight, tokens->moment->bias)});
    EXPECT_LT((heard[1][step] - want).abs().max().item<double>(), 1e-4) << step;
  }
}

Af2Config config_with_cells() {
  Af2Config config = test::tiny_config(test::tiny_llama(), test::tiny_stem_tower(), 1, 1);
  config.clap.cells = kCells;
  config.clap.cells.steps = kSteps;
  return config;
}

TEST(StemTokens, MakeAModelWithoutSwinStages) {
  const torch::NoGradGuard no_grad;
  const Af2Config config = config_with_cells();
  config.check("test");
  EXPECT_EQ(config.clap.out_dim(), 32);
  EXPECT_EQ(config.audio_tokens_per_window(), kSteps);
  EXPECT_EQ(config.audio_time_steps(), kSteps);
  Af2Model model(config);
  model->eval();
  for (const auto& [name, tensor] : stored_tensors(*model))
    EXPECT_EQ(name.find("clap.nvclap.layers."), std::string::npos) << name;
  const torch::Tensor windows = torch::rand({3, config.audio.window_samples()}) - 0.5;
  const torch::Tensor together = model->encode(windows);
  ASSERT_EQ(together.sizes(), (std::vector<int64_t>{3, kSteps, 32}));
  EXPECT_TRUE(torch::equal(model->encode(windows.narrow(0, 1, 1))[0], together[1])) << "in any batch";
  EXPECT_TRUE(torch::isfinite(model->encode(torch::zeros_like(windows))).all().item<bool>()) << "silence";
}

TEST(StemTokens, WhatDoesNotFitIsRefusedByItsKey) {
  const auto refuses = [](const char* key, const std::function<void(Af2Config&)>& change) {
    Af2Config config = config_with_cells();
    change(config);
    try {
      config.check("config.json");
      ADD_FAILURE() << key;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(key), std::string::npos) << error.what();
    }
  };
  refuses("clap.cells.bands", [](Af2Config& c) { c.clap.cells.bands = 3; });
  refuses("clap.cells.steps", [](Af2Config& c) { c.clap.cells.steps = 15; });
  refuses("clap.cells.span", [](Af2Config& c) { c.clap.cells.span = 4; });
  refuses("clap.cells.context", [](Af2Config& c) { c.clap.cells.context = 0; });
  refuses("clap.stem", [](Af2Config& c) { c.clap.stem.clear(); });
}

// What stands for a whole clip in AF-CLAP stands for each stretch of it here: a window that is the same all
// along gives at every step, up to its length, the vector that AF-CLAP gives it.
TEST(StemTokens, TakeAfClapsMap) {
  const torch::NoGradGuard no_grad;
  ClapModelConfig clap_config;
  clap_config.audio = test::tiny_audio();
  clap_config.tower = test::tiny_stem_tower();
  clap_config.text.vocab = 40, clap_config.text.layers = 1, clap_config.text.dim = 16;
  clap_config.text.heads = 1, clap_config.text.dim_head = 16, clap_config.text.ffn_dim = 16;
  clap_config.statistics = {2, 0, 0};
  clap_config.joint_dim = 24;
  torch::manual_seed(6);
  ClapModel clap(clap_config);
  clap->audio_statistics->norm->running_mean.uniform_(-1, 1);
  clap->audio_statistics->norm->running_var.uniform_(0.5, 2);
  clap->eval();
  const test::Scratch scratch;
  save_tensors(scratch / "clap.safetensors", stored_tensors(*clap), SaveType::kF32, {});
  Af2Model model(config_with_cells());
  model->eval();
  NamedTensors tower;
  for (auto& [name, tensor] : stored_tensors(*model))
    if (name.starts_with("clap.")) tower.emplace_back(name, tensor);
  init_from(init_weights(scratch / "clap.safetensors"), tower);
  HtsatImpl& htsat = *model->clap->nvclap;
  const torch::Tensor map = torch::rand({1, clap_config.tower.stem.back().channels, /*rows=*/4, 1})
                                .expand({-1, -1, -1, kSteps})
                                .contiguous();
  const torch::Tensor vector =
      clap->project_audio(clap->of_stem(clap->audio_statistics->cells(map)))[0];  // [24], unit
  const torch::Tensor tokens = htsat.stem_tokens->forward(map)[0].narrow(1, 0, 24) / std::sqrt(24.0);
  EXPECT_LT((tokens - vector).abs().max().item<double>(), 1e-5);
}

}  // namespace
}  // namespace af2
