// The metrics against pycocoevalcap, scikit-learn and SciPy on random cases.
// tests/oracle/run_metric_parity.py makes the cases and runs these tests with AF2_METRIC_CASES; alone they
// skip.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <numeric>

#include "af2/core/file.h"
#include "af2/core/json.h"
#include "af2/eval/caption_metrics.h"
#include "af2/eval/class_metrics.h"
#include "af2/eval/statistics.h"

namespace af2 {
namespace {

class EvalMetricParity : public testing::Test {
 protected:
  void SetUp() override {
    const char* path = std::getenv("AF2_METRIC_CASES");
    if (!path) GTEST_SKIP() << "AF2_METRIC_CASES is not set";
    cases_ = parse_json(read_file(path), path);
  }
  const Json& of(const char* kind, std::size_t least) {
    EXPECT_GE(cases_.at(kind).size(), least);
    return cases_.at(kind);
  }
  Json cases_;
};

std::vector<int> places_of_ones(const Json& row) {
  std::vector<int> places;
  for (std::size_t i = 0; i < row.size(); ++i)
    if (row[i].get<int>() == 1) places.push_back(static_cast<int>(i));
  return places;
}

TEST_F(EvalMetricParity, CaptionsAsPycocoevalcap) {
  for (const Json& c : of("captions", 50)) {
    const CaptionSet set =
        caption_set(c.at("candidates").get<std::vector<std::string>>(),
                    c.at("references").get<std::vector<std::vector<std::string>>>(), "split");
    const std::vector<double> cider = cider_d(set), rouge = rouge_l(set);
    for (std::size_t i = 0; i < cider.size(); ++i) {
      EXPECT_NEAR(cider[i], c.at("cider")[i].get<double>(), 1e-9);
      EXPECT_NEAR(rouge[i], c.at("rouge")[i].get<double>(), 1e-12);
    }
    EXPECT_NEAR(std::accumulate(cider.begin(), cider.end(), 0.0) / static_cast<double>(cider.size()),
                c.at("cider_mean").get<double>(), 1e-9);
    const std::vector<double> sums = bleu_table(set).totals();
    for (int n = 1; n <= 4; ++n)
      EXPECT_NEAR(bleu_of_sums(sums, n), c.at("bleu")[static_cast<std::size_t>(n - 1)].get<double>(), 1e-12);
  }
}

TEST_F(EvalMetricParity, ClassesAsScikitLearn) {
  for (const Json& c : of("classes", 150)) {
    std::vector<std::vector<int>> gold, given;
    for (const Json& g : c.at("gold")) gold.push_back({g.get<int>()});
    for (const Json& g : c.at("given"))
      given.push_back(g.get<int>() < 0 ? std::vector<int>() : std::vector<int>{g.get<int>()});
    const std::vector<double> sums = ClassSums(gold, given, c.at("classes").get<int>()).table().totals();
    EXPECT_NEAR(macro_f1(sums), c.at("macro_f1").get<double>(), 1e-12);
    EXPECT_NEAR(micro_f1(sums), c.at("micro_f1").get<double>(), 1e-12);
    EXPECT_NEAR(macro_recall(sums), c.at("macro_recall").get<double>(), 1e-12);
  }
}

TEST_F(EvalMetricParity, TagsAsScikitLearn) {
  for (const Json& c : of("tags", 150)) {
    std::vector<std::vector<int>> gold, given;
    for (const Json& row : c.at("gold")) gold.push_back(places_of_ones(row));
    for (const Json& row : c.at("given")) given.push_back(places_of_ones(row));
    const auto scores = c.at("scores").get<std::vector<std::vector<double>>>();
    const auto weights = c.at("weights").get<std::vector<double>>();
    const auto classes = static_cast<int>(scores.front().size());
    const std::vector<double> sums = ClassSums(gold, given, classes).table().totals();
    EXPECT_NEAR(macro_f1(sums), c.at("macro_f1").get<double>(), 1e-12);
    EXPECT_NEAR(micro_f1(sums), c.at("micro_f1").get<double>(), 1e-12);
    const MacroPrecision precision(gold, scores, classes);
    EXPECT_NEAR(precision.mean(), c.at("macro_ap").get<double>(), 1e-12);
    EXPECT_NEAR(precision.mean(weights), c.at("weighted_ap").get<double>(), 1e-12);
  }
}

TEST_F(EvalMetricParity, CalibrationAsNumpy) {
  for (const Json& c : of("ece", 50)) {
    std::vector<char> right;
    for (const Json& r : c.at("right")) right.push_back(static_cast<char>(r.get<int>()));
    EXPECT_NEAR(ece(ece_table(c.at("confidence").get<std::vector<double>>(), right).totals()),
                c.at("ece").get<double>(), 1e-12);
  }
}

TEST_F(EvalMetricParity, ProportionsAsScipy) {
  for (const Json& c : of("pairs", 50))
    EXPECT_NEAR(mcnemar(c.at("b").get<int>(), c.at("c").get<int>()).exact, c.at("exact").get<double>(), 1e-9);
  for (const Json& c : of("proportions", 50)) {
    const auto [low, high] = wilson_interval(c.at("right").get<int>(), c.at("n").get<int>());
    EXPECT_NEAR(low, c.at("low").get<double>(), 1e-9);
    EXPECT_NEAR(high, c.at("high").get<double>(), 1e-9);
  }
}

}  // namespace
}  // namespace af2
