// The rows of a benchmark's data in every layout that files are published in (docs/spec/evaluation.md
// section 2, `data`): read, repaired, filtered, put together and taken apart.
//
// Not what they mean (benchmark_items.h). Thread rule: free functions.
//
//   const BenchmarkRows rows = read_rows(benchmark, "/data/esc50");
//   value_at(rows.list.at(0).values, "category");   // "dog"
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "af2/core/json.h"
#include "af2/eval/benchmark.h"

namespace af2 {

struct BenchmarkRow {
  Json values;             // columns and fields by name
  std::string where;       // file and line, or place in the file
  std::string part;        // name of its file (`file_as`)
  std::string piece;       // its part of a row that was taken apart (`unpivot`)
  std::size_t number = 0;  // of the row in its file, from 0
};

struct BenchmarkRows {
  std::vector<BenchmarkRow> list;
  std::size_t n_rows = 0;                     // after `where`, before rows are put together or taken apart
  std::map<std::string, std::string> sha256;  // of each data file, by its path below the root
  std::vector<std::string> notices;
};

// Throws kData naming file and line or place: files missing, not of the format, columns missing, a path out
// of the root.
BenchmarkRows read_rows(const Benchmark& benchmark, const std::filesystem::path& root);

// What happens to rows that have been read: parse, normalize, split, map; where; group, keep; collect; fill;
// unpivot.
void change_rows(const Json& data, BenchmarkRows& rows);

// Whether values are equal, as such or as texts: a table has "1" where the benchmark's file has 1.
bool same_value(const Json& a, const Json& b);

}  // namespace af2
