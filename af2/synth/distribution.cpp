#include "af2/synth/distribution.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "af2/core/error.h"

namespace af2 {
namespace {

constexpr int kTruncatedTries = 10000;

}  // namespace

Distribution Distribution::constant(double value) {
  Distribution d;
  d.value = value;
  return d;
}

Distribution Distribution::uniform(double low, double high) {
  Distribution d;
  d.draw = "uniform", d.low = low, d.high = high;
  return d;
}

double Distribution::draw_from(Random& rng) const {
  if (draw == "const") return value;
  if (draw == "choose") return values[draw_index(values.size(), weights, rng)];
  if (draw == "uniform") return rng.uniform(low, high);
  if (draw == "normal") return mean + deviation * rng.normal();
  // By rejection; where the window lies so far out that nothing falls into it, its nearer end.
  for (int i = 0; i < kTruncatedTries; ++i) {
    const double x = mean + deviation * rng.normal();
    if (x >= low && x <= high) return x;
  }
  return std::clamp(mean, low, high);
}

int Distribution::draw_whole(Random& rng) const {
  if (draw == "uniform" && std::ceil(low) <= std::floor(high))
    return rng.range(static_cast<int>(std::ceil(low)), static_cast<int>(std::floor(high)));
  return static_cast<int>(std::lround(draw_from(rng)));
}

double Distribution::least() const {
  if (draw == "const") return value;
  if (draw == "choose") return *std::min_element(values.begin(), values.end());
  return draw == "normal" ? -std::numeric_limits<double>::infinity() : low;
}

double Distribution::most() const {
  if (draw == "const") return value;
  if (draw == "choose") return *std::max_element(values.begin(), values.end());
  return draw == "normal" ? std::numeric_limits<double>::infinity() : high;
}

void Distribution::check(const std::string& where) const {
  if (draw == "choose") {
    if (values.empty()) throw user_error("has nothing to choose from", where, "give values: [..]");
    check_weights(values.size(), weights, where);
  } else if (draw == "uniform" || draw == "truncnorm") {
    if (!(low <= high)) throw user_error("its low is above its high", where);
  } else if (draw != "const" && draw != "normal") {
    throw user_error("unknown draw `" + draw + "`", where, "const, choose, uniform, normal or truncnorm");
  }
  if ((draw == "normal" || draw == "truncnorm") && !(deviation >= 0))
    throw user_error("its deviation is negative", where);
}

Json Distribution::long_form(const Json& json) {
  if (json.is_number()) return {{"draw", "const"}, {"value", json}};
  if (json.is_array() && json.size() == 2) return {{"draw", "uniform"}, {"low", json[0]}, {"high", json[1]}};
  return json;
}

std::size_t draw_index(std::size_t n, const std::vector<double>& weights, Random& rng) {
  if (weights.empty()) return rng.below(n);
  double at = rng.uniform() * std::accumulate(weights.begin(), weights.end(), 0.0);
  std::size_t last = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if (weights[i] <= 0) continue;
    last = i;
    if (at < weights[i]) return i;
    at -= weights[i];
  }
  return last;
}

void check_weights(std::size_t n, const std::vector<double>& weights, const std::string& where) {
  if (weights.empty()) return;
  if (weights.size() != n) throw user_error("has not as many weights as values", where);
  double sum = 0;
  for (const double w : weights) {
    if (!(w >= 0) || !std::isfinite(w)) throw user_error("a weight is negative or no number", where);
    sum += w;
  }
  if (sum <= 0) throw user_error("no weight is positive", where);
}

}  // namespace af2
