// The nearest vectors of a table, exactly: one pass over all of them.
//
// The same hits in the same order at any number of threads; equal scores go by path, then onset. Not for
// vectors of another length than 1: the score is the plain product, there the cosine.
// Thread rule: free functions; the pass uses the program's pool (af2/core/threads.h).
//
//   for (const Hit& hit : search(table, query, {.top = 10})) use(table.paths[hit.file], hit.onset_s);
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "af2/index/vector_table.h"

namespace af2 {

struct SearchOptions {
  std::int64_t top = 10;  // 0: all
  float min_score = -std::numeric_limits<float>::infinity();
  bool every_window = false;  // not only the best one of each file
};

struct Hit {
  float score = 0;
  std::int32_t file = 0;  // into the table's paths
  double onset_s = 0, offset_s = 0;
  std::int64_t row = 0;  // of the table
};

// query [dims]. Throws kInternal for one of another width.
std::vector<Hit> search(const VectorTable& table, std::span<const float> query, const SearchOptions& options);

// Products of several queries [n, dims] with every row: [n, rows]. The rows are read once for all queries.
std::vector<float> all_scores(const VectorTable& table, std::span<const float> queries);
// The hits among one query's scores [rows].
std::vector<Hit> best_hits(const VectorTable& table, std::span<const float> scores,
                           const SearchOptions& options);

}  // namespace af2
