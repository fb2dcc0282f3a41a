// CIDEr-D, BLEU, ROUGE-L and other measures of words between captions and their references
// (docs/spec/evaluation.md section 4).
//
// Not METEOR, SPICE and other programs of the user's: caption_files.h. All take tokens (caption_tokens.h),
// one candidate and its references for each clip. Thread rule: pure functions.
//
//   const CaptionSet set = caption_set({"a dog barks"}, {{"a dog barking", "dogs"}}, "ptb-lite");
//   const std::vector<double> items = cider_d(set);
//   bleu_of_sums(bleu_table(set).totals(), 4);
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "af2/eval/statistics.h"

namespace af2 {

using CaptionTokens = std::vector<std::string>;

struct CaptionSet {
  std::vector<CaptionTokens> candidates;
  std::vector<std::vector<CaptionTokens>> references;  // of each candidate; at least one
};
// Tokenises. Throws kData for a clip without a reference, kInternal when the sizes differ.
CaptionSet caption_set(const std::vector<std::string>& candidates,
                       const std::vector<std::vector<std::string>>& references, const std::string& tokeniser);

// How rare n-grams are: in how many clips' references each of 1 to 4 words occurs. Keep one for a whole set
// to score a part of it (`--df-from all-references`).
class CiderFrequencies {
 public:
  explicit CiderFrequencies(const std::vector<std::vector<CaptionTokens>>& references);

  struct Gram {
    std::uint32_t id;     // of the n-gram, ascending in a caption
    std::uint8_t length;  // 1..4
    double tf_idf;
  };
  struct Vector {
    std::vector<Gram> grams;
    double norm[4] = {0, 0, 0, 0};
    double bigrams = 0;  // the length that the penalty compares
  };
  // Counts times idf; n-grams that no reference has get the largest idf and ids of their own.
  Vector vector_of(const CaptionTokens& tokens, std::unordered_map<std::string, std::uint32_t>& new_words,
                   std::unordered_map<std::uint64_t, std::uint32_t>& new_grams) const;

 private:
  std::uint32_t find_word(const std::string& word,
                          std::unordered_map<std::string, std::uint32_t>* new_words) const;
  std::unordered_map<std::string, std::uint32_t> words_;
  // An n-gram is its first n - 1 words' id and its last word.
  std::unordered_map<std::uint64_t, std::uint32_t> grams_;
  std::vector<double> idf_;  // by id
  double log_clips_ = 0;
};

// CIDEr-D of each item, 0..10; their mean is the set's. idf from the set's own references.
std::vector<double> cider_d(const CaptionSet& set);
std::vector<double> cider_d(const CaptionSet& set, const CiderFrequencies& frequencies);

// BLEU is a function of sums over items: columns 2(n-1), 2(n-1)+1 matches and n-grams of length n = 1..4,
// 8 candidate length, 9 closest reference length (tie: the shorter).
SumTable bleu_table(const CaptionSet& set);
double bleu_of_sums(std::span<const double> sums, int n);

// ROUGE-L of each item: best precision and best recall over the references, F with beta 1.2.
std::vector<double> rouge_l(const CaptionSet& set);
// MU-LLaMA's variant: best recall alone.
std::vector<double> rouge_l_recall(const CaptionSet& set);
// 2PR / (P + R) of the words with their numbers of occurrences; 0 where one side has none.
double token_f1(const CaptionTokens& a, const CaptionTokens& b);
// Best token_f1 over the references, of each item.
std::vector<double> token_f1(const CaptionSet& set);
// Distinct words of the candidates.
std::int64_t vocabulary_size(const CaptionSet& set);

// CIDEr-D and SPICE of an item together; SPIDEr with FENSE's penalty where an error is likely; FENSE.
double spider(double cider, double spice);
double fense(double similarity, double error_probability);
double spider_fl(double spider_score, double error_probability);

}  // namespace af2
