// Contrast with what would be said unheard (generate/contrast.h): of logits, of written answers, with beams.
// Of given answers: checkpoint_load_test.cpp.
#include "af2/generate/contrast.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "af2/core/error.h"
#include "architecture_testing.h"
#include "model_testing.h"
#include "noise_clip.h"
#include "published_checkpoint.h"

namespace af2 {
namespace {

TEST(ContrastedLogits, WhatIsLikelyUnheardFalls) {
  const torch::Tensor heard =
      torch::tensor({{0.5, 0.4, 0.08, 0.02}}).log() + 3;  // logits: a constant is free
  const torch::Tensor unheard = torch::tensor({{0.7, 0.1, 0.1, 0.1}}).log() - 5;
  const torch::Tensor mixed = contrasted(heard, unheard, 1)[0];
  const auto at = [&](int64_t i) { return mixed[i].item<double>(); };
  EXPECT_NEAR(at(1) - at(0), std::log((0.4 * 0.4 / 0.1) / (0.5 * 0.5 / 0.7)), 1e-5);
  EXPECT_NEAR(at(2) - at(0), std::log((0.08 * 0.08 / 0.1) / (0.5 * 0.5 / 0.7)), 1e-5);
  // Less than a tenth of the likeliest: no answer, but a number.
  EXPECT_LT(at(3), at(2) - 1000);
  EXPECT_TRUE(std::isfinite(at(3)));
  EXPECT_NEAR(contrasted(-1.0, -3.0, 0.5), -1.5 + 1.5, 1e-12);
}

class Contrast : public test::Published {};

// Greedy answers of one and two windows, alone and side by side, from whole sequences without cache.
TEST_F(Contrast, AnAnswerIsTheLikeliestOfBoth) {
  const torch::NoGradGuard no_grad;
  write(true, SaveType::kF32);
  // Flatter logits: with one token far above all others there is nothing to choose. Shared with `network`.
  tensors.at("lang_encoder.model.norm.weight").mul_(0.02);
  write_folder(SaveType::kF32);
  const Engine engine = Engine::load(folder, {.threads = 1, .contrast = 3.0});
  const Engine plain = Engine::load(folder, {.threads = 1});
  AnswerOptions options;
  options.max_new_tokens = 12;
  options.ignore_eos = true;
  std::vector<Question> together;
  std::vector<std::vector<int>> alone;
  for (const int seconds : {10, 17}) {
    const Clip clip = test::noise_clip("contrast/" + std::to_string(seconds), seconds);
    const Memory memory = engine.listen(clip);
    const Answer answer = engine.answer(memory, "and you?", options);
    ASSERT_EQ(answer.tokens.size(), 12u);
    EXPECT_NE(answer.tokens, plain.answer(plain.listen(clip), "and you?", options).tokens);
    const AudioContext context =
        network->listen(test::tensor_of(engine.feature(clip, FeatureLayer::kMemory, {})).unsqueeze(0), {});
    std::vector<int64_t> ids;
    for (const int id : engine.prompt_ids("and you?")) ids.push_back(id);
    for (const int token : answer.tokens) {
      const torch::Tensor all = torch::tensor(ids).unsqueeze(0);
      const torch::Tensor mixed =
          contrasted(network->logits(network->forward(all, context))[0][-1],
                     network->logits(network->forward(all, AudioContext{}))[0][-1], 3);
      EXPECT_GT(mixed[token].item<double>(), mixed.max().item<double>() - 5e-3);
      ids.push_back(token);
    }
    together.push_back(engine.question(memory, "and you?", options));
    alone.push_back(answer.tokens);
  }
  // What no clip was given for has nothing to be set against.
  together.push_back(engine.question(engine.nothing(), "and you?", options));
  alone.push_back(plain.answer(plain.nothing(), "and you?", options).tokens);
  const std::vector<Answer> answers = engine.answer_all(together);
  for (std::size_t i = 0; i < alone.size(); ++i) EXPECT_EQ(answers[i].tokens, alone[i]) << i;
}

TEST_F(Contrast, BeamsAreRefused) {
  write(true, SaveType::kF32);
  const Engine engine = Engine::load(folder, {.threads = 1, .contrast = 1.0});
  AnswerOptions options;
  options.beams = 2;
  test::expect_error(ErrorKind::kUser, {"--beams", "--contrast 0"}, [&] {
    engine.answer(engine.listen(test::noise_clip("contrast/beams", 3)), "and you?", options);
  });
}

}  // namespace
}  // namespace af2
