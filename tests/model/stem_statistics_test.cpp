// AF-CLAP's clips as statistics of the stem's features, against plain loops.
#include "af2/model/stem_statistics.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>

#include "af2/model/clap.h"
#include "model_testing.h"
#include "named_weights.h"

namespace af2 {
namespace {

ClapModelConfig config_with_statistics() {
  ClapModelConfig config;
  config.audio = test::tiny_audio();
  config.tower = test::tiny_stem_tower();
  config.text.vocab = 40, config.text.layers = 1, config.text.dim = 16, config.text.heads = 1;
  config.text.dim_head = 16, config.text.ffn_dim = 16;
  config.statistics = {2, 2, 0.5};
  config.joint_dim = 24;
  return config;
}

class Statistics : public ::testing::Test {
 protected:
  Statistics() : config(config_with_statistics()) {
    config.check("test");
    torch::manual_seed(3);
    statistics = StemStatistics(kChannels, config.statistics);
    statistics->norm->running_mean.uniform_(-1, 1);
    statistics->norm->running_var.uniform_(0.5, 2);
    statistics->eval();
    map = torch::rand({3, kChannels, 4, 128});
  }
  torch::Tensor heard_in(const torch::Tensor& of) { return statistics->forward(statistics->cells(of)); }

  static constexpr int64_t kChannels = 5;
  torch::NoGradGuard no_grad;
  ClapModelConfig config;
  StemStatistics statistics{nullptr};
  torch::Tensor map;
};

TEST_F(Statistics, AreThoseOfPlainLoops) {
  const torch::Tensor heard = heard_in(map);
  ASSERT_EQ(statistics->size(), kChannels * 2 * 2);
  ASSERT_EQ(heard.sizes(), (std::vector<int64_t>{3, 3 * statistics->size()}));
  for (int64_t clip = 0; clip < 3; ++clip)
    for (int64_t channel = 0; channel < kChannels; ++channel)
      for (int64_t band = 0; band < 2; ++band) {
        double means[8] = {}, maxima[8] = {};
        for (int64_t step = 0; step < 64; ++step) {
          double cell = 0;
          for (int64_t bin = 2 * band; bin < 2 * band + 2; ++bin)
            for (int64_t frame = 2 * step; frame < 2 * step + 2; ++frame)
              cell += map[clip][channel][bin][frame].item<double>() / 4;
          const double root = std::sqrt(cell + 1e-3);
          means[step / 8] += root / 8;
          maxima[step / 8] = std::max(maxima[step / 8], root);
        }
        for (const bool most : {false, true}) {
          const double* parts = most ? maxima : means;
          double whole = 0, turns[2] = {0, 0};
          for (int part = 0; part < 8; ++part) {
            const double place = 2 * (part + 0.5) / 8 - 1;
            whole = most ? std::max(whole, parts[part]) : whole + parts[part] / 8;
            turns[0] += parts[part] * place / 8;
            turns[1] += parts[part] * (3 * place * place - 1) / 2 / 8;
          }
          const int64_t at = most * kChannels * 2 + channel * 2 + band;
          const double mean = statistics->norm->running_mean[at].item<double>(),
                       deviation = std::sqrt(statistics->norm->running_var[at].item<double>() + 1e-5);
          const double wants[] = {(whole - mean) / deviation, turns[0] / deviation, turns[1] / deviation};
          for (int64_t k = 0; k < 3; ++k)
            EXPECT_NEAR(heard[clip][k * statistics->size() + at].item<double>(), wants[k], 1e-5)
                << clip << ' ' << channel << ' ' << most << ' ' << k;
        }
      }
}

TEST_F(Statistics, AShortSoundKeepsItsMaximumAmongSilence) {
  torch::Tensor among_silence = torch::zeros_like(map);
  among_silence.narrow(3, 64, 64).copy_(map.narrow(3, 0, 64));
  const torch::Tensor alone = heard_in(map.narrow(3, 0, 64).repeat({1, 1, 1, 2}));
  const torch::Tensor heard = heard_in(among_silence);
  const int64_t n = kChannels * 2;
  EXPECT_TRUE(torch::equal(heard.narrow(1, n, n), alone.narrow(1, n, n)));
  EXPECT_FALSE(torch::allclose(heard.narrow(1, 0, n), alone.narrow(1, 0, n), 0.05, 0.05));
}

TEST_F(Statistics, TurnsAloneTellWhatCameFirst) {
  const torch::Tensor turned = torch::cat({map.narrow(3, 64, 64), map.narrow(3, 0, 64)}, 3);
  const torch::Tensor apart = (heard_in(map) - heard_in(turned)).abs();
  const int64_t n = kChannels * 2;
  EXPECT_LT(apart.narrow(1, 0, 2 * n).max().item<double>(), 1e-5);
  EXPECT_GT(apart.narrow(1, 2 * n, 4 * n).mean().item<double>(), 1e-3);
}

TEST_F(Statistics, ShortMapsHaveFewerSteps) {
  const torch::Tensor few = map.narrow(3, 0, 16);
  const torch::Tensor finer = heard_in(few.repeat_interleave(4, 3));
  EXPECT_TRUE(torch::allclose(heard_in(few), finer, 1e-4, 1e-4));
}

TEST_F(Statistics, TrainingNormalisesTheBatchAndLeavesValuesOut) {
  statistics->train();
  const torch::Tensor many = torch::rand({200, kChannels, 4, 64}) * torch::rand({200, kChannels, 1, 1});
  const torch::Tensor heard = heard_in(many);
  const torch::Tensor left_out = heard == 0;
  EXPECT_NEAR(left_out.to(torch::kFloat64).mean().item<double>(), 0.5, 0.03);
  const int64_t n = statistics->size();
  EXPECT_TRUE(torch::equal(left_out.narrow(1, 0, n), left_out.narrow(1, n, n))) << "with their turns";
  EXPECT_LT(heard.narrow(1, 0, n).mean().abs().item<double>(), 0.05);
  // 1 of what stays, times 1 / (1 - share)
  EXPECT_NEAR(heard.narrow(1, 0, n).square().mean().item<double>(), 2, 0.1);
}

TEST_F(Statistics, StandForAClipWithTheSameBitsInAnyCompanyAtAnyThreads) {
  ClapModel clap(config);
  test::fill_named(*clap, "statistics/");
  clap->eval();
  EXPECT_TRUE(clap->audio_projection->contains("0"));
  EXPECT_FALSE(clap->audio_projection->contains("2")) << "one linear map";
  EXPECT_EQ(clap->audio_turns->size(), 2u);
  std::vector<torch::Tensor> windows;
  for (const char* name : {"a", "b", "c", "d", "e"})
    windows.push_back(test::mel_like(std::string("statistics/") + name, 1, 126, 32));
  const torch::Tensor one = clap->embed_audio({windows[2], false});
  EXPECT_NEAR(one.norm().item<double>(), 1, 1e-6);
  EXPECT_LT((one * clap->embed_audio({windows[3], false})).sum().item<double>(), 0.999);
  const int before = at::get_num_threads();
  for (const int threads : {1, 2, 3, 5}) {
    at::set_num_threads(threads);
    EXPECT_TRUE(torch::equal(clap->embed_audio({windows[2], false}), one)) << threads;
    const auto pooled = clap->windows_pooled(windows);
    ASSERT_EQ(pooled.size(), windows.size());
    EXPECT_TRUE(torch::equal(clap->project_audio(pooled[2].unsqueeze(0))[0], one)) << threads;
  }
  at::set_num_threads(before);
}

TEST_F(Statistics, TurnsPassTheSameMapAndOneOfTheirOwn) {
  ClapModel clap(config);
  test::fill_named(*clap, "statistics/");
  clap->eval();
  const int64_t n = clap->audio_statistics->size();
  const torch::Tensor pooled = torch::rand({2, 3 * n}, torch::kFloat64);
  const auto& layer = *clap->audio_projection["0"]->as<Linear>();
  const torch::Tensor weight = layer.weight.to(torch::kFloat64), bias = layer.bias.to(torch::kFloat64);
  const auto mapped = [&](int64_t k) { return pooled.narrow(1, k * n, n).matmul(weight.t()) + bias; };
  torch::Tensor want = mapped(0);
  for (int64_t k = 1; k < 3; ++k)
    want = want + mapped(k).matmul(clap->audio_turns->ptr(static_cast<std::size_t>(k - 1))
                                       ->as<Linear>()
                                       ->weight.to(torch::kFloat64)
                                       .t());
  want = want / want.norm(2, 1, true);
  const torch::Tensor got = clap->project_audio(pooled.to(torch::kFloat32));
  EXPECT_LT(test::max_error(got, want.to(torch::kFloat32)), 1e-5);
  EXPECT_GT(test::max_error(got, torch::nn::functional::normalize(mapped(0)).to(torch::kFloat32)), 0.01);
}

TEST(StatisticsConfig, IsRefusedByKey) {
  const auto refused = [](const std::vector<std::string>& words,
                          const std::function<void(ClapModelConfig&)>& change) {
    ClapModelConfig config = config_with_statistics();
    change(config);
    test::expect_error(ErrorKind::kUser, words, [&] { config.check("c.json"); });
  };
  refused({"statistics.bands", "c.json"}, [](ClapModelConfig& c) { c.statistics.bands = -1; });
  refused({"statistics.bands", "4"}, [](ClapModelConfig& c) { c.statistics.bands = 3; });
  refused({"statistics.turns"}, [](ClapModelConfig& c) { c.statistics.turns = 9; });
  refused({"statistics.dropout"}, [](ClapModelConfig& c) { c.statistics.dropout = 1; });
  refused({"statistics.bands", "stem"}, [](ClapModelConfig& c) { c.tower = test::tiny_patch_tower(); });
}

}  // namespace
}  // namespace af2
