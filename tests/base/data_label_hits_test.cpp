#include "af2/data/label_hits.h"

#include <gtest/gtest.h>

#include "data_tone_bank.h"

namespace af2 {
namespace {

class LabelHitsTest : public ::testing::Test {
 protected:
  // Scores by rank: the label itself, then the others in their order, from 1 downwards; `above` of them
  // before it.
  std::vector<float> ranked(int label, int above) const {
    std::vector<float> scores(bank.labels().size(), 0);
    scores[label] = 0.5f;
    for (int c = 0, n = 0; c < static_cast<int>(scores.size()); ++c)
      if (c != label && !bank.confusable(c, label)) scores[c] = n++ < above ? 0.9f : 0.1f;
    return scores;
  }
  int rivals(int label) const {
    int n = 0;
    for (int c = 0; c < static_cast<int>(bank.labels().size()); ++c) n += !bank.confusable(c, label);
    return n;
  }
  const SoundBank& bank = test::shared_tone_bank();
};

TEST_F(LabelHitsTest, FirstFirstFiveAndOneOfFour) {
  const int n = rivals(0);
  ASSERT_GE(n, 4);
  EXPECT_EQ(LabelHits::of(bank, ranked(0, 0), 0), (std::array<double, 3>{1, 1, 1}));
  const auto second = LabelHits::of(bank, ranked(0, 1), 0);
  EXPECT_EQ(second[0], 0);
  EXPECT_EQ(second[1], 1);
  // None of three others drawn from n is the one above: (n - 1 choose 3) / (n choose 3) = (n - 3) / n.
  EXPECT_NEAR(second[2], (n - 3.0) / n, 1e-12);
  EXPECT_EQ(LabelHits::of(bank, ranked(0, n), 0), (std::array<double, 3>{0, n < 5 ? 1.0 : 0.0, 0}));
}

TEST_F(LabelHitsTest, ATieIsNoHit) {
  const std::vector<float> flat(bank.labels().size(), 0.3f);
  EXPECT_EQ(LabelHits::of(bank, flat, 0)[0], 0);
  EXPECT_EQ(LabelHits::of(bank, flat, 0)[2], 0);
}

TEST_F(LabelHitsTest, LabelsCountAlikeHoweverManyRecordingsTheyHave) {
  LabelHits hits(bank);
  for (int i = 0; i < 3; ++i) hits.add(ranked(0, 0), 0);
  hits.add(ranked(1, rivals(1)), 1);
  const Json figures = hits.figures();
  EXPECT_EQ(figures["n"], 4);
  EXPECT_EQ(figures["labels"], 2);
  EXPECT_NEAR(figures["top1"].get<double>(), 0.5, 1e-12);
}

}  // namespace
}  // namespace af2
