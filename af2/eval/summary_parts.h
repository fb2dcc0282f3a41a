// Parts of summary.json (summary.h), each a function of the scored run. Not API. Thread rule: pure functions.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "af2/core/json.h"
#include "af2/eval/benchmark.h"
#include "af2/eval/scored_run.h"
#include "af2/eval/statistics.h"

namespace af2 {

// What was asked of whom, without times and paths.
Json run_json(const ScoredRun& run, const std::filesystem::path& folder);
// `scores`: of main. Each with the score of main over the items that it is over (beside_json).
Json blind_json(const Benchmark& benchmark, const LabelSet& labels, const ScoredVariant& main,
                const std::vector<double>& scores, const ResampleOptions& resample);
// {value, low, high, n}: main over the items of these ids; null where these are all, or none.
Json beside_json(const ScoredVariant& main, const std::vector<double>& scores,
                 const std::set<std::string>& ids, const ResampleOptions& resample);
// A line of scores.jsonl, without score and variants; `texts`: with question and right answer.
Json score_line(const EvalItem& item, const Scored& scored, const Prediction& said, bool texts);

// `scores`: [variants][items] of item_scores.
// Main minus the better of audio_off and shuffled_audio, on items that all have; null without either.
Json hearing_gain_json(const ScoredRun& run, const std::vector<std::vector<double>>& scores,
                       const ResampleOptions& resample);
// Over the orders of the options in which items were asked, the given one with them; null without rotations.
Json rotations_json(const ScoredRun& run, const std::vector<std::vector<double>>& scores,
                    const ResampleOptions& resample);
Json prompts_json(const ScoredRun& run, const std::vector<std::vector<double>>& scores);
// exp of the answers' mean log-probability against how often they are right, in ten equal bins; null without.
Json calibration_json(const ScoredVariant& main, const std::string& column);
// Right classes by answered ones of classifications with at most 60 labels; the last column: none of them.
// Null for others.
Json confusion_json(const Benchmark& benchmark, const LabelSet& labels, const ScoredVariant& main,
                    const std::string& column);
// By seconds of the clip: up to 10, 30, 90, 300 and beyond.
Json lengths_json(const ScoredVariant& main, const std::vector<double>& scores,
                  const ResampleOptions& resample);
// How often each option's letter is right, and answered; null without options.
Json letters_json(const ScoredVariant& main, const std::string& column);
Json power_json(const ScoredVariant& main, const std::vector<double>& scores);
// What judge.json of the folder says; null where it was not judged.
Json judge_json(const std::filesystem::path& folder);

}  // namespace af2
