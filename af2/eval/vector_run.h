// `af2 eval run` of benchmarks that compare vectors: retrieval, and zero-shot labels by AF-CLAP
// (docs/spec/evaluation.md section 4).
//
// OUT/predictions.jsonl has a line a clip (with the likeliest label in zero-shot), OUT/label_scores.npy
// [items, texts] the cosines, in the order of the lines: of each clip with every filled template, or with
// every caption of the set. Vectors are kept in the cache, so that a run that is cut goes on. Thread rule:
// one run a folder.
//
//   const RunResult result = run_vectors(benchmark, labels, items, sha256, model, options);
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "af2/eval/run.h"

namespace af2 {

struct VectorModel {
  std::string name, hash;
  Json facts = Json::object();
  // Of length 1 each. `audio` throws kData for a clip that cannot be read.
  std::function<std::vector<float>(const AskedSound&)> audio;
  std::function<std::vector<std::vector<float>>(const std::vector<std::string>&)> texts;
};

// Whether a benchmark is of this kind.
bool compares_vectors(const Benchmark& benchmark);

// The texts that clips are compared with: templates filled with labels as they are shown, or all captions,
// item by item. `form`: 0 the file's template, 1.. its alternatives. Throws kUser for one that is not there.
std::vector<std::string> compared_texts(const Benchmark& benchmark, const LabelSet& labels,
                                        const std::vector<EvalItem>& items, int form);

// Of the options `out`, `root`, `limit`, `cache`, `seed` count. Throws as run_benchmark.
RunResult run_vectors(const Benchmark& benchmark, const LabelSet& labels, const std::vector<EvalItem>& items,
                      const std::string& data_sha256, VectorModel& model, const RunOptions& options,
                      int form = 0);

}  // namespace af2
