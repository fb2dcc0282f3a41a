// A number that is drawn: what a scene's spec says in place of a value (docs/spec/data.md section 5).
//
// In a file: a number (always that), a list of two (uniform between them), or a table:
//   {draw: const, value: 3}   {draw: choose, values: [1, 2], weights: [3, 1]}   {draw: uniform, low: 1, high:
//   2} {draw: normal, mean: 0, deviation: 1}   {draw: truncnorm, mean: 0, deviation: 1, low: -2, high: 2}
// Not for labels and takes (a spec lists those). Thread rule: a plain value.
//
//   const Distribution snr = Distribution::uniform(6, 30);
//   const double db = snr.draw_from(rng);
#pragma once

#include <string>
#include <vector>

#include "af2/core/json.h"
#include "af2/core/random.h"

namespace af2 {

struct Distribution {
  std::string draw = "const";
  double value = 0;
  double low = 0, high = 0;        // uniform, truncnorm
  double mean = 0, deviation = 1;  // normal, truncnorm
  std::vector<double> values, weights;

  static Distribution constant(double value);
  static Distribution uniform(double low, double high);

  double draw_from(Random& rng) const;
  // A whole number: every one from ceil(low) to floor(high) is equally likely where the draw is uniform;
  // else the draw, rounded.
  int draw_whole(Random& rng) const;
  // The least and the most it can give; infinite for normal.
  double least() const;
  double most() const;
  // Throws kUser naming `where` for an unknown kind, an empty range or list, weights that do not fit.
  void check(const std::string& where) const;

  // The table of a short form; a table as it is.
  static Json long_form(const Json& json);

  template <class V>
  void visit(V& v) {
    v.field("draw", draw, "const, choose, uniform, normal or truncnorm");
    v.field("value", value, "of const");
    v.field("low", low, "least of uniform and truncnorm");
    v.field("high", high, "most of uniform and truncnorm");
    v.field("mean", mean, "of normal and truncnorm");
    v.field("deviation", deviation, "of normal and truncnorm");
    v.field("values", values, "of choose");
    v.field("weights", weights, "of choose; none: all alike");
  }
};

// An index into `n` things by weight (none: all alike). The weights must fit.
std::size_t draw_index(std::size_t n, const std::vector<double>& weights, Random& rng);
// Throws kUser naming `where`: as many weights as things, none negative, one positive.
void check_weights(std::size_t n, const std::vector<double>& weights, const std::string& where);

}  // namespace af2
