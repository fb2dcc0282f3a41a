// The two pieces of linear algebra that a selection of clips needs: products of rows, and eigenvalues.
//
// The only place that knows Eigen; a build without it throws kResource. Not for models (af2/quant,
// af2/model). Thread rule: free functions.
//
//   multiply_rows(points, centres, 768, products);            // products[i * k + c] = point i . centre c
//   const EigenPairs pairs = symmetric_eigen(kernel, n);      // ascending
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace af2 {

bool built_with_eigen();

// out[m, k] = a[m, d] times the transpose of b[k, d], in float32; the order of summation is the library's.
// Throws kInternal when the sizes disagree, kResource without Eigen.
void multiply_rows(std::span<const float> a, std::span<const float> b, std::size_t d, std::span<float> out);

struct EigenPairs {
  std::vector<double> values;   // [n], ascending
  std::vector<double> vectors;  // [n, n]: entry i of vector v at i * n + v; of length 1
};
// Of a symmetric matrix [n, n]. Throws kInternal when it is not n by n, kData when it holds NaN or infinity,
// kResource without Eigen.
EigenPairs symmetric_eigen(std::span<const double> matrix, std::size_t n);

}  // namespace af2
