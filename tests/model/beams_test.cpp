// Beam search against greedy decoding, and against every answer there is.
#include "af2/generate/beams.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "published_checkpoint.h"

namespace af2 {
namespace {

class Beams : public ::testing::Test {
 protected:
  Beams() {
    test::fill_named(*network, "beams/");
    network->eval();
    torch::NoGradGuard no_grad;
    const torch::Tensor memory = network->remember(network->encode(test::sound_like("beams", 1, 160000)), {});
    audio = network->listen(memory, {});
  }
  // Log-probabilities of what follows the prompt and `more`: [V].
  torch::Tensor after(std::vector<int> more) const {
    std::vector<int64_t> ids(prompt.begin(), prompt.end());
    ids.insert(ids.end(), more.begin(), more.end());
    return network->logits(network->forward(torch::tensor(ids).unsqueeze(0), audio))[0][-1].log_softmax(-1);
  }

  mutable Af2Model network{test::small_config(true)};
  AudioContext audio;
  std::vector<int> prompt = {3, 70, 12};
};

TEST_F(Beams, OneBeamIsGreedy) {
  torch::NoGradGuard no_grad;
  const BeamAnswer found = beam_search(*network, audio, prompt, {0}, {1, 6, true});
  std::vector<int> greedy;
  for (int n = 0; n < 6; ++n) greedy.push_back(after(greedy).argmax().item<int>());
  EXPECT_EQ(found.tokens, greedy);
  EXPECT_FALSE(found.stopped);
}

// With as many beams as tokens, two tokens are searched without loss.
TEST_F(Beams, ManyBeamsFindTheBestOfAll) {
  torch::NoGradGuard no_grad;
  const torch::Tensor first = after({});
  const auto vocab = static_cast<int>(first.size(0));
  double best = -1e9;
  std::vector<int> wanted;
  for (int a = 0; a < vocab; ++a) {
    const torch::Tensor second = after({a});
    const double sum = first[a].item<double>() + second.max().item<double>();
    if (sum > best) best = sum, wanted = {a, second.argmax().item<int>()};
  }
  const BeamAnswer found = beam_search(*network, audio, prompt, {}, {vocab, 2, false});
  EXPECT_EQ(found.tokens, wanted);
  EXPECT_NEAR(found.score, best / 2, 1e-4);
}

// A stop token ends an answer and counts in its score.
TEST_F(Beams, StopTokensEndAnswers) {
  torch::NoGradGuard no_grad;
  const int likeliest = after({}).argmax().item<int>();
  const BeamAnswer found = beam_search(*network, audio, prompt, {likeliest}, {1, 6, false});
  EXPECT_TRUE(found.stopped);
  EXPECT_TRUE(found.tokens.empty());
  EXPECT_NEAR(found.score, after({})[likeliest].item<double>(), 1e-4);
}

}  // namespace
}  // namespace af2
