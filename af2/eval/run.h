// `af2 eval run`: a model answers every item of a benchmark, and of the baselines that need it
// (docs/spec/evaluation.md sections 7 and 8).
//
// OUT/run.json says what was asked of whom; OUT/predictions.jsonl and predictions-VARIANT.jsonl grow by a
// batch at a time, each line whole and synced: a run that is killed goes on at the batch that was in hand and
// ends in the same bytes as one that was not. Items are ordered by length and clip, so that a batch is alike
// and a clip is heard once for all that is asked about it. What failed is recorded, never asked again or
// replaced. Times go to timings.jsonl. Thread rule: one run a folder.
//
//   const RunResult result = run_benchmark(benchmark, items, model, options);
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "af2/eval/benchmark.h"
#include "af2/eval/eval_item.h"
#include "af2/eval/model.h"
#include "af2/eval/variants.h"

namespace af2 {

class ResultCache;

struct RunOptions {
  std::filesystem::path out;
  std::filesystem::path root;          // of the benchmark's files
  std::string prompt = "default";      // name of the prompt
  std::vector<std::string> baselines;  // of model_baselines()
  int batch = 16;                      // asks at once
  bool likeliest = false;              // items with options: the likeliest of them, nothing is written
  int max_new_tokens = 0;              // 0: as the benchmark says
  Json windows;                        // null: as the benchmark says
  std::int64_t seed = 1;               // of the swaps
  std::int64_t limit = 0;              // the first so many items; 0: all
  ResultCache* cache = nullptr;        // none: every ask is made
};

struct RunResult {
  std::int64_t items = 0, asks = 0, cached = 0, failed = 0;
  std::string stopped;  // why it ended before its end; empty: it is whole
  double seconds = 0;   // of this run
};

// `items` and `labels` as read_items gives them. Throws kUser where OUT holds another run (naming what
// differs), kResource, and what the model throws.
RunResult run_benchmark(const Benchmark& benchmark, const LabelSet& labels,
                        const std::vector<EvalItem>& items, const std::string& data_sha256, EvalModel& model,
                        const RunOptions& options);

// The items of a variant, as they are asked: options rotated, clips swapped. `partners`: [items] place of the
// item whose clip is heard.
EvalItem varied(const Benchmark& benchmark, const Variant& variant, const EvalItem& item);

}  // namespace af2
