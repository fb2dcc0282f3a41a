#include "af2/eval/caption_metrics.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <map>
#include <unordered_set>

#include "af2/core/error.h"
#include "af2/eval/caption_tokens.h"

namespace af2 {
namespace {

constexpr std::size_t kBleuOrder = 4;
constexpr double kBleuTiny = 1e-15, kBleuSmall = 1e-9;  // of the published script: no division by zero

using GramCounts = std::map<std::vector<std::string>, int>;

GramCounts counts_of_grams(const CaptionTokens& tokens, std::size_t n) {
  GramCounts counts;
  for (std::size_t at = 0; at + n <= tokens.size(); ++at)
    ++counts[{tokens.begin() + static_cast<std::ptrdiff_t>(at),
              tokens.begin() + static_cast<std::ptrdiff_t>(at + n)}];
  return counts;
}

std::size_t longest_common(const CaptionTokens& a, const CaptionTokens& b) {
  std::vector<std::size_t> row(b.size() + 1, 0);
  for (const std::string& word : a) {
    std::size_t diagonal = 0;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t above = row[j + 1];
      row[j + 1] = word == b[j] ? diagonal + 1 : std::max(above, row[j]);
      diagonal = above;
    }
  }
  return row.back();
}

struct RougeParts {
  double precision = 0, recall = 0;
};
RougeParts best_rouge(const CaptionTokens& candidate, const std::vector<CaptionTokens>& references) {
  RougeParts best;
  for (const CaptionTokens& reference : references) {
    if (candidate.empty() || reference.empty()) continue;
    const auto common = static_cast<double>(longest_common(candidate, reference));
    best.precision = std::max(best.precision, common / static_cast<double>(candidate.size()));
    best.recall = std::max(best.recall, common / static_cast<double>(reference.size()));
  }
  return best;
}

}  // namespace

CaptionSet caption_set(const std::vector<std::string>& candidates,
                       const std::vector<std::vector<std::string>>& references,
                       const std::string& tokeniser) {
  if (candidates.size() != references.size())
    throw internal_error("captions: as many lists of references as candidates are needed");
  CaptionSet set;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (references[i].empty())
      throw data_error("clip " + std::to_string(i) + " has no reference caption", "references",
                       "leave it out, or give one");
    set.candidates.push_back(caption_tokens(candidates[i], tokeniser));
    std::vector<CaptionTokens>& tokens = set.references.emplace_back();
    for (const std::string& reference : references[i]) tokens.push_back(caption_tokens(reference, tokeniser));
  }
  return set;
}

SumTable bleu_table(const CaptionSet& set) {
  SumTable table{2 * kBleuOrder + 2, {}};
  for (std::size_t i = 0; i < set.candidates.size(); ++i) {
    const CaptionTokens& candidate = set.candidates[i];
    std::vector<SumCell>& row = table.rows.emplace_back();
    for (std::size_t n = 1; n <= kBleuOrder; ++n) {
      const GramCounts given = counts_of_grams(candidate, n);
      GramCounts most;
      for (const CaptionTokens& reference : set.references[i])
        for (const auto& [gram, count] : counts_of_grams(reference, n))
          if (int& known = most[gram]; count > known) known = count;
      double matches = 0;
      for (const auto& [gram, count] : given)
        if (const auto known = most.find(gram); known != most.end())
          matches += std::min(count, known->second);
      const double grams = candidate.size() >= n ? static_cast<double>(candidate.size() - n + 1) : 0;
      row.push_back({static_cast<std::uint32_t>(2 * (n - 1)), matches});
      row.push_back({static_cast<std::uint32_t>(2 * (n - 1) + 1), grams});
    }
    const auto length = static_cast<std::int64_t>(candidate.size());
    std::pair<std::int64_t, std::int64_t> closest{std::numeric_limits<std::int64_t>::max(), 0};
    for (const CaptionTokens& reference : set.references[i]) {
      const auto other = static_cast<std::int64_t>(reference.size());
      closest = std::min(closest, {std::abs(other - length), other});
    }
    row.push_back({2 * kBleuOrder, static_cast<double>(length)});
    row.push_back({2 * kBleuOrder + 1, static_cast<double>(closest.second)});
  }
  return table;
}

double bleu_of_sums(std::span<const double> sums, int n) {
  const double ratio = (sums[2 * kBleuOrder] + kBleuTiny) / (sums[2 * kBleuOrder + 1] + kBleuSmall);
  double product = 1;
  for (std::size_t k = 0; k < static_cast<std::size_t>(n); ++k)
    product *= (sums[2 * k] + kBleuTiny) / (sums[2 * k + 1] + kBleuSmall);
  const double bleu = std::pow(product, 1.0 / n);
  return ratio < 1 ? bleu * std::exp(1 - 1 / ratio) : bleu;
}

std::vector<double> rouge_l(const CaptionSet& set) {
  constexpr double kBeta2 = 1.2 * 1.2;
  std::vector<double> scores;
  for (std::size_t i = 0; i < set.candidates.size(); ++i) {
    const RougeParts best = best_rouge(set.candidates[i], set.references[i]);
    scores.push_back(best.precision > 0 && best.recall > 0 ? (1 + kBeta2) * best.precision * best.recall /
                                                                 (best.recall + kBeta2 * best.precision)
                                                           : 0);
  }
  return scores;
}

std::vector<double> rouge_l_recall(const CaptionSet& set) {
  std::vector<double> scores;
  for (std::size_t i = 0; i < set.candidates.size(); ++i)
    scores.push_back(best_rouge(set.candidates[i], set.references[i]).recall);
  return scores;
}

double token_f1(const CaptionTokens& a, const CaptionTokens& b) {
  if (a.empty() || b.empty()) return 0;
  std::map<std::string, int> left;
  for (const std::string& word : a) ++left[word];
  double common = 0;
  for (const std::string& word : b)
    if (const auto found = left.find(word); found != left.end() && found->second > 0)
      --found->second, common += 1;
  return 2 * common / static_cast<double>(a.size() + b.size());
}

std::vector<double> token_f1(const CaptionSet& set) {
  std::vector<double> scores;
  for (std::size_t i = 0; i < set.candidates.size(); ++i) {
    double best = 0;
    for (const CaptionTokens& reference : set.references[i])
      best = std::max(best, token_f1(set.candidates[i], reference));
    scores.push_back(best);
  }
  return scores;
}

std::int64_t vocabulary_size(const CaptionSet& set) {
  std::unordered_set<std::string> words;
  for (const CaptionTokens& candidate : set.candidates) words.insert(candidate.begin(), candidate.end());
  return static_cast<std::int64_t>(words.size());
}

double spider(double cider, double spice) {
  return (cider + spice) / 2;
}

double fense(double similarity, double error_probability) {
  return error_probability > 0.9 ? 0.1 * similarity : similarity;
}

double spider_fl(double spider_score, double error_probability) {
  return fense(spider_score, error_probability);
}

}  // namespace af2
