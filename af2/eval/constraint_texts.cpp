#include "af2/eval/constraint_texts.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "af2/text/unicode.h"
#include "af2/text/utf8.h"

namespace af2::constraint_detail {

std::u32string points_of(std::string_view text) {
  std::u32string points;
  for (std::size_t at = 0; at < text.size();) points.push_back(next_code_point(text, at));
  return points;
}

std::u32string lower_points(std::string_view text) {
  return points_of(lower_case(text));
}

std::size_t after_spaces(std::u32string_view text, std::size_t at) {
  while (at < text.size() && is_python_space(text[at])) ++at;
  return at;
}

std::u32string_view stripped_points(std::u32string_view text) {
  text.remove_prefix(after_spaces(text, 0));
  while (!text.empty() && is_python_space(text.back())) text.remove_suffix(1);
  return text;
}

bool is_blank(std::u32string_view text) {
  return after_spaces(text, 0) == text.size();
}

std::vector<std::u32string_view> words_between_spaces(std::u32string_view text) {
  std::vector<std::u32string_view> words;
  for (std::size_t at = after_spaces(text, 0); at < text.size(); at = after_spaces(text, at)) {
    const std::size_t begin = at;
    while (at < text.size() && !is_python_space(text[at])) ++at;
    words.push_back(text.substr(begin, at - begin));
  }
  return words;
}

std::vector<std::u32string_view> parts_between(std::u32string_view text, std::u32string_view separator) {
  std::vector<std::u32string_view> parts;
  for (std::size_t at = text.find(separator); at != text.npos; at = text.find(separator)) {
    parts.push_back(text.substr(0, at));
    text.remove_prefix(at + separator.size());
  }
  parts.push_back(text);
  return parts;
}

namespace {

// Letters beyond ASCII that have a partner: there is no other source of case here than lower_case().
std::unordered_map<char32_t, LetterCase> paired_letters() {
  constexpr std::pair<char32_t, char32_t> kRanges[] = {
      {0x80, 0x2FFF}, {0xA640, 0xABFF}, {0xFF21, 0xFF5A}, {0x10400, 0x104FF}};
  std::u32string points;
  std::string text;
  for (const auto& [first, last] : kRanges)
    for (char32_t c = first; c <= last; ++c) points.push_back(c), append_utf8(text, c), text.push_back('\n');
  std::unordered_map<char32_t, LetterCase> cases = {{U'\u03C2', LetterCase::kLower}};  // a final sigma
  const std::u32string lower = lower_points(text);
  const std::vector<std::u32string_view> images = parts_between(lower, U"\n");
  for (std::size_t i = 0; i < points.size(); ++i) {
    const std::u32string_view image = images.at(i);
    if (image.size() == 1 && image[0] == points[i]) continue;
    cases[points[i]] = LetterCase::kUpper;
    if (image.size() == 1) cases.emplace(image[0], LetterCase::kLower);
  }
  return cases;
}

LetterCase letter_case_of(char32_t c) {
  if (c >= U'A' && c <= U'Z') return LetterCase::kUpper;
  if (c >= U'a' && c <= U'z') return LetterCase::kLower;
  if (c < 0x80 || char_class(c) == CharClass::kOther) return LetterCase::kNone;
  static const std::unordered_map<char32_t, LetterCase> cases = paired_letters();
  const auto found = cases.find(c);
  return found == cases.end() ? LetterCase::kNone : found->second;
}

using namespace std::string_view_literals;

bool ends_a_sentence(char32_t c) {
  return c == U'.' || c == U'?' || c == U'!';
}
bool cuts_a_word(char32_t c) {
  return U")\";}]*:@'({[!?\u2018\u2019\u201C\u201D"sv.find(c) != std::u32string_view::npos;
}

// How many quotes and brackets close the sentence before, where nothing else follows them in the word.
std::size_t closing_marks(std::u32string_view word) {
  const std::size_t n = std::min(word.find_first_not_of(U"\"')]}\u2019\u201D"sv), word.size());
  return n == word.size() || word.substr(n, 2) == U"--"sv ? n : 0;
}

bool is_listed(const std::vector<std::u32string_view>& list, std::u32string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

// Words after which a full stop mostly ends no sentence. "etc", "e.g", "no" are none of them for the scorer.
bool is_abbreviation(std::u32string_view word) {
  static const std::vector<std::u32string_view> known = {
      U"c",   U"d",   U"e",    U"f",   U"g",    U"h",   U"k",   U"l",    U"m",   U"n",    U"p",   U"r",
      U"s",   U"t",   U"v",    U"w",   U"mr",   U"mrs", U"ms",  U"dr",   U"st",  U"prof", U"jr",  U"sr",
      U"gen", U"rep", U"sen",  U"col", U"lt",   U"maj", U"co",  U"inc",  U"ltd", U"corp", U"vs",  U"ft",
      U"mg",  U"ave", U"bros", U"jan", U"feb",  U"aug", U"sep", U"sept", U"oct", U"nov",  U"dec", U"wed",
      U"fri", U"ok",  U"a.m",  U"p.m", U"ph.d", U"d.c", U"u.s", U"u.k",  U"u.n"};
  const std::size_t hyphen = word.rfind(U'-');
  return is_listed(known, word) || (hyphen != word.npos && is_listed(known, word.substr(hyphen + 1)));
}

// Words that begin a sentence even after an abbreviation or dots, where they have a capital.
bool starts_a_sentence(std::u32string_view next) {
  static const std::vector<std::u32string_view> starters = {
      U"although", U"both",  U"but",   U"despite", U"even",    U"finally", U"he",    U"her",     U"here",
      U"however",  U"i",     U"if",    U"in",      U"instead", U"it",      U"many",  U"most",    U"moreover",
      U"nor",      U"since", U"so",    U"some",    U"the",     U"there",   U"these", U"they",    U"this",
      U"though",   U"thus",  U"under", U"when",    U"while",   U"yes",     U"yet",   U"suddenly"};
  if (next.empty() || letter_case_of(next[0]) != LetterCase::kUpper) return false;
  std::u32string word;
  for (const char32_t c : next) {
    if (c >= 0x80 || letter_case_of(c) == LetterCase::kNone) break;
    word.push_back(c | 0x20);
  }
  return is_listed(starters, word);
}

// Whether the full stop at the end of `head` ends a sentence before `next`.
bool full_stop_ends(std::u32string_view head, std::u32string_view next) {
  head.remove_suffix(1);
  if (!head.empty() && head.back() == U'.') return starts_a_sentence(next);  // dots
  for (std::size_t i = head.size(); i-- > 0;)
    if (cuts_a_word(head[i])) {
      head.remove_prefix(i + 1);
      break;
    }
  while (!head.empty() && U"-,&#`"sv.find(head[0]) != std::u32string_view::npos) head.remove_prefix(1);
  std::u32string word(head);
  for (char32_t& c : word)
    if (c >= U'A' && c <= U'Z') c |= 0x20;
  const bool one_letter = word.size() == 1 && char_class(word[0]) == CharClass::kLetter;
  if (is_abbreviation(word)) return !one_letter && starts_a_sentence(next);
  const bool number = word.find_first_of(U"0123456789"sv) != word.npos &&
                      word.find_first_not_of(U"-.,0123456789"sv) == word.npos;
  // "1. first" and "a. first" go on; "1. First" and "a. First" do not.
  return !(one_letter || number) || letter_case_of(next[0]) != LetterCase::kLower;
}

// Whether a sentence ends inside the word, as after the mark of `"Stop!"` and `Smith.)`: Punkt takes that for
// an end of what it asks about, also in the word that follows an abbreviation.
bool ends_inside(std::u32string_view word) {
  for (std::size_t i = 0; i + 1 < word.size(); ++i)
    if (ends_a_sentence(word[i]) && cuts_a_word(word[i + 1]) &&
        (word[i] != U'.' || full_stop_ends(word.substr(0, i + 1), word.substr(i + 1))))
      return true;
  return false;
}

// Where the word can end a sentence: behind its last mark that a blank or a cutting character follows; 0.
std::size_t possible_end(std::u32string_view word, bool last) {
  for (std::size_t i = word.size(); i-- > 0;) {
    const bool followed = i + 1 < word.size() ? cuts_a_word(word[i + 1]) : !last;
    if (ends_a_sentence(word[i]) && followed) return i + 1;
  }
  return 0;
}

}  // namespace

bool all_of_case(std::u32string_view text, LetterCase wanted) {
  bool any = false;
  for (const char32_t c : text) {
    const LetterCase found = letter_case_of(c);
    if (found == LetterCase::kNone) continue;
    if (found != wanted) return false;
    any = true;
  }
  return any;
}

std::size_t sentences_in(std::u32string_view text) {
  const std::vector<std::u32string_view> words = words_between_spaces(text);
  std::size_t sentences = 0;
  bool open = false, just_ended = false;
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::u32string_view word = words[i];
    if (just_ended) word.remove_prefix(closing_marks(word));
    just_ended = false;
    if (word.empty()) continue;
    open = true;
    const std::size_t end = possible_end(word, i + 1 == words.size());
    if (end == 0) continue;
    std::u32string_view rest = word.substr(end);
    const std::u32string_view next = rest.empty() ? words[i + 1] : rest;
    const std::u32string_view head = word.substr(0, end);
    if (head.back() == U'.' && !full_stop_ends(head, next) && !ends_inside(head) &&
        !(rest.empty() && ends_inside(next)))
      continue;
    ++sentences;
    just_ended = rest.empty();
    rest.remove_prefix(closing_marks(rest));
    open = !rest.empty();
  }
  return sentences + open;
}

}  // namespace af2::constraint_detail
