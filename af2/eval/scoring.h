// A benchmark's scores: outputs matched, metrics with their intervals, the same for each group
// (docs/spec/evaluation.md sections 3, 4 and 6).
//
// Not generating outputs, asking judges or writing reports. An item never disappears: a failed one and one
// whose answer was not understood stay in the total, unless the file's official rule leaves the latter out,
// and then `accuracy_all_items` stands beside. Thread rule: pure functions, as far as the encoder is one.
//
//   std::vector<Scored> scored = ...;                 // item, output, failed
//   match_all(benchmark, items.labels, scored, tools);
//   for (const MetricValue& m : metrics_of(benchmark, items.labels, scored, {})) print(metric_text(m));
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "af2/eval/caption_metrics.h"
#include "af2/eval/match.h"
#include "af2/eval/statistics.h"

namespace af2 {

struct Scored {
  const EvalItem* item = nullptr;
  std::string output;
  bool failed = false;  // no output: the clip did not load, the model gave an error
  Match official, robust;
  std::optional<double> judge;         // the mark, on the rubric's scale
  std::map<std::string, double> axes;  // further marks of a reply; `reference`: of the other answer of a pair
  // Zero-shot: a score for each label of the list. Retrieval: cosines of the clip with all captions of the
  // set, items' captions one after another. Empty where the clip failed.
  std::vector<double> label_scores;
  double logprob_mean = std::numeric_limits<double>::quiet_NaN();  // of the output's tokens
  int windows = 0;
  double seconds = 0, seconds_cut = 0;  // of the clip, and of it never heard
};

struct MetricValue {
  std::string name;
  double value = 0, low = 0, high = 0;  // low and high NaN: no interval
  std::string unit;                     // fraction, mark, cider_d, count, seconds, rank, steps
  std::int64_t n = 0, clusters = 0;
  std::string note;       // why it is not known, or what to know about it
  bool known = true;      // false: not computable here
  std::string column;     // official, robust, or empty where there is one way only
  std::string by, group;  // of a group: field and value
};

struct MetricOptions {
  ResampleOptions resample;
  std::string tokeniser = "ptb-lite";
  MatchTools tools;  // for clap_sim and f1_approx
  std::string encoder = "AF-CLAP";
  const CiderFrequencies* frequencies = nullptr;        // idf of a larger set; none: of the items at hand
  std::map<std::string, std::vector<double>> external;  // scores by metric, in the order of the items
  std::vector<const std::vector<Scored>*> rotations;    // of choice_shuffle: the same items, other orders
};

// Matches one output, or all of them with texts encoded in one batch, by the file's official and robust rule.
void match_scored(const Benchmark& benchmark, const LabelSet& labels, Scored& scored,
                  const MatchTools& tools);
void match_all(const Benchmark& benchmark, const LabelSet& labels, std::vector<Scored>& scored,
               const MatchTools& tools);

// The file's metrics (primary first, then also and external), each for the official and the robust column
// where both exist; then unmatched_rate, failures and seconds_cut; then the primary one for each group of
// `by`. Metrics that cannot be computed here stand with known = false and the reason. Throws kUser for a
// metric that is not known.
std::vector<MetricValue> metrics_of(const Benchmark& benchmark, const LabelSet& labels,
                                    const std::vector<Scored>& scored, const MetricOptions& options);

// The column that the headline is of: official where it could be scored, else robust.
std::string head_column(const std::vector<MetricValue>& metrics, const std::string& name);

// "62.4 % [59.4, 65.4] (1000)"; under 20 items the count instead of a percentage: "7 of 12"; "- (why)".
std::string metric_text(const MetricValue& metric);

// The value of a field of `by` or of a role: of groups, else task, label, gold or another field; "" if none.
std::string group_of(const EvalItem& item, const std::string& field);

}  // namespace af2
