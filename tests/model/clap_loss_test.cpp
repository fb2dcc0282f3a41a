// The objectives of AF-CLAP and all their gradients against tests/oracle/make_clap_goldens.py (make_loss).
#include "af2/train/clap_loss.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "model_testing.h"
#include "named_weights.h"

namespace af2 {
namespace {

using test::golden;
using test::max_error;
using test::relative_error;

constexpr int kClips = 5, kTexts = 17, kLossJoint = 7;

struct Leaves {
  torch::Tensor audio =
      test::uniform("clap/loss/audio", {kClips, kLossJoint}).clone().set_requires_grad(true);
  torch::Tensor text = test::uniform("clap/loss/text", {kTexts, kLossJoint}).clone().set_requires_grad(true);
  torch::Tensor scale = torch::tensor(static_cast<float>(std::log(1 / 0.07))).set_requires_grad(true);
  torch::Tensor scale_t = torch::tensor(2.0f).set_requires_grad(true);

  static torch::Tensor unit(const torch::Tensor& x) {
    return torch::nn::functional::normalize(x, torch::nn::functional::NormalizeFuncOptions().dim(-1));
  }
};

// Whose texts are whose, as in make_loss.
ClapTargets targets() {
  const std::vector<std::vector<int>> captions = {{0, 1, 2}, {0, 3, 4}, {5, 6}, {7, 8, 9}, {}};
  const std::vector<std::vector<int>> negatives = {{10, 11}, {12, 13}, {14}, {15, 16}, {}};
  ClapTargets all{torch::zeros({kClips, kTexts}), torch::zeros({kClips, kTexts})};
  for (int i = 0; i < kClips; ++i) {
    for (const int u : captions[i]) all.positive[i][u] += 1;
    for (const int u : negatives[i]) all.rival[i][u] += 1;
    for (int j = 0; j < kClips; ++j)
      for (const int u : captions[j]) {
        const bool own = std::find(captions[i].begin(), captions[i].end(), u) != captions[i].end();
        if (i == j || !own) all.rival[i][u] += 1;
      }
  }
  return all;
}

void expect_golden(const std::string& name, const torch::Tensor& loss,
                   const std::vector<std::pair<std::string, torch::Tensor>>& leaves) {
  loss.backward();
  EXPECT_NEAR(loss.item<double>(), golden("clap", "loss/" + name).item<double>(), 1e-4) << name;
  for (const auto& [key, leaf] : leaves)
    EXPECT_LT(relative_error(leaf.grad().flatten(), golden("clap", "loss/" + name + "/" + key)), 1e-5)
        << name << " " << key;
}

TEST(ClapLoss, ThePapersObjectiveAndItsGradients) {
  const Leaves at;
  expect_golden("afclap",
                afclap_loss(Leaves::unit(at.audio), Leaves::unit(at.text), targets(), logit_scale(at.scale)),
                {{"audio", at.audio}, {"text", at.text}, {"scale", at.scale}});
}

TEST(ClapLoss, TheOtherDirection) {
  const Leaves at;
  ClapTargets all = targets();
  all.rival = torch::ones_like(all.rival);  // every clip may stand beside every text
  expect_golden("back",
                text_to_audio_loss(Leaves::unit(at.audio), Leaves::unit(at.text), all, logit_scale(at.scale)),
                {{"audio", at.audio}, {"text", at.text}, {"scale", at.scale}});
}

TEST(ClapLoss, PlainInfoNce) {
  const Leaves at;
  expect_golden("infonce",
                infonce_loss(Leaves::unit(at.audio), Leaves::unit(at.text).narrow(0, 0, kClips),
                             logit_scale(at.scale), logit_scale(at.scale_t)),
                {{"audio", at.audio}, {"text", at.text}, {"scale", at.scale}, {"scale_t", at.scale_t}});
}

TEST(ClapLoss, EqualEmbeddingsGiveTheLogarithmOfClipsAndNegatives) {
  for (const int b : {2, 6})
    for (const int m : {1, 3})
      for (const int n : {0, 3}) {
        const int u = b * m + b * m * n;
        ClapTargets all{torch::zeros({b, u}), torch::zeros({b, u})};
        for (int i = 0; i < b; ++i) {
          all.positive[i].narrow(0, i * m, m).fill_(1);
          all.rival[i].narrow(0, 0, b * m).fill_(1);
          all.rival[i].narrow(0, b * m + i * m * n, m * n).fill_(1);
        }
        const torch::Tensor one = Leaves::unit(torch::ones({1, kLossJoint}));
        const torch::Tensor loss =
            afclap_loss(one.expand({b, -1}), one.expand({u, -1}), all, torch::tensor(14.0f)) / b;
        EXPECT_NEAR(loss.item<double>(), std::log(b + n), 1e-5) << b << " " << m << " " << n;
      }
}

TEST(ClapLoss, TheScaleIsBounded) {
  EXPECT_NEAR(logit_scale(torch::tensor(10.0f)).item<double>(), 100, 1e-4);
  EXPECT_NEAR(logit_scale(torch::tensor(1.0f)).item<double>(), std::exp(1.0), 1e-6);
}

TEST(ClapLoss, CaptionsStandAgainstTheirEditsAlone) {
  const Leaves leaves;
  const torch::Tensor audio = Leaves::unit(leaves.audio), text = Leaves::unit(leaves.text);
  const std::vector<CaptionEdit> edits = {{0, 1, 2}, {0, 1, 4}, {1, 3, 0}};
  const double scale = 7;
  const torch::Tensor loss = edit_loss(audio, text, edits, torch::tensor(scale, torch::kFloat32));
  const auto one = [&](const CaptionEdit& e) {
    const auto z = [&](int64_t u) { return scale * audio[e.clip].dot(text[u]).item<double>(); };
    return -std::log(std::exp(z(e.caption)) / (std::exp(z(e.caption)) + std::exp(z(e.edited))));
  };
  EXPECT_NEAR(loss.item<double>(), (one(edits[0]) + one(edits[1])) / 2 + one(edits[2]), 1e-4);
  loss.backward();
  EXPECT_GT(leaves.text.grad()[4].abs().sum().item<float>(), 0);
  EXPECT_EQ(leaves.text.grad()[5].abs().sum().item<float>(), 0);
  EXPECT_EQ(edit_loss(audio, text, {}, torch::tensor(7.0f)).item<double>(), 0);
}

TEST(ClapLoss, LabelsStandAgainstThoseThatAreAbsent) {
  const Leaves leaves;
  const torch::Tensor audio = Leaves::unit(leaves.audio), text = Leaves::unit(leaves.text);
  torch::Tensor heard = torch::zeros({kClips, kTexts}), absent = torch::ones({kClips, kTexts});
  heard[0][3] = 1, absent[0][3] = 0;
  heard[0][5] = 1, absent[0][5] = 0;
  heard[1][7] = 1, absent[1][7] = 0;
  absent[1][8] = 0;  // unclear
  const double scale = 9;
  const torch::Tensor loss = label_loss(audio, text, heard, absent, torch::tensor(scale, torch::kFloat32));
  double wanted = 0;
  for (int i = 0; i < kClips; ++i) {
    double others = 0, sum = 0, n = 0;
    const auto z = [&](int u) { return scale * audio[i].dot(text[u]).item<double>(); };
    for (int u = 0; u < kTexts; ++u)
      if (absent[i][u].item<float>() > 0) others += std::exp(z(u));
    for (int u = 0; u < kTexts; ++u)
      if (heard[i][u].item<float>() > 0) sum -= std::log(std::exp(z(u)) / (std::exp(z(u)) + others)), n += 1;
    if (n > 0) wanted += sum / n;
  }
  EXPECT_NEAR(loss.item<double>(), wanted, 1e-4);
  loss.backward();
  EXPECT_GT(leaves.audio.grad()[0].abs().sum().item<float>(), 0);
  EXPECT_EQ(leaves.audio.grad()[2].abs().sum().item<float>(), 0);  // nothing is said of it
  // All vectors equal: ln(1 + the absent).
  const torch::Tensor same = torch::ones({kClips, kLossJoint}) / std::sqrt(kLossJoint);
  const torch::Tensor flat =
      label_loss(same, same[0].expand({kTexts, kLossJoint}), heard, absent, torch::tensor(5.0f));
  EXPECT_NEAR(flat.item<double>(), std::log(1.0 + kTexts - 2) + std::log(1.0 + kTexts - 2), 1e-4);
}

}  // namespace
}  // namespace af2
