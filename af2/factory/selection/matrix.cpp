#include "af2/factory/selection/matrix.h"

#include <cmath>
#include <string>

#include "af2/core/error.h"

#ifdef AF2_WITH_EIGEN
#include <Eigen/Dense>
#endif

namespace af2 {

#ifdef AF2_WITH_EIGEN

bool built_with_eigen() {
  return true;
}

void multiply_rows(std::span<const float> a, std::span<const float> b, std::size_t d, std::span<float> out) {
  const std::size_t m = d ? a.size() / d : 0, k = d ? b.size() / d : 0;
  if (d == 0 || m * d != a.size() || k * d != b.size() || out.size() != m * k)
    throw internal_error("sizes disagree: " + std::to_string(a.size()) + ", " + std::to_string(b.size()) +
                             ", " + std::to_string(out.size()),
                         "product of rows");
  using Rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const auto size = [](std::size_t n) { return static_cast<Eigen::Index>(n); };
  const Eigen::Map<const Rows> left(a.data(), size(m), size(d)), right(b.data(), size(k), size(d));
  Eigen::Map<Rows>(out.data(), size(m), size(k)).noalias() = left * right.transpose();
}

EigenPairs symmetric_eigen(std::span<const double> matrix, std::size_t n) {
  if (matrix.size() != n * n || n == 0)
    throw internal_error("not " + std::to_string(n) + " by " + std::to_string(n), "eigenvalues");
  for (const double value : matrix)
    if (!std::isfinite(value)) throw data_error("holds NaN or infinity", "eigenvalues of a kernel");
  using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const auto size = static_cast<Eigen::Index>(n);
  const Eigen::SelfAdjointEigenSolver<Rows> solver(Eigen::Map<const Rows>(matrix.data(), size, size));
  if (solver.info() != Eigen::Success) throw internal_error("did not converge", "eigenvalues of a kernel");
  EigenPairs pairs;
  pairs.values.assign(solver.eigenvalues().data(), solver.eigenvalues().data() + n);
  pairs.vectors.resize(n * n);
  Eigen::Map<Rows>(pairs.vectors.data(), size, size) = solver.eigenvectors();
  return pairs;
}

#else

namespace {
[[noreturn]] void missing() {
  throw resource_error("this build has no Eigen", "af2 data select",
                       "install libeigen3-dev and build with AF2_WITH_EIGEN=ON");
}
}  // namespace

bool built_with_eigen() {
  return false;
}
void multiply_rows(std::span<const float>, std::span<const float>, std::size_t, std::span<float>) {
  missing();
}
EigenPairs symmetric_eigen(std::span<const double>, std::size_t) {
  missing();
}

#endif

}  // namespace af2
