// Sets blended by passes, batches by length and the steps of a run, against a second implementation
// (tests/oracle/make_blend_vectors.py) and by what must hold of any.
#include "af2/data/blend.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include "af2/core/file.h"
#include "af2/core/random.h"
#include "af2/data/length_batches.h"
#include "refused.h"

namespace af2 {
namespace {

Json blend_vectors() {
  return parse_json(read_file(std::string(AF2_SOURCE_DIR) + "/tests/data/train/blend.json"), "blend.json");
}

std::vector<BlendSet> vector_sets(const Json& vectors) {
  std::vector<BlendSet> sets;
  for (const Json& set : vectors["sets"])
    sets.push_back({set["name"], passes_micro(set["passes"], "passes"),
                    set["windows"].get<std::vector<std::int32_t>>()});
  return sets;
}

// Sets of mixed lengths, many items.
std::vector<BlendSet> many_items() {
  Random random("blend test");
  std::vector<BlendSet> sets = {
      {"a", 2'000'000, {}}, {"b", 500'000, {}}, {"c", 1'300'000, {}}, {"tiny", 26'000, {}}};
  for (BlendSet& set : sets)
    for (int i = 0; i < 300; ++i) set.windows.push_back(1 + static_cast<std::int32_t>(random.below(30)));
  return sets;
}

TEST(Blend, DrawsAndSlicesAreThoseOfTheSecondImplementation) {
  const Json vectors = blend_vectors();
  for (const auto& [name, values] : vectors["draws"].items()) {
    Random random(name);
    for (const Json& value : values) EXPECT_EQ(std::to_string(random.next()), value.get<std::string>());
  }
  for (const auto& [k, slices] : vectors["slices"].items()) {
    const Blend blend(vector_sets(vectors),
                      {.seed = vectors["seed"], .slices = std::stoll(k), .edges = vectors["edges"]});
    ASSERT_EQ(blend.slices(), static_cast<std::int64_t>(slices.size()));
    std::int64_t total = 0;
    for (std::int64_t e = 0; e < blend.slices(); ++e) {
      Json got = Json::array();
      for (const BlendItem& one : blend.slice(e)) got.push_back({one.set, one.item, one.pass});
      EXPECT_EQ(got, slices[static_cast<std::size_t>(e)]) << "slice " << e << " of " << k;
      EXPECT_EQ(blend.count(e), static_cast<std::int64_t>(got.size()));
      total += blend.count(e);
    }
    EXPECT_EQ(blend.total(), total);
  }
}

TEST(Blend, EveryItemIsTakenAsOftenAsItsSetsPassesSay) {
  for (const std::int64_t slices : {1, 7, 200, 4000}) {
    const Blend blend(many_items(), {.slices = slices});
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::int64_t> taken;
    std::set<std::tuple<std::uint32_t, std::uint32_t, std::int64_t>> passes;
    for (std::int64_t e = 0; e < slices; ++e)
      for (const BlendItem& one : blend.slice(e)) {
        ++taken[{one.set, one.item}];
        EXPECT_TRUE(passes.insert({one.set, one.item, one.pass}).second);
      }
    // Passes are counted from 0 without gaps.
    for (const auto& [which, times] : taken)
      for (std::int64_t pass = 0; pass < times; ++pass)
        EXPECT_TRUE(passes.contains({which.first, which.second, pass}));
    for (std::uint32_t item = 0; item < 300; ++item) {
      EXPECT_EQ((taken[{0, item}]), 2);
      EXPECT_LE((taken[{1, item}]), 1);
      EXPECT_GE((taken[{2, item}]), 1);
      EXPECT_LE((taken[{2, item}]), 2);
    }
    std::int64_t n = 0;
    for (const auto& [which, times] : taken) n += which.first == 1 ? times : 0;
    EXPECT_NEAR(static_cast<double>(n), 150, 9);  // a bucket rounds down on its own
    EXPECT_EQ(blend.plan()["total"], blend.total());
  }
}

TEST(Blend, SlicesAreAlikeInSizeAndAnySliceCanBeAskedFirst) {
  const Blend blend(many_items(), {.slices = 20}), other(many_items(), {.slices = 20});
  std::vector<std::vector<BlendItem>> forwards;
  for (std::int64_t e = 0; e < 20; ++e) forwards.push_back(other.slice(e));
  for (std::int64_t e = 19; e >= 0; --e) {
    EXPECT_EQ(blend.slice(e), forwards[static_cast<std::size_t>(e)]);
    EXPECT_NEAR(static_cast<double>(blend.count(e)), static_cast<double>(blend.total()) / 20, 36);
  }
  // Names with the same letters, and other seeds, have other orders.
  const std::vector<std::int32_t> windows(50, 3);
  const auto order = [&](const std::string& name, std::uint64_t seed) {
    std::vector<std::uint32_t> items;
    for (const BlendItem& one : Blend({{name, 1'000'000, windows}}, {.seed = seed, .slices = 1}).slice(0))
      items.push_back(one.item);
    return items;
  };
  EXPECT_NE(order("abc", 42), order("cab", 42));
  EXPECT_NE(order("abc", 42), order("abc", 43));
  EXPECT_EQ(order("abc", 42), order("abc", 42));
}

TEST(Blend, NamesWhatIsWrong) {
  const auto refuse = [](std::vector<BlendSet> sets, BlendOptions options, const std::string& word) {
    test::refused(ErrorKind::kUser, {word}, [&] { Blend(sets, options); });
  };
  const BlendSet fine{"fine", 1'000'000, {1, 2}};
  refuse({}, {}, "sets");
  refuse({fine, fine}, {}, "fine");
  refuse({{"none", 1'000'000, {}}}, {}, "none");
  refuse({{"zero", 0, {1}}}, {}, "zero");
  refuse({fine}, {.slices = 0}, "slices");
  refuse({fine}, {.edges = {3, 2}}, "edges");
  for (const double bad : {0.0, -1.0, 1e-7, 0.33333333, std::nan("")})
    test::refused(ErrorKind::kUser, {"weight of x"}, [&] { passes_micro(bad, "weight of x"); });
  EXPECT_EQ(passes_micro(0.026, ""), 26000);
}

TEST(LengthBatches, AreThoseOfTheSecondImplementation) {
  const Json vectors = blend_vectors();
  for (const Json& one : vectors["batches"]) {
    const auto windows = one["windows"].get<std::vector<std::int32_t>>();
    const BatchLimits limits{one["max_windows"], one["max_clips"], one["multiple"]};
    Json sizes = Json::array();
    std::size_t next = 0;
    for (const auto& [first, end] : batch_ranges(windows, limits)) {
      EXPECT_EQ(first, next);
      EXPECT_GT(end, first);
      sizes.push_back(end - first), next = end;
      std::int32_t longest = 0;
      for (std::size_t i = first; i < end; ++i) longest = std::max(longest, windows[i]);
      EXPECT_LE(static_cast<std::int64_t>(end - first) * longest, limits.max_windows);
      EXPECT_LE(static_cast<std::int64_t>(end - first), limits.max_clips);
    }
    EXPECT_EQ(next, windows.size());
    EXPECT_EQ(sizes, one["sizes"]) << one.dump();
  }
  test::refused(ErrorKind::kUser, {"item 1", "max_windows"}, [] {
    batch_ranges(std::vector<std::int32_t>{2, 9}, {8, 8, 2});
  });
}

// Set, item and pass of everything in a run's steps, and how many batches there are.
std::multiset<std::tuple<std::uint32_t, std::uint32_t, std::int64_t>> all_of(StepPlan& plan,
                                                                             std::size_t per_step,
                                                                             std::int64_t& batches) {
  std::multiset<std::tuple<std::uint32_t, std::uint32_t, std::int64_t>> seen;
  bool ended = false;
  while (const auto step = plan.next()) {
    EXPECT_FALSE(ended) << "a smaller step before the last";
    ended = step->batches.size() < per_step;
    EXPECT_LE(step->batches.size(), per_step);
    for (const LengthBatch& batch : step->batches) {
      ++batches;
      for (const BlendItem& one : batch.items) {
        seen.insert({one.set, one.item, one.pass});
        EXPECT_EQ(one.bucket, batch.items.front().bucket);
      }
    }
  }
  return seen;
}

TEST(StepPlan, TrainsOnEverythingOnceWhateverMakesAStep) {
  const Blend blend(many_items(), {.slices = 15});
  std::multiset<std::tuple<std::uint32_t, std::uint32_t, std::int64_t>> wanted;
  for (std::int64_t e = 0; e < 15; ++e)
    for (const BlendItem& one : blend.slice(e)) wanted.insert({one.set, one.item, one.pass});
  for (const std::int64_t per_step : {1, 3, 8, 64}) {
    StepPlan plan(blend, {.max_windows = 60, .max_clips = 16}, per_step);
    std::int64_t batches = 0;
    EXPECT_EQ(all_of(plan, static_cast<std::size_t>(per_step), batches), wanted);
    EXPECT_EQ(plan.steps(), (batches + per_step - 1) / per_step);
  }
}

TEST(StepPlan, GoesOnWhereItWas) {
  const Blend blend(many_items(), {.slices = 9});
  StepPlan whole(blend, {.max_windows = 60, .max_clips = 16}, 4);
  std::vector<TrainStep> steps;
  while (const auto step = whole.next()) steps.push_back(*step);
  EXPECT_EQ(whole.steps(), static_cast<std::int64_t>(steps.size()));
  for (const std::size_t from :
       {std::size_t{0}, std::size_t{1}, std::size_t{17}, steps.size() - 1, steps.size()}) {
    StepPlan again(blend, {.max_windows = 60, .max_clips = 16}, 4);
    again.start_at(static_cast<std::int64_t>(from));
    for (std::size_t k = from; k < steps.size(); ++k) {
      const auto step = again.next();
      ASSERT_TRUE(step.has_value());
      EXPECT_EQ(step->batches, steps[k].batches);
      EXPECT_EQ(step->slice, steps[k].slice);
      EXPECT_EQ(step->index, steps[k].index);
    }
    EXPECT_FALSE(again.next().has_value());
  }
}

TEST(StepPlan, BatchesOfAStepCostAboutTheSameAndLittleIsPadding) {
  const Blend blend(many_items(), {.slices = 4});
  StepPlan plan(blend, {.max_windows = 60, .max_clips = 16}, 4);
  double worst = 1, all = 0;
  int steps = 0;
  while (const auto step = plan.next()) {
    std::int64_t low = 1 << 30, high = 0;
    for (const LengthBatch& batch : step->batches)
      low = std::min(low, batch.cost()), high = std::max(high, batch.cost());
    worst = std::min(worst, static_cast<double>(low) / static_cast<double>(high));
    all += static_cast<double>(low) / static_cast<double>(high), ++steps;
  }
  EXPECT_GT(all / steps, 0.9);
  // Batches of the blend's order, without buckets.
  const Blend one_bucket(many_items(), {.slices = 4, .edges = {30}});
  StepPlan plain(one_bucket, {.max_windows = 60, .max_clips = 16}, 4);
  EXPECT_LT(plan.padding().share(), 0.2);
  EXPECT_GT(plain.padding().share(), 1.5 * plan.padding().share());
}

TEST(StepPlan, NamesTheSetWhoseItemFitsNoBatch) {
  const Blend blend({{"short", 1'000'000, {1, 2}}, {"long", 1'000'000, {3, 40}}}, {});
  test::refused(ErrorKind::kUser, {"set long", "max_windows"},
                [&] { StepPlan plan(blend, {.max_windows = 30, .max_clips = 8}, 1); });
  test::refused(ErrorKind::kUser, {"batches of a step"},
                [&] { StepPlan plan(blend, {.max_windows = 60, .max_clips = 8}, 0); });
}

}  // namespace
}  // namespace af2
