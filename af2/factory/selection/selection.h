// The choice of clips by the meaning of their texts: clusters, and from each a random draw and a diverse set
// (docs/spec/data.md section 3, step 2).
//
// Vectors come from any text encoder (embeddings.h); clusters from k-means (k_means.h), diverse sets from a
// determinantal point process with the cosine kernel, quality times quality (point_process.h). The third
// step, a person's look at what was chosen, gets a page and a table (selection_report.h). Thread rule: free
// functions; clusters run on parallel_for, and every draw is named by seed and cluster.
//
//   const Selection chosen = select_items(vectors, {.k_means = {.k = 100, .seed = 1}, .random = 5, .dpp =
//   5}); for (const SelectedItem& item : chosen.items) use(vectors.items()[item.row].id, item.cluster);
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "af2/core/json.h"
#include "af2/factory/selection/embeddings.h"
#include "af2/factory/selection/k_means.h"

namespace af2 {

struct SelectionOptions {
  KMeansOptions k_means;
  int random = 5, dpp = 5;  // of each cluster
  double share = 0;         // above 0: so much of each cluster, parted as random and dpp are
  int cap = 0;              // most of one cluster; 0: no limit
  // greedy: the most diverse set. sample: a draw by the process, exact, from clusters of at most exact_limit
  // rows; a small draw of it is only a little more diverse than chance.
  std::string method = "greedy";
  int exact_limit = 1000;

  template <class V>
  void visit(V& v) {
    v.field("k_means", k_means, "the clusters");
    v.field("random", random, "drawn from each cluster");
    v.field("dpp", dpp, "chosen from the rest of each cluster by the point process");
    v.field("share", share, "above 0: this share of each cluster, parted as random and dpp are");
    v.field("cap", cap, "most of one cluster; 0: no limit");
    v.field("method", method, "of the point process: greedy, or sample");
    v.field("exact_limit", exact_limit,
            "sample draws from clusters of up to so many rows; larger ones are greedy");
  }
};

struct SelectedItem {
  std::size_t row = 0;
  int cluster = 0;
  bool by_dpp = false;
  int order = 0;  // from 1, among those of the cluster chosen the same way
};

struct ClusterFacts {
  std::int64_t size = 0;
  double inertia = 0;
  int wanted_random = 0, wanted_dpp = 0, random = 0, dpp = 0;
  std::string method;  // greedy, sample; empty: no point process
  // Mean cosine of pairs: of all rows, and of what was chosen each way; NaN below two.
  double similarity = 0, random_similarity = 0, dpp_similarity = 0;
};

struct Selection {
  KMeansResult k_means;
  std::vector<SelectedItem> items;  // by cluster, random ones first, in order
  std::vector<ClusterFacts> clusters;
};

// How many of a cluster of `size` rows are wanted by each way: {random, dpp}. Never more than there are.
std::pair<int, int> wanted_of(const SelectionOptions& options, std::int64_t size);

// Throws kUser for options that make no sense, kData for a row of zeros (a cosine needs a direction),
// kResource without Eigen.
Selection select_items(const Embeddings& vectors, const SelectionOptions& options);

}  // namespace af2
