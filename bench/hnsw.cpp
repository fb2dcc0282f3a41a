// What an HNSW graph would give over exact search: recall, time of a query, of building, of reading from
// disk.
//
//   g++ -std=c++17 -O3 -march=native bench/hnsw.cpp -o hnsw -lpthread     (Debian's libhnswlib-dev)
//   ./hnsw DIMS vectors.f32 queries.f32 GRAPH_FILE      (raw float32 of length 1, row after row)
//
// Not part of the program: docs/performance.md says why.
#include <hnswlib/hnswlib.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <set>
#include <thread>
#include <utility>
#include <vector>

namespace {

constexpr int kNeighbours = 16, kWidth = 200;  // M and ef while building, hnswlib's usual
constexpr std::size_t kTop = 10;

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::vector<float> read_floats(const char* path) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  std::vector<float> values(static_cast<std::size_t>(in.tellg()) / sizeof(float));
  in.seekg(0);
  in.read(reinterpret_cast<char*>(values.data()),
          static_cast<std::streamsize>(values.size() * sizeof(float)));
  return values;
}

template <class Work>
void on_two_threads(const Work& work) {
  std::thread a(work, 0), b(work, 1);
  a.join(), b.join();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return std::fprintf(stderr, "usage: hnsw DIMS vectors.f32 queries.f32 GRAPH_FILE\n"), 2;
  const std::size_t dims = std::strtoul(argv[1], nullptr, 10);
  const std::vector<float> base = read_floats(argv[2]), queries = read_floats(argv[3]);
  const std::size_t n = base.size() / dims, n_queries = queries.size() / dims;
  hnswlib::InnerProductSpace space(dims);
  hnswlib::HierarchicalNSW<float> graph(&space, n, kNeighbours, kWidth);
  double start = seconds();
  graph.addPoint(base.data(), 0);
  std::atomic<std::size_t> next{1};
  on_two_threads([&](int) {
    for (std::size_t i; (i = next++) < n;) graph.addPoint(&base[i * dims], i);
  });
  std::printf("%zu vectors of %zu: built in %.1f s\n", n, dims, seconds() - start);
  std::vector<std::set<std::size_t>> truth(n_queries);
  const auto distance = space.get_dist_func();
  start = seconds();
  for (std::size_t q = 0; q < n_queries; ++q) {
    std::vector<std::pair<float, std::size_t>> all(n);
    on_two_threads([&](int half) {
      for (std::size_t i = half * (n / 2); i < (half ? n : n / 2); ++i)
        all[i] = {distance(&queries[q * dims], &base[i * dims], space.get_dist_func_param()), i};
    });
    std::partial_sort(all.begin(), all.begin() + kTop, all.end());
    for (std::size_t k = 0; k < kTop; ++k) truth[q].insert(all[k].second);
  }
  std::printf("exact: %.2f ms a query\n", (seconds() - start) / n_queries * 1e3);
  for (const std::size_t ef : {10, 20, 40, 80, 160, 320, 640}) {
    graph.setEf(ef);
    std::size_t found = 0;
    start = seconds();
    for (std::size_t q = 0; q < n_queries; ++q)
      for (auto best = graph.searchKnn(&queries[q * dims], kTop); !best.empty(); best.pop())
        found += truth[q].count(best.top().second);
    std::printf("ef %zu: recall of ten %.4f, %.3f ms a query\n", ef,
                static_cast<double>(found) / static_cast<double>(n_queries * kTop),
                (seconds() - start) / n_queries * 1e3);
  }
  graph.saveIndex(argv[4]);
  start = seconds();
  const hnswlib::HierarchicalNSW<float> again(&space, argv[4], false, n);
  std::printf("read from disk in %.2f s\n", seconds() - start);
  return 0;
}
