// What training computes in fewer passes than ATen's elementary operations: the same values and gradients.
#include "af2/model/train_kernels.h"

#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "af2/model/attention.h"
#include "af2/model/decoder.h"
#include "af2/model/linear.h"
#include "af2/model/precision.h"
#include "af2/train/parts.h"

namespace af2 {
namespace {

using Function = std::function<torch::Tensor(const std::vector<torch::Tensor>&)>;

struct Figures {
  torch::Tensor value;
  std::vector<torch::Tensor> gradients;
};

// Value of f, and gradients of its weighted sum.
Figures figures(const Function& f, const std::vector<torch::Tensor>& inputs) {
  std::vector<torch::Tensor> leaves;
  for (const torch::Tensor& input : inputs)
    leaves.push_back(input.detach().clone().set_requires_grad(input.is_floating_point()));
  const torch::Tensor y = f(leaves);
  const torch::Tensor weights = torch::arange(y.numel()).remainder(7).sub(3).view(y.sizes());
  (y.to(torch::kFloat32) * weights).sum().backward();
  Figures result{y.detach(), {}};
  for (const torch::Tensor& leaf : leaves) result.gradients.push_back(leaf.grad());
  return result;
}

void expect_same(const Function& ours, const Function& theirs, const std::vector<torch::Tensor>& inputs,
                 double tolerance) {
  const Figures a = figures(ours, inputs), b = figures(theirs, inputs);
  const auto near = [&](const torch::Tensor& x, const torch::Tensor& y) {
    const torch::Tensor wide = y.to(torch::kFloat32);
    const double most = std::max(1.0, wide.abs().max().item<double>());
    return (x.to(torch::kFloat32) - wide).abs().max().item<double>() <= tolerance * most;
  };
  EXPECT_TRUE(near(a.value, b.value));
  ASSERT_EQ(a.gradients.size(), b.gradients.size());
  for (std::size_t i = 0; i < a.gradients.size(); ++i) {
    ASSERT_TRUE(a.gradients[i].defined() && b.gradients[i].defined()) << i;
    EXPECT_TRUE(near(a.gradients[i], b.gradients[i])) << "gradient " << i;
  }
}

torch::Tensor elementary_norm(const torch::Tensor& x, const torch::Tensor& weight, double eps) {
  return weight * (x * torch::rsqrt(x.square().mean(-1, true) + eps));
}

TEST(TrainKernels, RmsNormIsThatOfElementaryOperations) {
  torch::manual_seed(1);
  for (const int64_t d : {5, 16, 37, 576}) {
    expect_same([](const auto& in) { return trained_rms_norm(in[0], in[1], 1e-5); },
                [](const auto& in) { return elementary_norm(in[0], in[1], 1e-5); },
                {torch::randn({3, 7, d}) * 4, torch::rand({d}) + 0.5}, 1e-5);
  }
  // Rows that do not lie side by side, and so many that several threads take them.
  const torch::Tensor wide = torch::randn({400, 2, 64});
  expect_same([](const auto& in) { return trained_rms_norm(in[0].select(1, 1), in[1], 1e-6); },
              [](const auto& in) { return elementary_norm(in[0].select(1, 1), in[1], 1e-6); },
              {wide, torch::rand({64})}, 1e-5);
}

TEST(TrainKernels, RmsNormGivesWhatNarrowProductsRead) {
  torch::manual_seed(2);
  const Bf16Products narrow(true);
  const auto ours = [](const auto& in) { return trained_rms_norm(in[0], in[1], 1e-5); };
  const std::vector<torch::Tensor> inputs = {torch::randn({33, 48}), torch::rand({48}) + 0.5};
  EXPECT_EQ(figures(ours, inputs).value.scalar_type(), torch::kBFloat16);
  // Rounded once, to the nearest.
  const torch::Tensor exact = elementary_norm(inputs[0], inputs[1], 1e-5);
  EXPECT_GE((ours(inputs) == exact.to(torch::kBFloat16)).to(torch::kFloat32).mean().item<double>(), 0.999);
  expect_same(
      ours, [](const auto& in) { return elementary_norm(in[0], in[1], 1e-5); }, inputs, 1e-2);
}

TEST(TrainKernels, RotationIsThatOfElementaryOperations) {
  torch::manual_seed(3);
  const auto elementary = [](const torch::Tensor& x, const RotaryTable& table) {
    const int64_t dim = table.cos.size(1), half = dim / 2;
    const torch::Tensor turned = x.narrow(-1, 0, dim);
    const torch::Tensor swapped =
        torch::cat({-turned.narrow(-1, half, half), turned.narrow(-1, 0, half)}, -1);
    return torch::cat({turned * table.cos + swapped * table.sin, x.narrow(-1, dim, x.size(-1) - dim)}, -1);
  };
  for (const int64_t width : {64, 32}) {  // whole heads, and a part of each
    const RotaryTable table = rotary_table(3, 11, width, 10000, torch::kCPU);
    for (const torch::ScalarType type : {torch::kFloat32, torch::kBFloat16}) {
      // As projections give it, heads between positions.
      const auto of = [](const torch::Tensor& in) { return in.transpose(1, 2); };
      expect_same([&](const auto& in) { return apply_rotary(of(in[0]), table); },
                  [&](const auto& in) { return elementary(of(in[0]).to(torch::kFloat32), table); },
                  {torch::randn({2, 11, 5, 64}).to(type)}, type == torch::kFloat32 ? 1e-5 : 1e-2);
    }
    // What inference computes.
    const torch::Tensor x = torch::randn({1, 2, 11, 64});
    const torch::Tensor trained = apply_rotary(x, table);
    const torch::NoGradGuard no_grad;
    EXPECT_TRUE(torch::allclose(trained, apply_rotary(x, table), 1e-6, 1e-6));
  }
}

TEST(TrainKernels, AttentionIsThatOfFilledScores) {
  torch::manual_seed(4);
  const torch::Tensor q = torch::randn({2, 3, 9, 16}), k = torch::randn({2, 3, 13, 16}),
                      v = torch::randn({2, 3, 13, 16}),
                      here =
                          torch::arange(13).view({1, 1, 1, 13}) < torch::tensor({13, 8}).view({2, 1, 1, 1});
  const torch::Tensor hidden = torch::zeros({2, 1, 1, 13}).masked_fill(here == 0, -3e38);
  const auto filled = [&](const auto& in) {
    const auto wide = [](const torch::Tensor& t) { return t.to(torch::kFloat32); };
    const torch::Tensor scores = torch::matmul(wide(in[0]), wide(in[1]).transpose(-2, -1)) / 4;
    return torch::matmul(scores.masked_fill(here == 0, -3e38).softmax(-1), wide(in[2]));
  };
  expect_same([&](const auto& in) { return trained_attention(in[0], in[1], in[2], hidden); }, filled,
              {q, k, v}, 1e-5);
  const Bf16Products narrow(true);
  const auto half = [](const torch::Tensor& t) { return t.to(torch::kBFloat16); };
  const Function ours = [&](const auto& in) { return trained_attention(in[0], in[1], in[2], half(hidden)); };
  const std::vector<torch::Tensor> halves = {half(q), half(k), half(v)};
  EXPECT_EQ(ours(halves).scalar_type(), torch::kBFloat16);
  // Autocast would take the products of float32 that this is held against.
  expect_same(
      ours,
      [&](const auto& in) {
        const Bf16Products off(false);
        return filled(in);
      },
      halves, 2e-2);
}

TEST(TrainKernels, ProductsAndTheirGradientsAreThoseOfAten) {
  torch::manual_seed(5);
  for (const bool with_bias : {false, true}) {
    Linear layer = drawn_linear(24, 40, with_bias);
    const torch::Tensor weight = layer->weight.detach().clone(),
                        bias = with_bias ? torch::randn({40}) : torch::Tensor();
    const auto ours = [&](const auto& in) {
      layer->weight = in[1];
      if (with_bias) layer->bias = in[2];
      return layer->forward(in[0]);
    };
    const auto theirs = [&](const auto& in) {
      return torch::nn::functional::linear(in[0], in[1], with_bias ? in[2] : torch::Tensor());
    };
    std::vector<torch::Tensor> inputs = {torch::randn({3, 50, 24}), weight};
    if (with_bias) inputs.push_back(bias);
    expect_same(ours, theirs, inputs, 1e-5);
  }
  // Of a weight that is not trained, gradients for x alone.
  Linear frozen(24, 40, false);
  frozen->weight.set_requires_grad(false).normal_();
  expect_same([&](const auto& in) { return frozen->forward(in[0]); },
              [&](const auto& in) { return torch::nn::functional::linear(in[0], frozen->weight); },
              {torch::randn({7, 24})}, 1e-5);
  EXPECT_FALSE(frozen->weight.grad().defined());
}

TEST(TrainKernels, AFrozenLanguageModelIsNarrowedOnceAndReadsItsEmbeddingAsItIs) {
  torch::manual_seed(6);
  LmConfig config;
  config.arch = "llama", config.dim = 32, config.n_layers = 2, config.n_heads = 2, config.n_kv_heads = 1;
  config.head_dim = 16, config.ffn_dim = 48, config.vocab = 70, config.tied = true;
  Decoder decoder(config, 2);
  for (torch::Tensor& parameter : decoder->parameters()) {
    parameter.set_requires_grad(false);
    torch::nn::init::normal_(parameter, 0, 0.1);
  }
  const torch::Tensor ids = torch::tensor({{3, 69, 71}}), hidden = torch::randn({4, 32}),
                      embedded = decoder->embed(ids);
  const Bf16Products narrow(true);
  const torch::Tensor logits = decoder->logits(hidden);
  narrow_frozen_lm(*decoder);
  EXPECT_TRUE(torch::equal(decoder->embed(ids), embedded));
  EXPECT_TRUE(torch::equal(decoder->logits(hidden), logits));  // autocast rounds the same rows
  for (const auto& [name, layer] : linear_layers(*decoder->layers))
    EXPECT_EQ(layer->weight.scalar_type(), torch::kBFloat16) << name;
  EXPECT_EQ(decoder->embed_tokens->weight.scalar_type(), torch::kFloat32);
}

}  // namespace
}  // namespace af2
