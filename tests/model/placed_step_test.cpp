// The decode loop's form of a language model on a GPU gives what the forward gives. The CPU stands for the
// GPU; where there is a CUDA device, the same tests run on it too (ctest label gpu).
#include "af2/model/placed_step.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "af2/model/placement.h"
#include "placed_testing.h"

namespace af2 {
namespace {

class PlacedSteps : public ::testing::TestWithParam<std::string> {
 protected:
  // Steps until the cache of 64 places is full, each beside the forward.
  static void compare(Af2Model& model, const AudioContext& audio, double most) {
    const int64_t vocab = model->config.lm.vocab;
    const torch::Tensor ids = test::token_ids("placed/step", {1, 53}, vocab + 4);
    KvCache cache, same;
    cache.reserve = same.reserve = 64;
    for (KvCache* each : {&cache, &same}) model->forward(ids, audio, each);
    PlacedStep step(*model, audio, cache);
    int n = 0;
    for (; step.has_room() && n < 64; ++n) {
      const int64_t id = n % 2 == 0 ? n : vocab + n % 4;  // of the vocabulary, and added
      const torch::Tensor want = model->logits(model->forward(torch::full({1, 1}, id), audio, &same))[0];
      EXPECT_LT(test::relative_error(step(id), want), most) << n;
    }
    EXPECT_EQ(n, 11);
    EXPECT_EQ(cache.length, 64);
  }
};

TEST_P(PlacedSteps, AreTheForward) {
  AF2_SKIP_WITHOUT(GetParam());
  const torch::InferenceMode inference;
  for (const LmConfig& lm : {test::tiny_llama(), test::tiny_qwen2()})
    for (const bool narrow : {false, true}) {
      Af2Model model = test::placed_model(lm, 2);
      place(*model, test::torch_device(GetParam()), narrow ? torch::kBFloat16 : torch::kFloat32, lm.n_layers);
      ASSERT_TRUE(PlacedStep::fits(*model));
      const torch::Tensor memory = test::uniform("placed/memory", {1, 48, model->config.clap.out_dim()});
      for (const AudioContext& audio : {model->listen(memory, {}), AudioContext{}})
        compare(model, audio, narrow ? 2e-2 : 1e-5);
    }
}

TEST_P(PlacedSteps, NeedTheWholeModelThere) {
  AF2_SKIP_WITHOUT(GetParam());
  Af2Model model = test::placed_model(test::tiny_llama(), 1);
  EXPECT_FALSE(PlacedStep::fits(*model));
  place(*model, test::torch_device(GetParam()), torch::kBFloat16, model->config.lm.n_layers - 1);
  EXPECT_FALSE(PlacedStep::fits(*model));
}

INSTANTIATE_TEST_SUITE_P(StandIn, PlacedSteps, ::testing::Values("cpu"));
INSTANTIATE_TEST_SUITE_P(Gpu, PlacedSteps, ::testing::Values("cuda"));

}  // namespace
}  // namespace af2
