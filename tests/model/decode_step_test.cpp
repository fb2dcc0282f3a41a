// The decode loop's own form of the decoder gives what the tensor form gives.
#include "af2/model/decode_step.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "model_testing.h"
#include "named_weights.h"

namespace af2 {
namespace {

struct StepCase {
  LmConfig lm;
  int every;
  bool masked;
};

class DecodeStepForm : public ::testing::TestWithParam<StepCase> {};

// A prefill, then 150 tokens in both forms, each with its own cache; the cache grows twice on the way.
TEST_P(DecodeStepForm, EqualsTheTensorForm) {
  const StepCase& c = GetParam();
  torch::NoGradGuard no_grad;
  Af2Model model(test::tiny_config(c.lm, test::tiny_patch_tower(), c.every, 2));
  test::fill_named(*model, "step/");
  model->eval();
  ASSERT_TRUE(DecodeStep::fits(*model));
  const torch::Tensor memory = test::uniform("step/memory", {1, 48, 64});
  torch::Tensor mask;
  if (c.masked) {
    mask = torch::ones({1, 48}, torch::kInt64);
    mask.narrow(1, 30, 18).zero_();
  }
  const AudioContext audio = model->listen(memory, mask);
  const torch::Tensor ids = test::token_ids("step/ids", {1, 157}, c.lm.vocab + 4);
  KvCache cache, other;
  model->forward(ids.narrow(1, 0, 7), audio, &cache);
  model->forward(ids.narrow(1, 0, 7), audio, &other);
  DecodeStep step(*model);
  double worst = 0;
  for (int64_t at = 7; at < ids.size(1); ++at) {
    const torch::Tensor want = model->forward(ids.narrow(1, at, 1), audio, &cache);
    const torch::Tensor got = step({{ids[0][at].item<int64_t>(), &audio, &other}});
    ASSERT_EQ(got.sizes(), want.sizes());
    worst = std::max(worst, test::max_error(got, want));
    worst = std::max(worst, test::max_error(step.logits(got), model->logits(want)[0]));
  }
  EXPECT_EQ(cache.length, other.length);
  EXPECT_LT(worst, 1e-4);
  // The audio counts: with other keys the state is another.
  const AudioContext silence = model->listen(torch::zeros({1, 48, 64}), mask);
  cache.length = other.length = 20;
  EXPECT_GT(
      test::max_error(step({{3, &silence, &other}}), model->forward(torch::full({1, 1}, 3), audio, &cache)),
      1e-3);
}

// Three answers of different lengths about different clips, one of them with a mask: each is what it is
// alone.
TEST_P(DecodeStepForm, SeveralAtOnceAreEachAsAlone) {
  const StepCase& c = GetParam();
  torch::NoGradGuard no_grad;
  Af2Model model(test::tiny_config(c.lm, test::tiny_patch_tower(), c.every, 2));
  test::fill_named(*model, "step/");
  model->eval();
  const torch::Tensor ids = test::token_ids("step/ids", {3, 60}, c.lm.vocab + 4);
  std::vector<AudioContext> audio;
  std::vector<KvCache> together(3), alone(3);
  for (int64_t i = 0; i < 3; ++i) {
    const int64_t n = 16 * (i + 1);
    torch::Tensor mask;
    if (c.masked && i == 1) mask = torch::cat({torch::ones({1, n - 5}), torch::zeros({1, 5})}, 1);
    audio.push_back(model->listen(test::uniform("step/memory" + std::to_string(i), {1, n, 64}), mask));
    for (auto* caches : {&together, &alone})
      model->forward(ids.narrow(0, i, 1).narrow(1, 0, 3 + 4 * i), audio.back(), &(*caches)[i]);
  }
  DecodeStep step(*model), other(*model);
  for (int64_t at = 0; at < 40; ++at) {
    std::vector<NextToken> next;
    for (int64_t i = 0; i < 3; ++i)
      next.push_back({ids[i][20 + at].item<int64_t>(), &audio[i], &together[i]});
    const torch::Tensor all = step(next), logits = step.logits(all);
    for (int64_t i = 0; i < 3; ++i) {
      const torch::Tensor one = other({{next[i].id, &audio[i], &alone[i]}});
      ASSERT_TRUE(torch::equal(all[i], one[0])) << "answer " << i << " token " << at;
      ASSERT_TRUE(torch::equal(logits[i], other.logits(one)[0])) << "answer " << i << " token " << at;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, DecodeStepForm,
                         ::testing::Values(StepCase{test::tiny_llama(), 1, false},
                                           StepCase{test::tiny_llama(), 2, true},
                                           StepCase{test::tiny_qwen2(), 2, false}),
                         [](const auto& test) {
                           return test.param.lm.arch + (test.param.masked ? "_masked_" : "_") +
                                  std::to_string(test.param.every);
                         });

TEST(DecodeStepForm, IsNotForOtherTypes) {
  Af2Model model(test::tiny_config(test::tiny_llama(), test::tiny_patch_tower(), 1, 1));
  model->to(torch::kBFloat16);
  EXPECT_FALSE(DecodeStep::fits(*model));
}

}  // namespace
}  // namespace af2
