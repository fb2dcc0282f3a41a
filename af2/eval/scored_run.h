// The folder of a run as scoring sees it: what was asked, and for each variant the items with what was said
// to them.
//
// Thread rule: plain values.
//
//   const ScoredRun run = open_scored_run("run", benchmark, items, {});
//   run.variants.front().scored;  // of main
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "af2/eval/benchmark_items.h"
#include "af2/eval/prediction.h"
#include "af2/eval/scoring.h"
#include "af2/eval/variants.h"

namespace af2 {

struct ScoredVariant {
  Variant variant;
  std::vector<EvalItem> items;    // as they were asked, those that take part, by id
  std::vector<Scored> scored;     // [items], pointing into them
  std::vector<Prediction> said;   // [items]
  std::int64_t not_answered = 0;  // items without a line: the run is not whole
};

struct ScoredRun {
  Json config;                                           // of the run folder
  std::vector<std::unique_ptr<ScoredVariant>> variants;  // main first
  const ScoredVariant* find(const std::string& name) const;
};

// Reads the predictions of a run, of `foreign` instead of main where it is given, matches them and adds the
// marks of marks.jsonl where the run was judged. Throws kUser where the folder holds no run, or one of
// another benchmark or data.
ScoredRun open_scored_run(const std::filesystem::path& folder, const Benchmark& benchmark,
                          const BenchmarkItems& items, const MatchTools& tools,
                          const std::filesystem::path& foreign = {});

// One SHA-256 of all data files.
std::string data_sha256(const BenchmarkItems& items);

}  // namespace af2
