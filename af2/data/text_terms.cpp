#include "af2/data/text_terms.h"

#include <algorithm>
#include <array>

#include "af2/core/text_util.h"
#include "af2/data/bank.h"

namespace af2 {
namespace {

constexpr std::array<const char*, 21> kNumbers = {
    "zero",     "one",     "two",     "three",     "four",     "five",     "six",
    "seven",    "eight",   "nine",    "ten",       "eleven",   "twelve",   "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"};

constexpr std::string_view kPunctuation = ".,;:!?()";

bool is_word_byte(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c >= 128;
}

}  // namespace

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  const auto flush = [&] {
    if (!word.empty()) words.push_back(std::move(word));
    word.clear();
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const unsigned char c = static_cast<unsigned char>(text[i]);
    const bool next_is_word = i + 1 < text.size() && is_word_byte(static_cast<unsigned char>(text[i + 1]));
    if (is_word_byte(c)) {
      word += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    } else if ((c == '\'' || c == '-') && !word.empty() && next_is_word) {
      word += static_cast<char>(c);
    } else {
      flush();
      if (kPunctuation.find(static_cast<char>(c)) != std::string_view::npos)
        words.emplace_back(1, static_cast<char>(c));
    }
  }
  flush();
  return words;
}

std::string normal_term(std::string_view text) {
  std::string term;
  bool first = true;
  for (const std::string& word : words_of(text)) {
    if (word.size() == 1 && kPunctuation.find(word[0]) != std::string_view::npos) continue;
    if (first && (word == "a" || word == "an" || word == "the" || word == "some")) {
      first = false;
      continue;
    }
    first = false;
    if (!term.empty()) term += ' ';
    term += word;
  }
  return term;
}

std::string number_word(int n) {
  return n >= 0 && n < static_cast<int>(kNumbers.size()) ? kNumbers[static_cast<std::size_t>(n)]
                                                         : std::to_string(n);
}

std::vector<std::string> label_terms(const LabelInfo& label) {
  std::vector<std::string> terms = {normal_term(label.name), normal_term(label.phrase),
                                    normal_term(label.short_name)};
  for (const std::string& part : split(label.name, '/')) terms.push_back(normal_term(part));
  for (const std::string& word : label.synonyms) terms.push_back(normal_term(word));
  std::erase(terms, "");
  std::sort(terms.begin(), terms.end());
  terms.erase(std::unique(terms.begin(), terms.end()), terms.end());
  return terms;
}

}  // namespace af2
