#ifdef AF2_WITH_SQLITE
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <thread>

#include "af2/core/threads.h"
#include "af2/index/search.h"

namespace af2 {
namespace {

std::vector<float> unit(std::mt19937& draw, int dims) {
  std::normal_distribution<float> normal;
  std::vector<float> v(dims);
  double length = 0;
  for (float& x : v) x = normal(draw), length += static_cast<double>(x) * x;
  for (float& x : v) x = static_cast<float>(x / std::sqrt(length));
  return v;
}

VectorTable a_table(int rows, int dims, int files) {
  std::mt19937 draw(7);
  VectorTable table;
  table.dims = dims;
  for (int f = 0; f < files; ++f) table.paths.push_back("/s/" + std::to_string(1000 + f));
  for (int i = 0; i < rows; ++i) {
    const auto v = unit(draw, dims);
    table.values.insert(table.values.end(), v.begin(), v.end());
    table.ids.push_back(i + 1);
    table.file.push_back(i * files / rows);
    table.onset_s.push_back(i * 5.0);
    table.offset_s.push_back(i * 5.0 + 10);
  }
  return table;
}

TEST(Search, FindsWhatADoubleLoopFinds) {
  std::mt19937 draw(3);
  for (const int dims : {7, 24, 256, 515}) {
    const VectorTable table = a_table(1000, dims, 90);
    const auto query = unit(draw, dims);
    std::vector<std::pair<double, std::int64_t>> want;
    for (std::int64_t i = 0; i < table.rows(); ++i) {
      double sum = 0;
      for (int j = 0; j < dims; ++j) sum += static_cast<double>(query[j]) * table.row(i)[j];
      want.emplace_back(-sum, i);
    }
    std::sort(want.begin(), want.end());
    const auto hits = search(table, query, {.top = 20, .every_window = true});
    ASSERT_EQ(hits.size(), 20u);
    for (std::size_t i = 0; i < hits.size(); ++i) {
      EXPECT_NEAR(hits[i].score, -want[i].first, 1e-5);
      EXPECT_EQ(hits[i].onset_s, table.onset_s[hits[i].row]);
    }
    const auto all = search(table, query, {.top = 0, .every_window = true});
    EXPECT_EQ(all.size(), 1000u);
    const auto best = search(table, query, {.top = 0});
    EXPECT_EQ(best.size(), 90u);
    EXPECT_EQ(best[0].row, hits[0].row);
    const auto some = search(table, query, {.top = 0, .min_score = best[3].score});
    EXPECT_EQ(some.size(), 4u);
  }
  EXPECT_TRUE(search(a_table(0, 4, 0), std::vector<float>{1, 0, 0, 0}, {}).empty());
}

TEST(Search, EqualScoresGoByPathThenOnset) {
  VectorTable table;
  table.dims = 2;
  table.paths = {"/a", "/b", "/c"};
  for (const int file : {2, 0, 1, 0, 2, 1}) {  // as they came into the index
    table.values.insert(table.values.end(), {1, 0});
    table.file.push_back(file);
    table.onset_s.push_back(20 - static_cast<double>(table.ids.size()));
    table.offset_s.push_back(30);
    table.ids.push_back(static_cast<std::int64_t>(table.ids.size()) + 1);
  }
  const std::vector<float> query = {1, 0};
  std::vector<std::int64_t> rows;
  for (const Hit& hit : search(table, query, {.top = 5, .every_window = true})) rows.push_back(hit.row);
  EXPECT_EQ(rows, (std::vector<std::int64_t>{3, 1, 5, 2, 4}));
  rows.clear();
  for (const Hit& hit : search(table, query, {.top = 2})) rows.push_back(hit.row);
  EXPECT_EQ(rows, (std::vector<std::int64_t>{3, 5}));
}

// A thread each for ranges that nobody would choose.
void odd_pieces(std::int64_t begin, std::int64_t end, std::int64_t, const RangeBody& body) {
  std::vector<std::thread> threads;
  for (std::int64_t at = begin, n = 1; at < end; at += n, n = n % 3 + 1)
    threads.emplace_back([&body, at, last = std::min(end, at + n)] { body(at, last); });
  for (auto& thread : threads) thread.join();
}

TEST(Search, SameBitsAtAnyNumberOfThreadsAndQueries) {
  std::mt19937 draw(5);
  const VectorTable table = a_table(3001, 256, 50);
  std::vector<float> queries;
  for (int q = 0; q < 5; ++q) {
    const auto v = unit(draw, 256);
    queries.insert(queries.end(), v.begin(), v.end());
  }
  const auto one = all_scores(table, queries);
  set_range_runner(odd_pieces);
  const auto many = all_scores(table, queries);
  const auto alone = all_scores(table, std::span(queries).subspan(256, 256));
  set_range_runner(nullptr);
  EXPECT_EQ(one, many);
  EXPECT_TRUE(std::equal(alone.begin(), alone.end(), one.begin() + 3001));
}

}  // namespace
}  // namespace af2
#endif  // AF2_WITH_SQLITE
