#include "af2/eval/constraint_checks.h"

#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "af2/core/text_util.h"
#include "af2/eval/constraint_texts.h"
#include "af2/text/unicode.h"
#include "af2/text/utf8.h"

namespace af2 {
namespace {

using namespace constraint_detail;

constexpr double kNoLimit = std::numeric_limits<double>::infinity();

std::size_t parts_with_text(const std::vector<std::u32string_view>& parts) {
  return static_cast<std::size_t>(
      std::count_if(parts.begin(), parts.end(), [](std::u32string_view part) { return !is_blank(part); }));
}

// ASCII letters in lower case and, if asked for, blanks: all that phrases and postscripts are compared by.
std::string only_letters(std::string_view text, bool blanks) {
  std::string letters;
  for (const char c : text) {
    if (c >= 'A' && c <= 'Z') letters.push_back(static_cast<char>(c - 'A' + 'a'));
    if ((c >= 'a' && c <= 'z') || (blanks && c == ' ')) letters.push_back(c);
  }
  return letters;
}

// Stars that begin a line and have white space behind them.
std::size_t bullets_in(std::u32string_view text) {
  std::size_t bullets = 0;
  for (std::size_t at = 0; at < text.size();) {
    const bool begins = at == 0 || text[at] == U'\n';
    const std::size_t star = after_spaces(text, at);
    if (begins && star < text.size() && text[star] == U'*')
      if (const std::size_t end = after_spaces(text, star + 1); end > star + 1) {
        ++bullets;
        at = end;  // a blank line behind the star belongs to it
        continue;
      }
    ++at;
  }
  return bullets;
}

// Texts, not empty, between `open` and the next `close`.
std::size_t enclosed_in(std::u32string_view text, char32_t open, char32_t close) {
  std::size_t n = 0;
  for (std::size_t at = text.find(open); at != text.npos; at = text.find(open, at)) {
    const std::size_t end = text.find(close, at + 1);
    if (end == text.npos) break;
    const bool full = end > at + 1;
    n += full;
    at = full ? end + 1 : at + 1;
  }
  return n;
}

bool has_title(std::u32string_view text) {
  for (std::size_t at = text.find(U"<<"); at != text.npos; at = text.find(U"<<", at + 1)) {
    const std::size_t end = text.find(U'>', at + 2);
    if (end != text.npos && end > at + 2 && text.substr(end, 2) == U">>") return true;
  }
  return false;
}

bool python_word_character(char32_t c) {
  const CharClass kind = char_class(c);
  return c == U'_' || kind == CharClass::kLetter || kind == CharClass::kNumber;
}

// How often the keyword stands between ends of words; an empty one is found at each of them.
std::size_t keyword_places(std::u32string_view text, std::u32string_view keyword) {
  const auto in_word = [&](std::size_t i) { return i < text.size() && python_word_character(text[i]); };
  const auto edge = [&](std::size_t i) { return (i > 0 && in_word(i - 1)) != in_word(i); };
  std::size_t places = 0;
  for (std::size_t at = 0; at + keyword.size() <= text.size();) {
    const bool found = text.substr(at, keyword.size()) == keyword && edge(at) && edge(at + keyword.size());
    places += found;
    at += found ? std::max<std::size_t>(1, keyword.size()) : 1;
  }
  return places;
}

// White space beside a splitter belongs to it; without a splitter each character is a section.
std::size_t sections_in(std::u32string_view text, std::u32string_view splitter) {
  text = stripped_points(text);
  if (splitter.empty())
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char32_t c) { return !is_python_space(c); }));
  std::size_t sections = 0;
  for (std::size_t at = text.find(splitter); at != text.npos; at = text.find(splitter)) {
    sections += !is_blank(text.substr(0, at));
    text.remove_prefix(after_spaces(text, at + splitter.size()));
  }
  return sections + !is_blank(text);
}

class ConstraintCase {
 public:
  ConstraintCase(const Json& arguments, const std::string& given)
      : output(given), text(points_of(given)), arguments_(arguments) {}

  double number(const char* key, double missing) {
    const Json* value = argument(key, fmt::format("{:g}", missing));
    if (value && !value->is_number()) return refuse(key, "number"), missing;
    return value ? value->get<double>() : missing;
  }
  std::string phrase(const char* key) {
    const Json* value = argument(key, "an empty text");
    if (value && !value->is_string()) return refuse(key, "text"), "";
    return value ? value->get<std::string>() : "";
  }
  // The parts of a list that is written as one text.
  std::vector<std::u32string> phrases(const char* key) {
    const std::u32string all = lower_points(phrase(key));
    const std::vector<std::u32string_view> parts = parts_between(all, U", ");
    return {parts.begin(), parts.end()};
  }
  bool within(std::size_t counted, double low, double high) {
    const std::string asked = low == high        ? fmt::format("{:g}", low)
                              : low == -kNoLimit ? fmt::format("at most {:g}", high)
                              : high == kNoLimit ? fmt::format("at least {:g}", low)
                                                 : fmt::format("{:g} to {:g}", low, high);
    notes.insert(notes.begin(), fmt::format("{} counted, {} asked", counted, asked));
    const auto n = static_cast<double>(counted);
    return low <= n && n <= high;
  }
  bool equal(std::size_t counted) {
    const double n = number("N", 0);
    return within(counted, n, n);
  }
  bool at_least(std::size_t counted) { return within(counted, number("N", 0), kNoLimit); }
  bool at_most(std::size_t counted) { return within(counted, -kNoLimit, number("N", 0)); }
  bool in_range(std::size_t counted) {
    const double low = number("N1", 0);
    return within(counted, low, number("N2", 999));
  }

  const std::string& output;
  const std::u32string text;
  std::vector<std::string> notes;
  bool refused = false;  // an argument that cannot be what the check needs

 private:
  const Json* argument(const char* key, const std::string& missing) {
    const auto found = arguments_.find(key);
    if (found != arguments_.end() && !found->is_null()) return &*found;
    notes.push_back(fmt::format("{} is missing and taken as {}", key, missing));
    return nullptr;
  }
  void refuse(const char* key, const char* kind) {
    notes.push_back(fmt::format("{} is no {}", key, kind));
    refused = true;
  }

  const Json& arguments_;
};

std::size_t words_in(const ConstraintCase& c) {
  return words_between_spaces(c.text).size();
}

std::size_t capital_words_in(const ConstraintCase& c) {
  const std::vector<std::u32string_view> words = words_between_spaces(c.text);
  return static_cast<std::size_t>(std::count_if(words.begin(), words.end(), [](std::u32string_view word) {
    return all_of_case(word, LetterCase::kUpper);
  }));
}

// The lower-cased phrases of `key` that occur anywhere, also inside words.
std::pair<std::size_t, std::size_t> found_of(ConstraintCase& c, const char* key) {
  const std::u32string text = lower_points(c.output);
  const std::vector<std::u32string> phrases = c.phrases(key);
  const auto found = std::count_if(phrases.begin(), phrases.end(), [&](const std::u32string& phrase) {
    return text.find(phrase) != text.npos;
  });
  return {static_cast<std::size_t>(found), phrases.size()};
}

bool repeats_prompt(ConstraintCase& c) {
  const std::string prompt = c.phrase("prompt_transcription");
  return starts_with(lower_case(strip_python(c.output)), lower_case(strip_python(prompt)));
}

bool two_responses(ConstraintCase& c) {
  const std::vector<std::u32string_view> parts = parts_between(c.text, U"******");
  if (parts.size() != 2) return c.within(parts.size(), 2, 2);
  const std::u32string lower = lower_points(c.output);
  const std::vector<std::u32string_view> both = parts_between(lower, U"******");
  return stripped_points(both.at(0)) != stripped_points(both.at(1));
}

bool in_quotes(ConstraintCase& c) {
  const std::u32string_view text = stripped_points(c.text);
  return !text.empty() && text.front() == U'"' && text.back() == U'"';
}

using ConstraintCheck = bool (*)(ConstraintCase&);
using Case = ConstraintCase;

const std::vector<std::pair<std::string, ConstraintCheck>>& constraint_table() {
  static const std::vector<std::pair<std::string, ConstraintCheck>> table = {
      {"Include Keywords",
       [](Case& c) {
         const auto [found, all] = found_of(c, "keywords");
         return c.within(found, static_cast<double>(all), static_cast<double>(all));
       }},
      {"Keyword Frequency",
       [](Case& c) {
         return c.equal(keyword_places(lower_points(c.output), lower_points(c.phrase("keyword"))));
       }},
      {"Forbidden Words", [](Case& c) { return c.within(found_of(c, "forbidden_words").first, 0, 0); }},
      {"Number Paragraphs", [](Case& c) { return c.equal(parts_with_text(parts_between(c.text, U"***"))); }},
      {"Number Words (at least)", [](Case& c) { return c.at_least(words_in(c)); }},
      {"Number Words (at most)", [](Case& c) { return c.at_most(words_in(c)); }},
      {"Number Words (range)", [](Case& c) { return c.in_range(words_in(c)); }},
      {"Number Sentences (at least)", [](Case& c) { return c.at_least(sentences_in(c.text)); }},
      {"Number Sentences (at most)", [](Case& c) { return c.at_most(sentences_in(c.text)); }},
      {"Number Sentences (range)", [](Case& c) { return c.in_range(sentences_in(c.text)); }},
      {"Postscript",
       [](Case& c) {
         const std::string marker = only_letters(c.phrase("postscript_marker"), false);
         return only_letters(c.output, false).find(marker) != std::string::npos;
       }},
      {"Number Placeholder", [](Case& c) { return c.at_least(enclosed_in(c.text, U'[', U']')); }},
      {"Number Bullets", [](Case& c) { return c.equal(bullets_in(c.text)); }},
      {"Title", [](Case& c) { return has_title(c.text); }},
      {"Minimum Number Highlighted Section",
       [](Case& c) { return c.at_least(enclosed_in(c.text, U'*', U'*')); }},
      {"Multiple Sections",
       [](Case& c) { return c.equal(sections_in(c.text, points_of(c.phrase("section_splitter")))); }},
      {"Repeat Prompt", repeats_prompt},
      {"Two Responses", two_responses},
      {"All Uppercase", [](Case& c) { return all_of_case(c.text, LetterCase::kUpper); }},
      {"All Lowercase", [](Case& c) { return all_of_case(c.text, LetterCase::kLower); }},
      {"All-capital Words (at least)", [](Case& c) { return c.at_least(capital_words_in(c)); }},
      {"All-capital Words (at most)", [](Case& c) { return c.at_most(capital_words_in(c)); }},
      {"All-capital Words (range)", [](Case& c) { return c.in_range(capital_words_in(c)); }},
      {"Start Checker",
       [](Case& c) {
         return only_letters(c.output, true).starts_with(only_letters(c.phrase("start_phrase"), true));
       }},
      {"End Checker",
       [](Case& c) {
         return only_letters(c.output, true).ends_with(only_letters(c.phrase("end_phrase"), true));
       }},
      {"Quotation", in_quotes},
      {"No Commas", [](Case& c) { return c.output.find(',') == std::string::npos; }}};
  return table;
}

}  // namespace

ConstraintVerdict check_constraint(const std::string& identifier, const Json& arguments,
                                   const std::string& output) {
  const auto& table = constraint_table();
  const auto row =
      std::find_if(table.begin(), table.end(), [&](const auto& one) { return one.first == identifier; });
  if (row == table.end())
    return {false, false,
            identifier.empty() ? "no constraint is named"
                               : "no check of the constraint \"" + printable(identifier) + "\" is known"};
  ConstraintCase c(arguments, output);
  const bool kept = row->second(c);
  ConstraintVerdict verdict{true, kept && !c.refused, ""};
  verdict.why = verdict.met ? "met" : "not met";
  if (!c.notes.empty()) verdict.why += ": " + join(c.notes, "; ");
  return verdict;
}

const std::vector<std::string>& constraint_identifiers() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const auto& row : constraint_table()) all.push_back(row.first);
    return all;
  }();
  return names;
}

}  // namespace af2
