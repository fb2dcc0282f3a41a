#include "af2/eval/item_score.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "af2/eval/caption_metrics.h"

namespace af2 {
namespace {

constexpr double kMostCider = 10;

enum class ScoreKind { kCider, kRouge, kJudge, kMatch };

ScoreKind score_kind(const Benchmark& benchmark) {
  const std::string& name = benchmark.metrics.primary;
  if (name == "cider_d") return ScoreKind::kCider;
  if (name == "rouge_l") return ScoreKind::kRouge;
  if (name.starts_with("judge") || (name == "category_macro_mean" && benchmark.judge))
    return ScoreKind::kJudge;
  return ScoreKind::kMatch;
}

std::vector<double> caption_scores(const std::vector<Scored>& scored, ScoreKind kind) {
  std::vector<std::string> candidates;
  std::vector<std::vector<std::string>> references;
  for (const Scored& one : scored) {
    candidates.push_back(one.failed ? "" : one.output);
    references.push_back(one.item->refs);
  }
  const CaptionSet set = caption_set(candidates, references, "ptb-lite");
  std::vector<double> values = kind == ScoreKind::kCider ? cider_d(set) : rouge_l(set);
  if (kind == ScoreKind::kCider)
    for (double& value : values) value /= kMostCider;
  return values;
}

}  // namespace

std::vector<double> item_scores(const Benchmark& benchmark, const std::vector<Scored>& scored,
                                const std::string& column) {
  const ScoreKind kind = score_kind(benchmark);
  const bool judged =
      std::any_of(scored.begin(), scored.end(), [](const Scored& one) { return one.judge.has_value(); });
  if (kind == ScoreKind::kCider || kind == ScoreKind::kRouge) return caption_scores(scored, kind);
  std::vector<double> values;
  for (const Scored& one : scored) {
    if (one.failed) {
      values.push_back(0);
    } else if (kind == ScoreKind::kJudge && judged) {
      const double span = benchmark.judge->high - benchmark.judge->low;
      values.push_back(one.judge ? (*one.judge - benchmark.judge->low) / span
                                 : std::numeric_limits<double>::quiet_NaN());
    } else {
      values.push_back(column == "official" ? one.official.score : one.robust.score);
    }
  }
  return values;
}

std::string item_score_name(const Benchmark& benchmark) {
  switch (score_kind(benchmark)) {
    case ScoreKind::kCider:
      return "CIDEr-D / 10";
    case ScoreKind::kRouge:
      return "ROUGE-L";
    case ScoreKind::kJudge:
      return "the judge's mark on its scale, 0 to 1";
    default:
      return "right or wrong";
  }
}

}  // namespace af2
