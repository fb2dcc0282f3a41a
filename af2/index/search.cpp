#include "af2/index/search.h"

#include <algorithm>

#include "af2/core/error.h"
#include "af2/core/threads.h"
#include "af2/quant/dot.h"

namespace af2 {
namespace {

constexpr std::int64_t kBlock = 128;  // rows that stay in the cache while every query meets them

// Higher scores first, then as people would list them.
class Before {
 public:
  explicit Before(const VectorTable& table) : table_(table) {}
  bool operator()(const Hit& a, const Hit& b) const {
    if (a.score != b.score) return a.score > b.score;
    if (a.file != b.file) return table_.paths[a.file] < table_.paths[b.file];
    if (a.onset_s != b.onset_s) return a.onset_s < b.onset_s;
    return a.row < b.row;
  }

 private:
  const VectorTable& table_;
};

}  // namespace

std::vector<float> all_scores(const VectorTable& table, std::span<const float> queries) {
  const std::int64_t dims = table.dims, rows = table.rows();
  if (dims < 1 || queries.size() % static_cast<std::size_t>(dims) != 0)
    throw internal_error("a query of another width than the index", "search");
  const std::int64_t n = static_cast<std::int64_t>(queries.size()) / dims;
  std::vector<float> scores(static_cast<std::size_t>(n * rows));
  parallel_for(0, (rows + kBlock - 1) / kBlock, 8, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t block = begin; block < end; ++block) {
      const std::int64_t first = block * kBlock, count = std::min(kBlock, rows - first);
      for (std::int64_t q = 0; q < n; ++q)
        dot_f32(queries.data() + q * dims, table.row(first), count, dims, scores.data() + q * rows + first,
                1);
    }
  });
  return scores;
}

std::vector<Hit> best_hits(const VectorTable& table, std::span<const float> scores,
                           const SearchOptions& options) {
  const Before before(table);
  std::vector<Hit> hits;
  const auto hit = [&](std::int64_t i) {
    return Hit{scores[i], table.file[i], table.onset_s[i], table.offset_s[i], i};
  };
  const auto keep = options.top > 0 ? static_cast<std::size_t>(options.top) : scores.size();
  if (options.every_window) {
    // A heap of the best so far, its worst on top.
    for (std::int64_t i = 0; i < table.rows(); ++i) {
      if (!(scores[i] >= options.min_score)) continue;
      if (hits.size() == keep && scores[i] < hits.front().score) continue;
      hits.push_back(hit(i));
      std::push_heap(hits.begin(), hits.end(), before);
      if (hits.size() <= keep) continue;
      std::pop_heap(hits.begin(), hits.end(), before);
      hits.pop_back();
    }
    std::sort_heap(hits.begin(), hits.end(), before);
    return hits;
  }
  std::vector<std::int64_t> best(table.paths.size(), -1);  // row of each file
  for (std::int64_t i = 0; i < table.rows(); ++i) {
    std::int64_t& so_far = best[table.file[i]];
    if (so_far < 0 || scores[i] > scores[so_far] ||
        (scores[i] == scores[so_far] && before(hit(i), hit(so_far))))
      so_far = i;
  }
  for (const std::int64_t i : best)
    if (i >= 0 && scores[i] >= options.min_score) hits.push_back(hit(i));
  const std::size_t n = std::min(keep, hits.size());
  std::partial_sort(hits.begin(), hits.begin() + static_cast<std::ptrdiff_t>(n), hits.end(), before);
  hits.resize(n);
  return hits;
}

std::vector<Hit> search(const VectorTable& table, std::span<const float> query,
                        const SearchOptions& options) {
  if (query.size() != static_cast<std::size_t>(table.dims))
    throw internal_error("a query of another width than the index", "search");
  return best_hits(table, all_scores(table, query), options);
}

}  // namespace af2
