// Vectors of an index in memory, side by side, with what they belong to.
//
// A value without SQLite or torch, so that search and tests need neither.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace af2 {

struct VectorTable {
  int dims = 0;
  std::vector<float> values;              // [rows, dims]
  std::vector<std::int64_t> ids;          // of the window
  std::vector<std::int32_t> file;         // into paths
  std::vector<double> onset_s, offset_s;  // in the file
  std::vector<std::string> paths;         // absolute, sorted

  std::int64_t rows() const { return static_cast<std::int64_t>(ids.size()); }
  const float* row(std::int64_t i) const { return values.data() + i * dims; }
};

}  // namespace af2
