#include "af2/factory/rules/long_combine.h"

#include <algorithm>
#include <cmath>

#include "af2/text/timed_answers.h"

namespace af2::long_detail {

std::vector<Span> drawn_stretches(const LongScene& scene) {
  std::vector<double> lengths;
  for (const double length : {10.0, 20.0, 30.0, 60.0, 120.0, 300.0}) {
    const double n = std::ceil(scene.length() / length);
    if (n >= 2 && n <= kMostStretches) lengths.push_back(length);
  }
  const double length =
      lengths.empty() ? 60 * std::ceil(scene.length() / kMostStretches / 60) : scene.rng().pick(lengths);
  std::vector<Span> stretches;
  for (double start = 0; start < scene.length(); start += length)
    stretches.push_back({start, std::min(start + length, scene.length())});
  return stretches;
}

std::string timed_answers(const std::vector<Span>& stretches, const std::vector<std::string>& answers) {
  std::vector<TimedAnswer> timed;
  for (std::size_t i = 0; i < stretches.size(); ++i)
    timed.push_back({stretches[i].start, stretches[i].end, answers.at(i)});
  return timed_list(timed);
}

}  // namespace af2::long_detail
