#include "af2/eval/answer_text.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/text/compatibility.h"
#include "af2/text/unicode.h"
#include "af2/text/utf8.h"

namespace af2 {
namespace {

constexpr std::array<const char*, 21> kNumberWords = {
    "zero",     "one",     "two",     "three",     "four",     "five",     "six",
    "seven",    "eight",   "nine",    "ten",       "eleven",   "twelve",   "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"};

bool ascii_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool ascii_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string ascii_lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::vector<char32_t> code_points(std::string_view text) {
  std::vector<char32_t> points;
  for (std::size_t at = 0; at < text.size();) points.push_back(next_code_point(text, at));
  return points;
}

// Scripts that are written without blanks.
bool stands_alone(char32_t c) {
  return (c >= 0x3040 && c <= 0x30FF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x4E00 && c <= 0x9FFF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x20000 && c <= 0x3FFFF);
}

// Whether the mark at `i` belongs to the word around it: C#, Bb+, 4/4, 1.63, it's, -3.
bool mark_of_word(const std::vector<char32_t>& text, std::size_t i) {
  const char32_t c = text[i];
  const auto is_word = [&](std::size_t k) { return is_word_character(text[k]) && text[k] != U'_'; };
  const bool before = i > 0 && (is_word(i - 1) || text[i - 1] == U'#' || text[i - 1] == U'\u266D');
  const bool after = i + 1 < text.size() && is_word(i + 1);
  if (c == U'#' || c == U'\u266D') return before;
  if (c == U'+') return before || (after && text[i + 1] >= U'0' && text[i + 1] <= U'9');
  if (c == U'-' && !before && after && text[i + 1] >= U'0' && text[i + 1] <= U'9') return true;
  if (c == U'-' || c == U'/' || c == U'.' || c == U':' || c == U'\'') return before && after;
  return false;
}

}  // namespace

std::string strip_think(std::string_view text) {
  const std::string lower = ascii_lower(text);
  std::size_t from = 0;
  if (const auto end = lower.rfind("</think>"); end != std::string::npos) from = end + 8;
  if (const auto open = lower.find("<answer>", from); open != std::string::npos) {
    const auto begin = open + 8, close = lower.find("</answer>", begin);
    return trim(text.substr(begin, close == std::string::npos ? close : close - begin));
  }
  return trim(text.substr(from));
}

std::string conclusion_inside(std::string_view text) {
  const std::string lower = ascii_lower(text);
  const auto open = lower.rfind("<conclusion>");
  if (open == std::string::npos) return trim(text);
  const auto begin = open + 12, close = lower.find("</conclusion>", begin);
  return trim(text.substr(begin, close == std::string::npos ? close : close - begin));
}

LetterAndRest leading_letter(std::string_view text) {
  const std::string whole = trim(text);
  const std::string_view t = whole;
  const auto take = [&](char letter, std::size_t n) {
    return LetterAndRest{std::tolower(static_cast<unsigned char>(letter)) - 'a', trim(t.substr(n))};
  };
  if (t.size() >= 3 && t[0] == '(' && ascii_letter(t[1]) && t[2] == ')') return take(t[1], 3);
  if (t.size() >= 2 && ascii_letter(t[0])) {
    if (t[1] == ')') return take(t[0], 2);
    // "a.m." and "a:b" are words.
    const bool ends = t.size() == 2 || t[2] == ' ' || t[2] == '\n' || t[2] == '\t' || t[2] == '*';
    if ((t[1] == '.' || t[1] == ':') && ends) return take(t[0], 2);
  }
  return {-1, whole};
}

std::string prepare_answer(std::string_view text, const std::vector<std::string>& steps) {
  std::string out = trim(text);
  for (const std::string& step : steps) {
    if (step == "strip_think") {
      out = strip_think(out);
    } else if (step == "strip_letter") {
      out = leading_letter(out).rest;
    } else if (step == "conclusion_tag") {
      out = conclusion_inside(out);
    } else {
      throw user_error("unknown preparation step \"" + step + "\"", "match before",
                       "known are strip_think, strip_letter, conclusion_tag");
    }
  }
  return out;
}

std::string plain_answer(std::string_view text) {
  return std::string(strip_python(lower_case(to_nfkc(text))));
}

std::string exact_answer(std::string_view text) {
  std::string out = plain_answer(text);
  while (!out.empty() && (std::ispunct(static_cast<unsigned char>(out.back())) ||
                          std::isspace(static_cast<unsigned char>(out.back())))) {
    // A bracket that was opened belongs to the text: "siren (police)"; a sharp to its note.
    if (out.back() == '#' || out.back() == '+') break;
    if (out.back() == ')' && out.find('(') != std::string::npos) break;
    out.pop_back();
  }
  return out;
}

std::string label_answer(std::string_view text) {
  std::string out = exact_answer(text);
  std::replace(out.begin(), out.end(), '_', ' ');
  return out;
}

std::vector<std::string> answer_words(std::string_view text) {
  std::vector<char32_t> points = code_points(plain_answer(text));
  for (char32_t& c : points) {
    if (c == U'\u2019') c = U'\'';  // it’s
    if (c == U'\u266F') c = U'#';
  }
  std::vector<std::string> words;
  std::string word;
  const auto close = [&] {
    if (!word.empty()) words.push_back(std::move(word));
    word.clear();
  };
  for (std::size_t i = 0; i < points.size(); ++i) {
    const bool alone = stands_alone(points[i]);
    if (alone) close();
    if (alone || (points[i] != U'_' && (is_word_character(points[i]) || mark_of_word(points, i)))) {
      append_utf8(word, points[i]);
      if (alone) close();
    } else {
      close();
    }
  }
  close();
  return words;
}

std::vector<std::string> word_runs(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  for (const char32_t c : code_points(lower_case(text))) {
    const CharClass kind = char_class(c);
    if (kind == CharClass::kLetter || kind == CharClass::kNumber || c == U'_') {
      append_utf8(word, c);
    } else if (!word.empty()) {
      words.push_back(std::move(word));
      word.clear();
    }
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

std::string loose_answer(std::string_view text) {
  std::vector<std::string> kept;
  for (const std::string& word : answer_words(text)) {
    if (word == "a" || word == "an" || word == "the") continue;
    const auto number = small_number(word);
    kept.push_back(number ? std::to_string(*number) : word);
  }
  return join(kept, " ");
}

std::vector<std::size_t> phrase_places(const std::vector<std::string>& words,
                                       const std::vector<std::string>& phrase) {
  std::vector<std::size_t> places;
  if (phrase.empty()) return places;
  for (std::size_t at = 0; at + phrase.size() <= words.size(); ++at)
    if (std::equal(phrase.begin(), phrase.end(), words.begin() + static_cast<std::ptrdiff_t>(at)))
      places.push_back(at);
  return places;
}

std::optional<int> small_number(std::string_view word) {
  for (std::size_t i = 0; i < kNumberWords.size(); ++i)
    if (word == kNumberWords[i]) return static_cast<int>(i);
  return std::nullopt;
}

std::optional<int> first_integer(std::string_view text) {
  const std::string plain = plain_answer(text);
  for (std::size_t at = 0; at < plain.size();) {
    if (ascii_digit(plain[at])) {
      std::size_t end = at;
      while (end < plain.size() && ascii_digit(plain[end])) ++end;
      if (end - at > 9) return std::nullopt;
      const int value = std::stoi(plain.substr(at, end - at));
      const bool minus = at > 0 && plain[at - 1] == '-' &&
                         (at == 1 || std::isspace(static_cast<unsigned char>(plain[at - 2])));
      return minus ? -value : value;
    }
    if (ascii_letter(plain[at])) {
      std::size_t end = at;  // "twenty-one" is one word, and none of those known
      while (end < plain.size() && (ascii_letter(plain[end]) || plain[end] == '-')) ++end;
      if (const auto value = small_number(std::string_view(plain).substr(at, end - at))) return value;
      at = end;
      continue;
    }
    ++at;
  }
  return std::nullopt;
}

std::optional<double> first_number(std::string_view text) {
  const std::string plain = plain_answer(text);
  for (std::size_t at = 0; at < plain.size(); ++at) {
    if (!ascii_digit(plain[at])) continue;
    double value = 0;
    const char* begin = plain.data() + at;
    const auto [end, error] =
        std::from_chars(begin, plain.data() + plain.size(), value, std::chars_format::fixed);
    if (error != std::errc()) return std::nullopt;
    const bool minus = at > 0 && plain[at - 1] == '-' &&
                       (at == 1 || std::isspace(static_cast<unsigned char>(plain[at - 2])));
    return minus ? -value : value;
  }
  if (const auto whole = first_integer(plain)) return *whole;
  return std::nullopt;
}

std::optional<bool> first_word_yes_no(std::string_view text) {
  const std::vector<std::string> words = answer_words(text);
  if (words.empty()) return std::nullopt;
  const std::string& word = words.front();
  if (word == "yes" || word == "yeah" || word == "correct" || word == "true") return true;
  if (word == "no" || word == "not" || word == "none" || word == "false") return false;
  return std::nullopt;
}

}  // namespace af2
