// A run, scored: scores.jsonl and summary.json of its folder, and what two runs differ in
// (docs/spec/evaluation.md sections 6 to 8).
//
// Reads predictions, never asks a model; a judge's marks come from judge.jsonl. The same files give the same
// bytes. Pages made of a summary are report.h's. Thread rule: free functions.
//
//   const Json summary = score_run("run", benchmark, items, options);
//
// clang-format off
// summary.json, schema af2-eval/1; shares are 0 to 1, a metric that cannot be computed here has "known": false and a note:
//   benchmark    {id, name, version, task, kind, primary, unit, sha256, layout, licence, redistribute, traps [], contamination}
//   data         {sha256, items, failed, mismatches [], missing_audio, overlap (of `af2 eval overlap`)?}
//   run          {model, model_facts {}, prompt_name, prompt_sha256, answers, variants [], windows, max_new_tokens, seed, limit}
//   seconds      {heard, used, cut}: of sound, over items
//   counts       {n, failed, unmatched, length, empty}; length: cut at max_new_tokens
//   metrics      [{name, matcher: official|robust|"", value, low, high, unit, n, clusters, known, note}], the primary first
//   groups       {BY: [{value, n, metrics [primary and accuracy, as above]}]}
//   blind        [{name, value, n, note, beside}]: what needs no model: chance, majority, always_first, best_letter, longest_option
//   variants     [{name, n, not_answered, value, low, high, note, beside}]: the primary metric of each other variant on its own items,
//                and of one caption for all clips; beside: item score of the run itself {value, low, high, n} over the
//                same items, where they are not all
//   hearing_gain {value, low, high, over, p}: primary minus the better of audio_off and shuffled_audio, same items
//   rotations    {n, mean, low, high, spread, circular_accuracy}?
//   prompts      {names [], mean, spread}?
//   power        {n, half_width, detectable}: points between two runs that 80 % of such sets would show
//   calibration  {ece, bins [{low, high, n, confidence, accuracy}]}?
//   confusion    {labels [], counts [[]]}?: gold by answer, of closed sets of at most 60 classes
//   lengths      [{from, to, n, value, low, high}]: score by seconds of the clip
//   letters      {gold [], answered []}?: how often each letter
//   judge        what judge.json of the folder says (judge_summary.h), null where it was not judged
//   published    {metric, unit, rows [{role, model, value, source, note, parts}]}
//   items        {worst [id], best [id]} by score, then log-probability; texts are in scores.jsonl
//   version      of the program; no times, no paths of the machine
// scores.jsonl, a line an item in the order of ids: {id, cluster, gold, output, prompt, audio [path], seconds, error,
//   official {value, parsed, right, excluded}, robust {value, parsed, right, why}, score, judge, logprob_mean, groups {},
//   variants {name: score}}. Where the owner does not allow passing texts on (redistribute: none) `gold` and `prompt` are left out.
// clang-format on
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "af2/core/json.h"
#include "af2/eval/benchmark.h"
#include "af2/eval/benchmark_items.h"
#include "af2/eval/match.h"

namespace af2 {

struct ScoreOptions {
  int resamples = 10000;
  std::int64_t seed = 1;
  MatchTools tools;               // AF-CLAP's text tower, where the rules need it
  std::filesystem::path foreign;  // predictions of another program instead of the run's own
};

// Scores the run in `folder` and writes scores.jsonl and summary.json there. Throws kUser where the run is of
// another benchmark or data, kData.
Json score_run(const std::filesystem::path& folder, const Benchmark& benchmark, const BenchmarkItems& items,
               const ScoreOptions& options);

// The figures of a summary for a terminal, a line each.
std::string summary_text(const Json& summary);

// Two scored runs over the same items (schema af2-eval-compare/1): {a, b {model, name}, benchmark, metric, n,
// value_a, value_b, difference, low, high, wins, losses, ties, mcnemar {b, c, exact, mid, chi2}?, flipped
// [{id, a, b}], groups {BY: [{value, n, difference, low, high}]}, note}. Items that only one of them has are
// counted in `only_a`, `only_b` and left out. Throws kUser for runs of different benchmarks, and without
// `other_data` of different files: with it the same items may be about other sounds (tools/robustness.sh).
Json compare_runs(const std::filesystem::path& a, const std::filesystem::path& b, int resamples = 10000,
                  std::int64_t seed = 1, bool other_data = false);

}  // namespace af2
