// The questions of a benchmark, read from the data that its owners publish (docs/spec/evaluation.md sections
// 2 and 9): the same ids, golds, options and clips whatever the layout. No item disappears: what is odd about
// one stands in it, what is missing is named.
//
// Not how they are asked (prompts.h) or scored. Thread rule: free functions.
//
//   ReadItemsOptions options;
//   const BenchmarkItems read = read_items(read_benchmark("benchmarks/esc50.yaml"), "/data/esc50", options);
//   read.items.at(0).labels.at(0);   // "dog"
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "af2/eval/benchmark.h"
#include "af2/eval/eval_item.h"

namespace af2 {

struct ReadItemsOptions {
  bool allow_partial = false;  // counts may differ from those published, any number of clips may be missing
  bool look_for_audio = true;  // whether each clip is there, under any of the names it may have
  bool open_audio = false;     // and can be decoded; opens every clip once
  std::size_t limit = 0;       // the first so many items; 0: all. Counts are those of all
};

struct ClipFault {
  std::string item, path, problem;  // id of the first item that asks about it; path below the root
};

struct BenchmarkItems {
  std::vector<EvalItem> items;
  LabelSet labels;  // complete
  std::size_t n_rows = 0, n_items = 0, n_clips = 0, n_tasks = 0;
  std::size_t fewest_refs = 0, most_refs = 0;  // of an item
  std::vector<std::string> mismatches;         // "items: expected 1000, found 5"
  std::vector<ClipFault> missing, unreadable;  // one entry a clip
  std::size_t n_without_audio = 0;             // items whose clip is missing
  std::vector<std::string> notices;            // for people: what was left out or repaired
  std::map<std::string, std::string> sha256;   // of each data file, by its path below the root
};

// Reads the items below `root`. Throws kData: files missing or not in the layout (with file and line or
// place), an id twice (with both places), a path out of the root; and, unless `allow_partial`, counts that
// differ from those published, over 5 % of the items without their clip (where the benchmark does not allow
// it).
BenchmarkItems read_items(const Benchmark& benchmark, const std::filesystem::path& root,
                          const ReadItemsOptions& options);

}  // namespace af2
