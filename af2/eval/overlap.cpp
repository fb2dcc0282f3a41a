#include "af2/eval/overlap.h"

#include <map>

#include "af2/text/unicode.h"
#include "af2/text/utf8.h"

namespace af2 {

std::vector<std::string> words_of_text(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  const auto end_word = [&] {
    if (!word.empty()) words.push_back(std::move(word));
    word.clear();
  };
  const std::string lower = lower_case(text);
  for (std::size_t at = 0; at < lower.size();) {
    const char32_t c = next_code_point(lower, at);
    if (is_word_character(c))
      append_utf8(word, c);
    else
      end_word();
  }
  end_word();
  return words;
}

double word_overlap(std::string_view reference, std::string_view response) {
  const auto wanted = words_of_text(reference), given = words_of_text(response);
  if (wanted.empty() || given.empty()) return 0;
  std::map<std::string, int> left;
  for (const auto& word : wanted) ++left[word];
  int common = 0;
  for (const auto& word : given)
    if (auto found = left.find(word); found != left.end() && found->second-- > 0) ++common;
  return 2.0 * common / static_cast<double>(wanted.size() + given.size());
}

}  // namespace af2
