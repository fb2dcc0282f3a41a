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
  static constexpr int64_t kChannels = 5;
  torch::NoGradGuard no_grad;
  ClapModelConfig config;
  StemStatistics statistics{nullptr};
  torch::Tensor map;
};

TEST_F(Statistics, AreThoseOfPlainLoops) {
  const torch::Tensor heard = statistics->forward(map);
  ASSERT_EQ(heard.sizes(), (std::vector<int64_t>{3, statistics->size()}));
  ASSERT_EQ(statistics->size(), kChannels * 2 * 4);
  for (int64_t clip = 0; clip < 3; ++clip)
    for (int64_t channel = 0; channel < kChannels; ++channel)
      for (int64_t band = 0; band < 2; ++band) {
        double mean = 0, most = 0, turns[2] = {0, 0};
        for (int64_t step = 0; step < 64; ++step) {
          double cell = 0;
          for (int64_t bin = 2 * band; bin < 2 * band + 2; ++bin)
            for (int64_t frame = 2 * step; frame < 2 * step + 2; ++frame)
              cell += map[clip][channel][bin][frame].item<double>() / 4;
          const double root = std::sqrt(cell + 1e-3);
          const double place = 2 * (static_cast<double>(step) + 0.5) / 64 - 1;
          mean += root / 64;
          most = std::max(most, root);
          turns[0] += root * place / 64;
          turns[1] += root * (3 * place * place - 1) / 2 / 64;
        }
        const double values[] = {mean, most, turns[0], turns[1]};
        for (int64_t kind = 0; kind < 4; ++kind) {
          const int64_t at = kind * kChannels * 2 + channel * 2 + band;
          const double want = (values[kind] - statistics->norm->running_mean[at].item<double>()) /
                              std::sqrt(statistics->norm->running_var[at].item<double>() + 1e-5);
          EXPECT_NEAR(heard[clip][at].item<double>(), want, 1e-5) << clip << ' ' << channel << ' ' << kind;
        }
      }
}

TEST_F(Statistics, AShortSoundKeepsItsMaximumAmongSilence) {
  torch::Tensor among_silence = torch::zeros_like(map);
  among_silence.narrow(3, 64, 64).copy_(map.narrow(3, 0, 64));
  const torch::Tensor alone = statistics->forward(map.narrow(3, 0, 64).repeat({1, 1, 1, 2}));
  const torch::Tensor heard = statistics->forward(among_silence);
  const int64_t n = kChannels * 2;
  EXPECT_TRUE(torch::equal(heard.narrow(1, n, n), alone.narrow(1, n, n)));
  EXPECT_FALSE(torch::allclose(heard.narrow(1, 0, n), alone.narrow(1, 0, n), 0.05, 0.05));
}

TEST_F(Statistics, WeightedMeansAloneTellWhatCameFirst) {
  const torch::Tensor turned = torch::cat({map.narrow(3, 64, 64), map.narrow(3, 0, 64)}, 3);
  const torch::Tensor apart = (statistics->forward(map) - statistics->forward(turned)).abs();
  const int64_t n = kChannels * 2;
  EXPECT_LT(apart.narrow(1, 0, 2 * n).max().item<double>(), 1e-5);
  EXPECT_GT(apart.narrow(1, 2 * n, 2 * n).mean().item<double>(), 1e-3);
}

TEST_F(Statistics, ShortMapsHaveFewerSteps) {
  const torch::Tensor few = map.narrow(3, 0, 16);
  const torch::Tensor finer = statistics->forward(few.repeat_interleave(4, 3));
  const int64_t n = kChannels * 2 * 3;  // P_2 is another within a step
  EXPECT_TRUE(torch::allclose(statistics->forward(few).narrow(1, 0, n), finer.narrow(1, 0, n), 1e-4, 1e-4));
}

TEST_F(Statistics, TrainingNormalisesTheBatchAndLeavesValuesOut) {
  statistics->train();
  const torch::Tensor many = torch::rand({200, kChannels, 4, 64}) * torch::rand({200, kChannels, 1, 1});
  const torch::Tensor heard = statistics->forward(many);
  const double left_out = (heard == 0).to(torch::kFloat64).mean().item<double>();
  EXPECT_NEAR(left_out, 0.5, 0.03);
  EXPECT_LT(heard.mean().abs().item<double>(), 0.05);
  const torch::Tensor even = heard.narrow(1, 0, kChannels * 2 * 2);
  EXPECT_NEAR(even.square().mean().item<double>(), 2, 0.1);  // 1 of what stays, times 1 / (1 - share)
}

TEST_F(Statistics, StandForAClipWithTheSameBitsInAnyCompanyAtAnyThreads) {
  ClapModel clap(config);
  test::fill_named(*clap, "statistics/");
  clap->eval();
  EXPECT_TRUE(clap->audio_projection->contains("0"));
  EXPECT_FALSE(clap->audio_projection->contains("2")) << "one linear map";
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
