// The model of words: a log-linear choice among candidates, from words, pairs of words, whole texts, the
// question's words with each, length, place, and likeness to the other options (blind_problems.h).
#include <algorithm>
#include <cmath>
#include <numeric>

#include "af2/factory/blind_problems.h"

namespace af2::blind {
namespace {

constexpr std::size_t kWeights = std::size_t{1} << 20;
constexpr double kRate = 0.2, kStart = 1e-3;

std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  std::uint64_t x = a * 0x9E3779B97F4A7C15ull ^ (b + 0xD1B54A32D192ED03ull) * 0x94D049BB133111EBull;
  x ^= x >> 29;
  x *= 0xBF58476D1CE4E5B9ull;
  return x ^ (x >> 32);
}

void features_of(const Problem& p, std::size_t c, std::vector<std::uint32_t>& features) {
  features.clear();
  std::uint64_t kind = 0;
  const auto add = [&](std::uint64_t value) {
    features.push_back(static_cast<std::uint32_t>(mix(++kind, value) % kWeights));
  };
  const auto add_all = [&](auto&& values) {
    ++kind;
    for (const std::uint64_t value : values)
      features.push_back(static_cast<std::uint32_t>(mix(kind, value) % kWeights));
  };
  const Candidate& own = p.candidates()[c];
  add(own.whole);
  add(mix(p.wording, own.whole));
  add(mix(p.type, own.whole));
  std::vector<std::uint64_t> list = own.words;
  add_all(list);
  for (auto& word : list) word = mix(p.type, word);
  add_all(list);
  list.clear();
  for (std::size_t i = 0; i + 1 < own.words.size(); ++i) list.push_back(mix(own.words[i], own.words[i + 1]));
  add_all(list);
  list.clear();
  for (const std::uint64_t word : p.question) list.push_back(mix(word, own.whole));
  add_all(list);
  // Place and length are of what is listed; other candidates are only possible answers.
  int longer = 0, shorter = 0, alike = 0, with = 0;
  if (p.listed) {
    for (std::size_t k = 0; k < p.candidates().size(); ++k) {
      if (k == c) continue;
      const Candidate& other = p.candidates()[k];
      longer += other.letters > own.letters, shorter += other.letters < own.letters;
      for (const std::uint64_t word : own.words)
        alike += std::find(other.words.begin(), other.words.end(), word) != other.words.end();
    }
    for (const std::uint64_t word : own.words)
      with += std::find(p.question.begin(), p.question.end(), word) != p.question.end();
  }
  add(mix(p.type, p.listed ? c + 1 : 0));
  add(mix(p.type, static_cast<std::uint64_t>(p.listed ? 10 * (longer + 1) + shorter : 0)));
  add(mix(p.type, static_cast<std::uint64_t>(alike)));
  add(mix(p.type, static_cast<std::uint64_t>(with)));
  add(own.words.size());
}

class WordModel {
 public:
  WordModel() : weights_(kWeights, 0.0f), squares_(kWeights, 0.0f) {}

  std::vector<double> scores(const Problem& p) {
    std::vector<double> s(p.candidates().size(), 0);
    features_.resize(std::max(features_.size(), s.size()));
    for (std::size_t c = 0; c < s.size(); ++c) {
      features_of(p, c, features_[c]);
      for (const std::uint32_t f : features_[c]) s[c] += static_cast<double>(weights_[f]);
    }
    return s;
  }

  void learn(const Problem& p) {
    if (p.right < 0) return;
    std::vector<double> s = scores(p);
    const double top = *std::max_element(s.begin(), s.end());
    double sum = 0;
    for (double& x : s) sum += x = std::exp(x - top);
    for (std::size_t c = 0; c < s.size(); ++c) {
      const auto slope = static_cast<float>(s[c] / sum - (static_cast<int>(c) == p.right ? 1 : 0));
      for (const std::uint32_t f : features_[c]) {
        squares_[f] += slope * slope;
        weights_[f] -=
            static_cast<float>(kRate) * slope / std::sqrt(squares_[f] + static_cast<float>(kStart));
      }
    }
  }

 private:
  std::vector<float> weights_, squares_;
  std::vector<std::vector<std::uint32_t>> features_;
};

}  // namespace

std::vector<float> solve_by_words(const std::vector<Problem>& problems,
                                  const std::vector<std::uint64_t>& names, const SolverOptions& options) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < problems.size(); ++i)
    if (problems[i].solvable()) order.push_back(i);
  std::vector<float> share(problems.size(), -1.0f);
  // Learned from in the order of their names, so that neither ids nor kinds come in a row.
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return names[a] != names[b] ? names[a] < names[b] : a < b; });
  for (int fold = 0; fold < options.folds; ++fold) {
    WordModel model;
    for (int epoch = 0; epoch < options.epochs; ++epoch) {
      int learned = 0;
      for (const std::size_t i : order) {
        if (problems[i].fold == fold) continue;
        if (learned++ == options.trained_items) break;
        model.learn(problems[i]);
      }
    }
    for (const std::size_t i : order)
      if (problems[i].fold == fold) share[i] = share_of_best(model.scores(problems[i]), problems[i].right);
  }
  return share;
}

}  // namespace af2::blind
