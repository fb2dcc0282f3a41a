// What `af2 eval list`, `info` and `check` say, for people and as JSON.
//
// The command itself is in af2/cli. Thread rule: free functions.
//
//   std::cout << benchmark_list_text(read_benchmarks("benchmarks"));
//   std::cout << benchmark_check_text(benchmark, root, read_items(benchmark, root, options));
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "af2/eval/benchmark.h"
#include "af2/eval/benchmark_items.h"

namespace af2 {

// One line a benchmark: id, task, layout, items expected, primary metric, the value published for AF2 with
// its unit, name; a closing line counts them.
std::string benchmark_list_text(const std::vector<Benchmark>& benchmarks);
Json benchmark_list_json(const std::vector<Benchmark>& benchmarks);

// All that a person should know before a run: source, licence, data, prompts, rules, published values, traps.
std::string benchmark_info_text(const Benchmark& benchmark);
Json benchmark_info_json(const Benchmark& benchmark);

// What is there: data files with their hashes, counts against those published, missing and unreadable clips,
// faults of items, one item as it is sent. Read with `allow_partial`, so that all can be told.
std::string benchmark_check_text(const Benchmark& benchmark, const std::filesystem::path& root,
                                 const BenchmarkItems& read);
Json benchmark_check_json(const Benchmark& benchmark, const std::filesystem::path& root,
                          const BenchmarkItems& read);
// Whether nothing stands in the way of a full run: counts as published, every clip there and readable.
bool is_complete(const BenchmarkItems& read);

}  // namespace af2
