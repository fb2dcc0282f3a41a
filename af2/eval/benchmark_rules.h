// What the keys of a benchmark's file mean to each other: roles that nothing uses, holes that nothing fills,
// files without a format.
//
// Only for benchmark.cpp; which keys there are is benchmark_shape.h's. Thread rule: plain values.
//
//   BenchmarkText text = ...;   // read, and merged with the file that it uses
//   check_benchmark_rules(text);
#pragma once

#include <string>

#include "af2/core/json.h"

namespace af2 {

// A file as written, with what it takes from the one it uses.
struct BenchmarkText {
  std::string file, sha256;
  Json json;
  YamlLines lines;
  std::string used_file;
  YamlLines used_lines;

  // File, line and key of a pointer, in the file where it is written.
  std::string place(const std::string& pointer) const;
};

// Throws kUser naming file, line and key.
void check_benchmark_rules(const BenchmarkText& text);

}  // namespace af2
