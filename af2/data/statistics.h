// Accuracy with a 95 % interval by bootstrap over clusters, and averages over classes.
//
// Questions about one recording are not independent: whole clusters are resampled. Thread rule: free
// functions.
//
//   const Estimate e = accuracy({{1.0, "rec7", "dog"}, {0.0, "rec9", "cat"}});
//   // e.value in [e.low, e.high] with 95 % confidence
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace af2 {

struct Outcome {
  double score = 0;     // 1 right, 0 wrong, or a share
  std::string cluster;  // e.g. the recording asked about
  std::string group;    // e.g. the class, for macro averages
};

struct Estimate {
  double value = 0, low = 0, high = 0;  // low and high: 2.5 and 97.5 % of the resamples
  std::size_t n = 0, clusters = 0, groups = 0;
};

struct BootstrapOptions {
  int resamples = 2000;
  std::string name = "af2/bootstrap/1";  // of the draws: same outcomes, same interval
};

// Mean score. Throws kData when there are no outcomes, kUser for fewer than 1 resample.
Estimate accuracy(const std::vector<Outcome>& outcomes, const BootstrapOptions& options = {});

// Mean over groups of the mean score in each; resamples leave out groups that they do not hold.
Estimate macro_accuracy(const std::vector<Outcome>& outcomes, const BootstrapOptions& options = {});

}  // namespace af2
