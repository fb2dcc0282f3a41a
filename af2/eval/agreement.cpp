#include "af2/eval/agreement.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "af2/core/error.h"

namespace af2 {
namespace {

std::optional<double> pearson_of(const std::vector<double>& x, const std::vector<double>& y) {
  const double n = static_cast<double>(x.size());
  const double mean_x = std::accumulate(x.begin(), x.end(), 0.0) / n;
  const double mean_y = std::accumulate(y.begin(), y.end(), 0.0) / n;
  double xx = 0, yy = 0, xy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double dx = x[i] - mean_x, dy = y[i] - mean_y;
    xx += dx * dx, yy += dy * dy, xy += dx * dy;
  }
  if (xx <= 0 || yy <= 0) return std::nullopt;
  return std::clamp(xy / std::sqrt(xx * yy), -1.0, 1.0);
}

std::int64_t pair_count(std::int64_t n) {
  return n * (n - 1) / 2;
}

// Sum over runs of equal neighbours of their pairs.
template <class Same>
std::int64_t tied_pairs(std::size_t n, const Same& same_as_before) {
  std::int64_t tied = 0, run = n > 0 ? 1 : 0;
  for (std::size_t i = 1; i <= n; ++i) {
    if (i < n && same_as_before(i)) {
      ++run;
      continue;
    }
    tied += pair_count(run), run = 1;
  }
  return tied;
}

// Swaps that a merge sort of values[from, to) needs.
std::int64_t sort_swaps(std::vector<double>& values, std::vector<double>& room, std::size_t from,
                        std::size_t to) {
  if (to - from < 2) return 0;
  const std::size_t middle = from + (to - from) / 2;
  std::int64_t swaps = sort_swaps(values, room, from, middle) + sort_swaps(values, room, middle, to);
  std::size_t left = from, right = middle;
  for (std::size_t k = from; k < to; ++k) {
    const bool take_left = right == to || (left < middle && values[left] <= values[right]);
    if (!take_left) swaps += static_cast<std::int64_t>(middle - left);
    room[k] = take_left ? values[left++] : values[right++];
  }
  std::copy(room.begin() + static_cast<std::ptrdiff_t>(from), room.begin() + static_cast<std::ptrdiff_t>(to),
            values.begin() + static_cast<std::ptrdiff_t>(from));
  return swaps;
}

// Tau-b in n log n: sorted by x then y, each swap that sorting y needs is a pair in the wrong order.
std::optional<double> kendall_of(const std::vector<double>& x, const std::vector<double>& y) {
  std::vector<std::size_t> order(x.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return x[a] != x[b] ? x[a] < x[b] : y[a] < y[b]; });
  const auto same_x = [&](std::size_t i) { return x[order[i]] == x[order[i - 1]]; };
  const std::int64_t tied_x = tied_pairs(order.size(), same_x);
  const std::int64_t tied_both =
      tied_pairs(order.size(), [&](std::size_t i) { return same_x(i) && y[order[i]] == y[order[i - 1]]; });
  std::vector<double> sorted, room(x.size());
  for (const std::size_t i : order) sorted.push_back(y[i]);
  const std::int64_t wrong = sort_swaps(sorted, room, 0, sorted.size());
  const std::int64_t tied_y =
      tied_pairs(sorted.size(), [&](std::size_t i) { return sorted[i] == sorted[i - 1]; });
  const std::int64_t all = pair_count(static_cast<std::int64_t>(x.size()));
  if (all == tied_x || all == tied_y) return std::nullopt;
  const double numerator = static_cast<double>(all - tied_x - tied_y + tied_both - 2 * wrong);
  return numerator /
         (std::sqrt(static_cast<double>(all - tied_x)) * std::sqrt(static_cast<double>(all - tied_y)));
}

// 1 - observed / expected squared differences. Nothing where both always say the same one mark.
std::optional<double> kappa_of(const std::vector<double>& x, const std::vector<double>& y) {
  const auto whole = [](double value) { return std::floor(value + 0.5); };
  const double n = static_cast<double>(x.size());
  double observed = 0, sum_x = 0, sum_y = 0, squares = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double a = whole(x[i]), b = whole(y[i]);
    observed += (a - b) * (a - b);
    sum_x += a, sum_y += b, squares += a * a + b * b;
  }
  // Over all pairs of an x and a y: n (sum of squares) - 2 (sum x)(sum y), of n^2 pairs.
  const double expected = (n * squares - 2 * sum_x * sum_y) / n;
  if (expected <= 0) return std::nullopt;
  return 1 - observed / expected;
}

Json agreement_value(const std::optional<double>& value) {
  return value ? Json(*value) : Json(nullptr);
}

}  // namespace

std::vector<double> average_ranks(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (std::size_t i = 0; i < order.size();) {
    std::size_t end = i + 1;
    while (end < order.size() && values[order[end]] == values[order[i]]) ++end;
    const double rank = static_cast<double>(i + 1 + end) / 2;
    for (; i < end; ++i) ranks[order[i]] = rank;
  }
  return ranks;
}

Agreement agreement(const std::vector<double>& first, const std::vector<double>& second, double low,
                    double high) {
  const auto wrong = [](const std::string& what) {
    return user_error(what, "agreement of two raters", "give both raters' marks of the same items");
  };
  if (first.size() != second.size())
    throw wrong("there are " + std::to_string(first.size()) + " and " + std::to_string(second.size()) +
                " marks");
  if (first.empty()) throw wrong("there is no item that both have marked");
  for (const auto* marks : {&first, &second})
    for (const double mark : *marks)
      if (!(mark >= low && mark <= high)) throw wrong("a mark is outside of the scale");
  Agreement result;
  result.n = first.size();
  const double n = static_cast<double>(first.size());
  double equal = 0, near = 0;
  for (std::size_t i = 0; i < first.size(); ++i) {
    const double difference = second[i] - first[i];
    result.bias += difference / n;
    result.mean_difference += std::abs(difference) / n;
    if (difference == 0) ++equal;
    // Means of repeats (thirds and the like) may miss 1 by a rounding.
    if (std::abs(difference) <= 1 + 1e-9) ++near;
  }
  result.equal = equal / n, result.within_1 = near / n;
  result.pearson = pearson_of(first, second);
  result.spearman = pearson_of(average_ranks(first), average_ranks(second));
  result.kendall = kendall_of(first, second);
  result.kappa = kappa_of(first, second);
  return result;
}

Agreement agreement_of_marked(const std::vector<std::optional<double>>& first,
                              const std::vector<std::optional<double>>& second, double low, double high) {
  if (first.size() != second.size())
    throw user_error(
        "there are " + std::to_string(first.size()) + " and " + std::to_string(second.size()) + " items",
        "agreement of two raters", "give both raters' marks of the same items");
  std::vector<double> a, b;
  for (std::size_t i = 0; i < first.size(); ++i)
    if (first[i] && second[i]) a.push_back(*first[i]), b.push_back(*second[i]);
  return agreement(a, b, low, high);
}

Json to_json(const Agreement& a) {
  return {{"n", a.n},
          {"pearson", agreement_value(a.pearson)},
          {"spearman", agreement_value(a.spearman)},
          {"kendall_tau_b", agreement_value(a.kendall)},
          {"quadratic_kappa", agreement_value(a.kappa)},
          {"mean_difference", a.mean_difference},
          {"bias", a.bias},
          {"equal", a.equal},
          {"within_1", a.within_1}};
}

}  // namespace af2
