// Perplexity of the language model alone, read at once and token by token, against its definition.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "af2/core/error.h"
#include "af2/generate/engine.h"
#include "published_checkpoint.h"

namespace af2 {
namespace {

class PerplexityOf : public test::Published {
 protected:
  // exp of the mean surprise, all positions of a piece in one forward without cross-attention.
  double expected(const std::vector<int>& ids, std::size_t chunk) {
    torch::NoGradGuard no_grad;
    ModelFolder model = load_model_folder(folder, {});
    double sum = 0;
    int n = 0;
    for (std::size_t first = 0; first < ids.size(); first += chunk) {
      const std::vector<int64_t> part(
          ids.begin() + static_cast<std::ptrdiff_t>(first),
          ids.begin() + static_cast<std::ptrdiff_t>(std::min(ids.size(), first + chunk)));
      const torch::Tensor hidden = model.network->forward(torch::tensor(part).unsqueeze(0), {});
      const torch::Tensor p = model.network->logits(hidden)[0].to(torch::kFloat64).softmax(-1);
      for (std::size_t i = 1; i < part.size(); ++i, ++n)
        sum -= std::log(p[static_cast<int64_t>(i) - 1][part[i]].item<double>());
    }
    return std::exp(sum / n);
  }
};

TEST_F(PerplexityOf, IsTheMeanSurprise) {
  write(true, SaveType::kF32);
  const Engine engine = Engine::load(folder, {.threads = 1});
  const std::string text = "a bell rings twice, then someone walks up the stairs and a door falls shut.";
  const std::vector<int> ids = load_model_folder(folder, {}).tokenizer.encode(text, false);
  ASSERT_GT(ids.size(), 20u);
  for (const int chunk : {512, 7}) {
    const double want = expected(ids, static_cast<std::size_t>(chunk));
    for (const bool written : {false, true}) {
      const Perplexity got = engine.perplexity(text, chunk, written);
      const auto pieces = (static_cast<int>(ids.size()) + chunk - 1) / chunk;
      EXPECT_EQ(got.n_tokens, static_cast<int>(ids.size()) - pieces);
      EXPECT_NEAR(got.value / want, 1, 1e-4) << chunk << (written ? " written" : " read");
    }
  }
}

TEST_F(PerplexityOf, NeedsTwoTokens) {
  write(true, SaveType::kF32);
  const Engine engine = Engine::load(folder, {.threads = 1});
  EXPECT_THROW(engine.perplexity(""), Error);
  EXPECT_THROW(engine.perplexity("a", 512, true), Error);
  EXPECT_THROW(engine.perplexity("a bell", 1), Error);
}

}  // namespace
}  // namespace af2
