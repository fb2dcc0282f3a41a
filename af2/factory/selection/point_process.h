// Determinantal point processes: sets that are likely where their members differ.
//
// A kernel L [n, n], symmetric and positive semidefinite, gives a set S the weight det(L_S). greedy_map()
// looks for the heaviest set of k, one member at a time; sample_k_dpp() draws one of k with exactly the
// probability that its weight has among all of them. Source: Kulesza and Taskar 2012 (sections 2.4 and 5.2);
// Chen, Zhang and Zhou 2018 (the growing Cholesky factor). Not a place for embeddings (selection.h). Thread
// rule: free functions.
//
//   const auto set = greedy_map(diagonal, [&](std::size_t j, std::span<double> row) { fill(j, row); }, 5);
//   const auto drawn = sample_k_dpp(kernel, n, 5, rng);
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "af2/core/random.h"

namespace af2 {

// Fills row j of the kernel: row[i] = L(j, i).
using KernelRow = std::function<void(std::size_t j, std::span<double> row)>;

// Members in the order they were taken, the smaller place first on a tie; fewer than k where nothing adds
// volume any more (rows that repeat chosen ones: below 1e-9 of their own square). O(n k^2) and k rows.
std::vector<int> greedy_map(std::span<const double> diagonal, const KernelRow& row, int k);

// `kernel` [n, n] in full. Members in the order they were drawn; as many as the kernel's rank where that is
// below k. O(n^3). Throws kInternal (not n by n), kData (NaN), kResource without Eigen.
std::vector<int> sample_k_dpp(std::span<const double> kernel, std::size_t n, int k, Random& rng);

}  // namespace af2
