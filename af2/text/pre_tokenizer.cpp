#include "af2/text/pre_tokenizer.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include "af2/core/error.h"
#include "af2/text/unicode.h"
#include "af2/text/utf8.h"

namespace af2 {
namespace {

using Step = PreTokenizer::Step;

constexpr std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
// Qwen2 and Llama 3 differ in the digits alone, which stand between these two.
constexpr std::string_view kHead = R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N})";
constexpr std::string_view kTail = R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kThreeDigits = "{1,3}";

// A text as code points with their classes and the offset of each (one more entry: the end).
struct Points {
  std::vector<char32_t> code;
  std::vector<CharClass> kind;
  std::vector<std::size_t> offset;

  explicit Points(std::string_view text) {
    static const std::array<CharClass, 128> kAscii = [] {
      std::array<CharClass, 128> table{};
      for (char32_t c = 0; c < 128; ++c) table[c] = char_class(c);
      return table;
    }();
    code.reserve(text.size());
    kind.reserve(text.size());
    offset.reserve(text.size() + 1);
    for (std::size_t at = 0; at < text.size();) {
      offset.push_back(at);
      const char32_t c = next_code_point(text, at);
      code.push_back(c);
      kind.push_back(c < 128 ? kAscii[c] : char_class(c));
    }
    offset.push_back(text.size());
  }
};

// Matches one word of a pattern at code point `at` of [at, end).
class Matcher {
 public:
  Matcher(const Points& points, std::size_t end) : points_(points), end_(end) {}

  // End of the word that starts at `at` < end; always > at.
  std::size_t gpt2(std::size_t at) const {
    if (const std::size_t end = contraction(at, /*any_case=*/false)) return end;
    const std::size_t start = at + (points_.code[at] == ' ');
    if (start < end_ && points_.kind[start] != CharClass::kSpace) return run(start, points_.kind[start]);
    return spaces(at);
  }

  std::size_t newer(std::size_t at, std::size_t max_digits) const {
    if (const std::size_t end = contraction(at, /*any_case=*/true)) return end;
    const CharClass here = points_.kind[at];
    if (here == CharClass::kLetter) return run(at, here);
    const bool leads = here != CharClass::kNumber && !newline(at);  // [^\r\n\p{L}\p{N}]
    if (leads && at + 1 < end_ && points_.kind[at + 1] == CharClass::kLetter) {
      return run(at + 1, CharClass::kLetter);
    }
    if (here == CharClass::kNumber) return std::min(run(at, here), at + max_digits);
    const std::size_t start = at + (points_.code[at] == ' ');
    if (start < end_ && points_.kind[start] == CharClass::kOther) {
      std::size_t end = run(start, CharClass::kOther);
      while (end < end_ && newline(end)) ++end;
      return end;
    }
    // \s*[\r\n]+ : up to the last line break of the run of white space, if it has one.
    for (std::size_t end = run(at, CharClass::kSpace); end > at; --end) {
      if (newline(end - 1)) return end;
    }
    return spaces(at);
  }

 private:
  bool newline(std::size_t at) const { return points_.code[at] == '\r' || points_.code[at] == '\n'; }

  std::size_t run(std::size_t at, CharClass kind) const {
    while (at < end_ && points_.kind[at] == kind) ++at;
    return at;
  }

  // \s+(?!\S)|\s+ : the run of white space, less its last character if a word follows and something is left.
  std::size_t spaces(std::size_t at) const {
    const std::size_t end = run(at, CharClass::kSpace);
    return end == end_ || end == at + 1 ? end : end - 1;
  }

  // End of 's 't 're 've 'm 'll 'd at `at`, or 0.
  std::size_t contraction(std::size_t at, bool any_case) const {
    if (points_.code[at] != '\'') return 0;
    const auto letter = [&](std::size_t i) -> char32_t {
      if (i >= end_) return 0;
      const char32_t c = points_.code[i];
      if (!any_case) return c;
      if (c == 0x17F) return 's';  // LATIN SMALL LETTER LONG S folds to s
      return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
    };
    const char32_t one = letter(at + 1), two = letter(at + 2);
    if (one == 's' || one == 't' || one == 'm' || one == 'd') return at + 2;
    if ((one == 'r' && two == 'e') || (one == 'v' && two == 'e') || (one == 'l' && two == 'l')) return at + 3;
    return 0;
  }

  const Points& points_;
  std::size_t end_;
};

std::size_t word_end(Step step, const Points& points, std::size_t at, std::size_t end) {
  const bool number = points.kind[at] == CharClass::kNumber;
  switch (step) {
    case Step::kGpt2:
      return Matcher(points, end).gpt2(at);
    case Step::kQwen2:
      return Matcher(points, end).newer(at, 1);
    case Step::kLlama3:
      return Matcher(points, end).newer(at, 3);
    case Step::kEachDigit:
      if (number) return at + 1;
      break;
    case Step::kDigitRuns:
      break;
  }
  while (at < end && (points.kind[at] == CharClass::kNumber) == number) ++at;
  return at;
}

}  // namespace

PreTokenizer PreTokenizer::named(std::string_view name) {
  if (name == "smollm") return PreTokenizer({Step::kEachDigit, Step::kGpt2});
  if (name == "gpt-2" || name == "gpt2") return PreTokenizer({Step::kGpt2});
  if (name == "qwen2") return PreTokenizer({Step::kQwen2});
  if (name == "llama-bpe" || name == "llama3" || name == "llama-v3") return PreTokenizer({Step::kLlama3});
  throw model_error("unknown pre-tokeniser '" + std::string(name) + "'", "tokenizer",
                    "known are smollm, gpt-2, qwen2 and llama-bpe");
}

PreTokenizer::Step PreTokenizer::step_of_pattern(std::string_view regex) {
  if (regex == kGpt2Pattern ||
      regex == R"('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)") {
    return Step::kGpt2;
  }
  if (regex.size() >= kHead.size() + kTail.size() && regex.starts_with(kHead) && regex.ends_with(kTail)) {
    const std::string_view digits = regex.substr(kHead.size(), regex.size() - kHead.size() - kTail.size());
    if (digits.empty()) return Step::kQwen2;
    if (digits == kThreeDigits) return Step::kLlama3;
  }
  throw model_error("unknown pre-tokeniser pattern " + std::string(regex.substr(0, 300)), "tokenizer",
                    "known are those of GPT-2, Qwen2 and Llama 3");
}

std::string PreTokenizer::pattern_of(Step step) {
  if (step == Step::kGpt2) return std::string(kGpt2Pattern);
  if (step != Step::kQwen2 && step != Step::kLlama3) throw internal_error("a step of digits has no pattern");
  return std::string(kHead) + std::string(step == Step::kLlama3 ? kThreeDigits : "") + std::string(kTail);
}

std::vector<std::string_view> PreTokenizer::split(std::string_view text) const {
  std::vector<std::string_view> words;
  if (text.empty()) return words;
  const Points points(text);
  std::vector<std::size_t> ends{points.code.size()}, next;  // of the parts, in code points
  for (const Step step : steps_) {
    next.clear();
    std::size_t at = 0;
    for (const std::size_t end : ends) {
      while (at < end) {
        at = word_end(step, points, at, end);
        next.push_back(at);
      }
    }
    ends.swap(next);
  }
  words.reserve(ends.size());
  std::size_t at = 0;
  for (const std::size_t end : ends) {
    words.push_back(text.substr(points.offset[at], points.offset[end] - points.offset[at]));
    at = end;
  }
  return words;
}

}  // namespace af2
