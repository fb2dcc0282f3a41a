#include "af2/eval/option_cascade.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <set>

#include "af2/core/text_util.h"
#include "af2/eval/answer_text.h"

namespace af2 {
namespace {

using CascadeWords = std::vector<std::string>;

int equal_option(const CascadeWords& words, const OptionWords& options) {
  if (words.empty()) return -1;
  const auto found = std::find(options.words.begin(), options.words.end(), words);
  return found == options.words.end()
             ? -1
             : options.first_equal[static_cast<std::size_t>(found - options.words.begin())];
}

bool cascade_word_byte(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || static_cast<unsigned char>(c) >= 0x80;
}

// A letter that stands as one, and what follows it: (a), a., a:, a), "option a"; alone: "a".
LetterAndRest cascade_letter(const std::string& text) {
  LetterAndRest found = leading_letter(text);
  if (found.letter >= 0) return found;
  if (starts_with(text, "option ")) {
    const std::string behind = trim(std::string_view(text).substr(7));
    if (LetterAndRest marked = leading_letter(behind); marked.letter >= 0) return marked;
    if (!behind.empty() && std::isalpha(static_cast<unsigned char>(behind[0])) &&
        (behind.size() == 1 || !cascade_word_byte(behind[1])))
      return {behind[0] - 'a', trim(std::string_view(behind).substr(1))};
  }
  const CascadeWords words = answer_words(text);
  if (words.size() == 1 && words[0].size() == 1 && std::isalpha(static_cast<unsigned char>(words[0][0])))
    return {words[0][0] - 'a', ""};
  return {-1, text};
}

// Steps 2 and 3 on a text in lower case; nothing: go on.
std::optional<CascadeAnswer> whole_or_letter(const std::string& text, const OptionWords& options) {
  if (const int whole = equal_option(answer_words(text), options); whole >= 0)
    return CascadeAnswer{whole, "whole"};
  const LetterAndRest found = cascade_letter(text);
  if (found.letter < 0 || found.letter >= static_cast<int>(options.words.size())) return std::nullopt;
  const int named = options.first_equal[static_cast<std::size_t>(found.letter)];
  const int rest = equal_option(answer_words(found.rest), options);
  if (rest >= 0 && rest != named) return CascadeAnswer{-1, "conflict"};
  return CascadeAnswer{named, "letter"};
}

// Where a word begins that is `word`, from `at` on.
std::size_t word_from(const std::string& text, std::string_view word, std::size_t at) {
  for (std::size_t p = text.find(word, at); p != std::string::npos; p = text.find(word, p + 1)) {
    const bool begins = p == 0 || !cascade_word_byte(text[p - 1]);
    const bool ends = p + word.size() == text.size() || !cascade_word_byte(text[p + word.size()]);
    if (begins && ends) return p;
  }
  return std::string::npos;
}

// What stands behind the last "answer ... is" or "answer:" (or option, choice), within one sentence.
std::optional<std::string> behind_marker(const std::string& text) {
  std::size_t last = std::string::npos, behind = 0;
  for (const char* marker : {"answer", "option", "choice"}) {
    const std::string_view word = marker;
    for (std::size_t p = word_from(text, word, 0); p != std::string::npos; p = word_from(text, word, p + 1)) {
      const std::size_t from = p + word.size();
      const std::size_t sentence = std::min(text.find_first_of(".!?\n", from), text.size());
      std::size_t is = word_from(text, "is", from), colon = text.find(':', from);
      is = is == std::string::npos ? is : is + 2;
      colon = colon == std::string::npos ? colon : colon + 1;
      const std::size_t end = std::min(is, colon);
      if (end == std::string::npos || end > sentence) continue;
      if (last == std::string::npos || p > last) last = p, behind = end;
    }
  }
  if (last == std::string::npos) return std::nullopt;
  while (behind < text.size() && !cascade_word_byte(text[behind]) && text[behind] != '(') ++behind;
  return trim(std::string_view(text).substr(behind));
}

std::string first_sentence(const std::string& text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') return text.substr(0, i);
    // Not behind a letter that stands first: "b. a cat".
    if (i > 1 && std::string_view(".!?").find(text[i]) != std::string_view::npos && i + 1 < text.size() &&
        std::isspace(static_cast<unsigned char>(text[i + 1])))
      return text.substr(0, i);
  }
  return text;
}

}  // namespace

OptionWords option_words(const std::vector<std::string>& options) {
  OptionWords out;
  for (std::size_t i = 0; i < options.size(); ++i) {
    const LetterAndRest printed = leading_letter(options[i]);
    const bool own = printed.letter == static_cast<int>(i) && !printed.rest.empty();
    out.words.push_back(answer_words(own ? printed.rest : options[i]));
    // What holds no word (a lone mark) is still not equal to another such option.
    if (out.words.back().empty()) out.words.back() = {plain_answer(options[i])};
    const auto first = std::find(out.words.begin(), out.words.end(), out.words.back());
    out.first_equal.push_back(static_cast<int>(first - out.words.begin()));
  }
  return out;
}

int only_phrase(const std::vector<std::string>& words, const OptionWords& options) {
  struct Place {
    std::size_t begin, end;
    int option;
  };
  std::vector<Place> places;
  for (std::size_t i = 0; i < options.words.size(); ++i) {
    if (options.first_equal[i] != static_cast<int>(i)) continue;
    for (const std::size_t at : phrase_places(words, options.words[i]))
      places.push_back({at, at + options.words[i].size(), static_cast<int>(i)});
  }
  std::set<int> named;
  for (const Place& place : places) {
    const bool nested = std::any_of(places.begin(), places.end(), [&](const Place& other) {
      return other.begin <= place.begin && place.end <= other.end &&
             other.end - other.begin > place.end - place.begin;
    });
    if (!nested) named.insert(place.option);
  }
  if (named.empty()) return -1;
  return named.size() == 1 ? *named.begin() : -2;
}

CascadeAnswer option_cascade(const std::string& output, const std::vector<std::string>& options) {
  const std::string text = plain_answer(conclusion_inside(strip_think(output)));
  if (answer_words(text).empty()) return {-1, "empty"};
  const OptionWords known = option_words(options);
  if (const auto found = whole_or_letter(text, known)) return *found;
  if (const auto behind = behind_marker(text); behind && !behind->empty()) {
    auto found = whole_or_letter(*behind, known);
    if (!found) found = whole_or_letter(first_sentence(*behind), known);
    if (found) return {found->option, found->option < 0 ? found->why : "marker"};
  }
  const int phrase = only_phrase(answer_words(text), known);
  if (phrase >= 0) return {phrase, "phrase"};
  return {-1, phrase == -2 ? "ambiguous" : "none"};
}

}  // namespace af2
