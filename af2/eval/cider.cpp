// CIDEr-D. N-grams are numbers: the number of the first n - 1 words and the last word, looked up exactly; so
// 60,000 captions take seconds.
#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_set>

#include "af2/eval/caption_metrics.h"

namespace af2 {
namespace {

constexpr std::size_t kCiderOrder = 4;
constexpr double kCiderSigma = 6;
constexpr std::uint32_t kNewFrom = 1u << 31;  // ids of words and n-grams that no reference has

std::uint64_t gram_key(std::uint32_t prefix, std::uint32_t word) {
  return (static_cast<std::uint64_t>(prefix) << 32) | word;
}

// Calls body(prefix id, word id, length) for every n-gram; body returns the n-gram's id.
template <class Body>
void each_gram(const std::vector<std::uint32_t>& words, const Body& body) {
  for (std::size_t at = 0; at < words.size(); ++at) {
    std::uint32_t prefix = 0;  // of nothing
    for (std::size_t n = 1; n <= kCiderOrder && at + n <= words.size(); ++n)
      prefix = body(prefix, words[at + n - 1], n);
  }
}

double cider_similarity(const CiderFrequencies::Vector& candidate,
                        const CiderFrequencies::Vector& reference) {
  std::array<double, kCiderOrder> products{};
  for (auto c = candidate.grams.begin(), r = reference.grams.begin();
       c != candidate.grams.end() && r != reference.grams.end();) {
    if (c->id < r->id) {
      ++c;
    } else if (r->id < c->id) {
      ++r;
    } else {
      products[c->length - 1u] += std::min(c->tf_idf, r->tf_idf) * r->tf_idf;
      ++c, ++r;
    }
  }
  const double gap = candidate.bigrams - reference.bigrams;
  const double penalty = std::exp(-gap * gap / (2 * kCiderSigma * kCiderSigma));
  double sum = 0;
  for (std::size_t n = 0; n < kCiderOrder; ++n) {
    const double norms = candidate.norm[n] * reference.norm[n];
    sum += (norms != 0 ? products[n] / norms : products[n]) * penalty;
  }
  return sum / static_cast<double>(kCiderOrder);
}

}  // namespace

CiderFrequencies::CiderFrequencies(const std::vector<std::vector<CaptionTokens>>& references) {
  std::vector<std::uint32_t> clips_with(1, 0);  // by id; 0 is the empty n-gram
  std::unordered_set<std::uint32_t> in_clip;
  for (const auto& clip : references) {
    in_clip.clear();
    for (const CaptionTokens& caption : clip) {
      std::vector<std::uint32_t> ids;
      for (const std::string& word : caption)
        ids.push_back(words_.emplace(word, static_cast<std::uint32_t>(words_.size())).first->second);
      each_gram(ids, [&](std::uint32_t prefix, std::uint32_t word, std::size_t) {
        const auto id = static_cast<std::uint32_t>(clips_with.size());
        const auto [gram, is_new] = grams_.emplace(gram_key(prefix, word), id);
        if (is_new) clips_with.push_back(0);
        if (in_clip.insert(gram->second).second) ++clips_with[gram->second];
        return gram->second;
      });
    }
  }
  log_clips_ = references.empty() ? 0 : std::log(static_cast<double>(references.size()));
  for (const std::uint32_t n : clips_with)
    idf_.push_back(log_clips_ - std::log(std::max(1.0, static_cast<double>(n))));
}

std::uint32_t CiderFrequencies::find_word(const std::string& word,
                                          std::unordered_map<std::string, std::uint32_t>* new_words) const {
  if (const auto known = words_.find(word); known != words_.end()) return known->second;
  const auto id = kNewFrom + static_cast<std::uint32_t>(new_words->size());
  return new_words->emplace(word, id).first->second;
}

CiderFrequencies::Vector CiderFrequencies::vector_of(
    const CaptionTokens& tokens, std::unordered_map<std::string, std::uint32_t>& new_words,
    std::unordered_map<std::uint64_t, std::uint32_t>& new_grams) const {
  std::vector<std::uint32_t> ids;
  for (const std::string& word : tokens) ids.push_back(find_word(word, &new_words));
  struct Found {
    std::uint32_t id;
    std::uint8_t length;
  };
  std::vector<Found> found;
  each_gram(ids, [&](std::uint32_t prefix, std::uint32_t word, std::size_t n) {
    const std::uint64_t key = gram_key(prefix, word);
    std::uint32_t id;
    if (const auto known = grams_.find(key); known != grams_.end()) {
      id = known->second;
    } else {
      id = new_grams.emplace(key, kNewFrom + static_cast<std::uint32_t>(new_grams.size())).first->second;
    }
    found.push_back({id, static_cast<std::uint8_t>(n)});
    return id;
  });
  std::sort(found.begin(), found.end(), [](const Found& a, const Found& b) { return a.id < b.id; });
  Vector out;
  out.bigrams = tokens.size() > 1 ? static_cast<double>(tokens.size() - 1) : 0;
  for (std::size_t begin = 0; begin < found.size();) {
    std::size_t end = begin;
    while (end < found.size() && found[end].id == found[begin].id) ++end;
    const double idf = found[begin].id < kNewFrom ? idf_[found[begin].id] : log_clips_;
    const double weight = static_cast<double>(end - begin) * idf;
    out.grams.push_back({found[begin].id, found[begin].length, weight});
    out.norm[found[begin].length - 1u] += weight * weight;
    begin = end;
  }
  for (double& norm : out.norm) norm = std::sqrt(norm);
  return out;
}

std::vector<double> cider_d(const CaptionSet& set, const CiderFrequencies& frequencies) {
  std::vector<double> scores;
  for (std::size_t i = 0; i < set.candidates.size(); ++i) {
    // What no reference of the set has only needs to be the same within an item.
    std::unordered_map<std::string, std::uint32_t> new_words;
    std::unordered_map<std::uint64_t, std::uint32_t> new_grams;
    const auto candidate = frequencies.vector_of(set.candidates[i], new_words, new_grams);
    double sum = 0;
    for (const CaptionTokens& reference : set.references[i])
      sum += cider_similarity(candidate, frequencies.vector_of(reference, new_words, new_grams));
    scores.push_back(10 * sum / static_cast<double>(set.references[i].size()));
  }
  return scores;
}

std::vector<double> cider_d(const CaptionSet& set) {
  return cider_d(set, CiderFrequencies(set.references));
}

}  // namespace af2
