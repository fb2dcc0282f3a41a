// k-means on rows of an embedding file, the same bytes at any number of threads.
//
// Seeds by k-means++, iterations by Lloyd; a start with the smallest inertia wins. Distances are float64: a
// float32 product of blocks only proposes centres, and those within its error bound are computed again, in
// order. Source: docs/spec/data.md section 3, step 2; Arthur and Vassilvitskii 2007 (k-means++). Memory: n x
// 32 bytes and a block of products beside the vectors. Thread rule: free functions; blocks run on
// parallel_for.
//
//   const KMeansResult result = k_means(vectors, {.k = 100, .seed = 1});
//   result.cluster[i];  result.inertia;  result.sizes[c];
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "af2/factory/selection/embeddings.h"

namespace af2 {

struct KMeansOptions {
  int k = 100;
  int starts = 3;
  int max_iterations = 100;
  double tolerance = 1e-4;  // of the mean variance of a column
  std::int64_t seed = 0;

  template <class V>
  void visit(V& v) {
    v.field("k", k, "clusters");
    v.field("starts", starts, "tries from other seeds; the best one counts");
    v.field("max_iterations", max_iterations, "most iterations of a start");
    v.field("tolerance", tolerance,
            "centres that move less (sum of squares, over the mean variance of a column) have converged");
    v.field("seed", seed, "of the draws");
  }
};

struct KMeansRun {
  double inertia = 0;  // sum of squared distances to the own centre
  int iterations = 0;
  bool converged = false;
  int reseeded = 0;  // clusters that had become empty and got the farthest row

  template <class V>
  void visit(V& v) {
    v.field("inertia", inertia, "sum of squared distances to the own centre");
    v.field("iterations", iterations, "iterations");
    v.field("converged", converged, "before the most iterations");
    v.field("reseeded", reseeded, "clusters that had become empty and were begun anew");
  }
};

struct KMeansResult {
  std::vector<int> cluster;         // [n]
  std::vector<double> distance2;    // [n], to the own centre, squared
  std::vector<double> centres;      // [k, d]
  std::vector<std::int64_t> sizes;  // [k], largest first; empty where too few rows differ
  double inertia = 0;
  std::vector<KMeansRun> runs;  // [starts]
  int best = 0;                 // which of them this is
};

// Throws kUser when k, starts or iterations are below 1 or k is above the number of rows.
KMeansResult k_means(const Embeddings& vectors, const KMeansOptions& options);

}  // namespace af2
