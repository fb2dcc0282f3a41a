// What a run says of its steps: z-scores, divergence, the page.
#include "af2/train/step_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "af2/train/run_page.h"

namespace af2 {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

StepSight see_loss(StepWatch& watch, std::int64_t step, double loss) {
  return watch.see({.step = step,
                    .loss = loss,
                    .grad_norm = 1,
                    .lr = 1e-4,
                    .ms = 500,
                    .targets = 100,
                    .audio_seconds = 40});
}

TEST(StepWatch, TellsHowFarAStepIsFromThoseBefore) {
  EXPECT_EQ(StepWatch::z_score(5, std::deque<double>(9, 1.0)), 0);  // too few
  std::deque<double> before;
  for (int i = 0; i < 20; ++i) before.push_back(i % 2 ? 1.0 : 3.0);  // mean 2, deviation 1
  EXPECT_DOUBLE_EQ(StepWatch::z_score(5, before), 3);
  EXPECT_EQ(StepWatch::z_score(7, std::deque<double>(20, 7.0)), 0);
  EXPECT_EQ(StepWatch::z_score(std::nan(""), before), 0);

  StepWatch watch(1000, 3);
  for (int i = 1; i <= 20; ++i) see_loss(watch, i, i % 2 ? 1.0 : 3.0);
  const StepSight sight = see_loss(watch, 21, 5.0);
  EXPECT_DOUBLE_EQ(sight.record["loss_z"].get<double>(), 3);
  EXPECT_DOUBLE_EQ(sight.record["audio_rate"].get<double>(), 80);
  EXPECT_DOUBLE_EQ(sight.record["target_rate"].get<double>(), 200);
  EXPECT_GT(sight.record["memory_mb"].get<double>(), 1);
  EXPECT_THAT(sight.line, HasSubstr("step 21/1000 loss 5.0000 (z +3.0)"));
  EXPECT_THAT(sight.line, HasSubstr("80.0x real time"));
  EXPECT_THAT(sight.line, HasSubstr("8:09 left"));  // 979 steps of half a second
  EXPECT_TRUE(see_loss(watch, 22, std::nan("")).record["loss"].is_null());
}

// The step at which losses are said to diverge; 0: never.
std::int64_t diverges_at(const std::vector<double>& losses, double factor) {
  StepWatch watch(1000, factor);
  for (std::size_t i = 0; i < losses.size(); ++i)
    if (!see_loss(watch, static_cast<std::int64_t>(i) + 1, losses[i]).diverging.empty())
      return static_cast<std::int64_t>(i) + 1;
  return 0;
}

TEST(StepWatch, SeesARunThatDiverges) {
  std::vector<double> falls, explodes, spikes, fine;
  for (int i = 0; i < 200; ++i) {
    falls.push_back(4 * std::exp(-i / 40.0) + 0.2);
    explodes.push_back(i < 100 ? falls.back() : falls[99] * std::exp((i - 99) / 10.0));
    spikes.push_back(i == 120 ? 30 : falls.back());
    // Small losses may treble: little of what was gained is lost.
    fine.push_back(i < 100 ? 4 - 0.0399 * i : 0.3);
  }
  EXPECT_EQ(diverges_at(falls, 3), 0);
  EXPECT_GT(diverges_at(explodes, 3), 100);
  EXPECT_LT(diverges_at(explodes, 3), 150);
  EXPECT_EQ(diverges_at(explodes, 0), 0);
  EXPECT_EQ(diverges_at(spikes, 3), 0);
  EXPECT_EQ(diverges_at(fine, 3), 0);
}

// Long clips with losses three times those of short ones, in chance order: twenty of a kind in a row are no
// divergence; where one kind explodes, it is.
TEST(StepWatch, ComparesStepsWithThoseAboutClipsOfTheirLength) {
  const auto run = [](bool told, bool explodes) {
    StepWatch watch(1000, 3);
    for (std::int64_t i = 1; i <= 400; ++i) {
      const bool is_long = (i / 25) % 2 == 1;
      double loss = (is_long ? 1.6 : 0.4) + 0.1 * std::exp(-static_cast<double>(i) / 50);
      if (explodes && is_long && i > 200) loss *= 5;
      if (!watch.see({.step = i, .loss = loss, .clip_seconds = told ? (is_long ? 90.0 : 8.0) : 0.0})
               .diverging.empty())
        return i;
    }
    return std::int64_t{0};
  };
  EXPECT_GT(run(false, false), 0);
  EXPECT_EQ(run(true, false), 0);
  EXPECT_GT(run(true, true), 200);
}

TEST(RunPage, HoldsTheStepsAndIsRenewedUntilTheRunIsOver) {
  std::string metrics;
  for (int i = 1; i <= 5000; ++i)
    metrics += Json{{"step", i}, {"loss", 1.0 / i}, {"grad_norm", 2}, {"lr", 1e-4}, {"ms", 3}}.dump() + "\n";
  metrics += R"({"step": 5000, "validation": {"loss": 0.5}})"
             "\n{broken";
  const std::string page = run_page("</script><b>", metrics, 6000, false);
  EXPECT_THAT(page, HasSubstr("step 5000 of 6000"));
  EXPECT_THAT(page, HasSubstr("http-equiv=\"refresh\""));
  EXPECT_THAT(page, HasSubstr("&lt;/script&gt;&lt;b&gt;"));
  EXPECT_THAT(page, HasSubstr("\"validation\":[[5000,0.5]]"));
  EXPECT_THAT(page, HasSubstr("[5000,0.0002,"));  // the last step is there
  EXPECT_THAT(page, Not(HasSubstr("{{")));
  EXPECT_LT(page.size(), 250000u);
  EXPECT_THAT(run_page("a", metrics, 5000, true), Not(HasSubstr("http-equiv=\"refresh\"")));
  EXPECT_THAT(run_page("a", "", 10, false), HasSubstr("step 0 of 10"));
}

}  // namespace
}  // namespace af2
