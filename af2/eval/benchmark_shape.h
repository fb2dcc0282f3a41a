// Which keys a benchmark's file may hold, and what may stand in each (docs/spec/evaluation.md section 2).
//
// Only for benchmark.cpp: what the values mean is read there. Thread rule: free functions.
//
//   YamlLines lines;
//   const Json file = parse_plain_yaml(text, path, lines);
//   check_benchmark_shape(file, lines, path);
#pragma once

#include <string>

#include "af2/core/json.h"

namespace af2 {

// Throws kUser naming file, line and key: an unknown key (with the nearest known one), a key that is missing,
// a wrong type, a word that is none of those allowed.
void check_benchmark_shape(const Json& value, const YamlLines& lines, const std::string& file);

}  // namespace af2
