#include "af2/eval/caption_tokens.h"

#include <algorithm>
#include <cctype>

#include "af2/core/error.h"
#include "af2/text/unicode.h"
#include "af2/text/utf8.h"

namespace af2 {
namespace {

bool caption_digit(char c) {
  return c >= '0' && c <= '9';
}
// A byte that a word may consist of; all that is not ASCII counts as a letter.
bool caption_letter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || static_cast<unsigned char>(c) >= 0x80;
}

std::vector<std::string> blank_parts(std::string_view text) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at < text.size();) {
    while (at < text.size() && std::isspace(static_cast<unsigned char>(text[at]))) ++at;
    std::size_t end = at;
    while (end < text.size() && !std::isspace(static_cast<unsigned char>(text[end]))) ++end;
    if (end > at) parts.emplace_back(text.substr(at, end - at));
    at = end;
  }
  return parts;
}

// Curly quotes and dashes as the plain marks they stand for.
std::string plain_marks(std::string text) {
  for (const auto& [from, to] : {std::pair<std::string_view, std::string_view>{"\u2019", "'"},
                                 {"\u2018", "'"},
                                 {"\u201C", "\""},
                                 {"\u201D", "\""},
                                 {"\u2013", "--"},
                                 {"\u2014", "--"},
                                 {"\u2026", "..."}})
    for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
      text.replace(at, from.size(), to);
  return text;
}

// A word with its clitics parted: do n't, man 's, can not.
void add_word(const std::string& word, std::vector<std::string>& tokens) {
  if (word == "cannot") {
    tokens.insert(tokens.end(), {"can", "not"});
    return;
  }
  for (const auto& [whole, first] : {std::pair<std::string_view, std::size_t>{"gonna", 3},
                                     {"gotta", 3},
                                     {"wanna", 3},
                                     {"gimme", 3},
                                     {"lemme", 3}})
    if (word == whole) {
      tokens.insert(tokens.end(), {word.substr(0, first), word.substr(first)});
      return;
    }
  for (const std::string_view end : {"n't", "'s", "'re", "'ve", "'ll", "'d", "'m"})
    if (word.size() > end.size() && word.ends_with(end)) {
      add_word(word.substr(0, word.size() - end.size()), tokens);
      tokens.emplace_back(end);
      return;
    }
  tokens.push_back(word);
}

// Whether the mark at `i` is inside a word: don't, t-shirt, 3.5, 1,000, 10:30, a.m., and/or.
bool inside_word(std::string_view text, std::size_t i) {
  if (i == 0 || i + 1 >= text.size()) return false;
  const char c = text[i], before = text[i - 1], after = text[i + 1];
  if (c == '\'' || c == '/' || c == '_' || c == '@') return caption_letter(before) && caption_letter(after);
  if (c == '-') return caption_letter(before) && caption_letter(after);
  if (c == ',' || c == ':') return caption_digit(before) && caption_digit(after);
  if (c == '.') return caption_letter(before) && caption_letter(after);
  return false;
}

std::string bracket_name(char c) {
  switch (c) {
    case '(':
      return "-lrb-";
    case ')':
      return "-rrb-";
    case '[':
      return "-lsb-";
    case ']':
      return "-rsb-";
    case '{':
      return "-lcb-";
    case '}':
      return "-rcb-";
    default:
      return "";
  }
}

std::vector<std::string> ptb_lite(std::string_view given) {
  const std::string text = plain_marks(lower_case(given));
  std::vector<std::string> tokens;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    // A clitic that stands apart: "man 's".
    const bool apart =
        c == '\'' && at + 1 < text.size() && caption_letter(text[at + 1]) && (at == 0 || text[at - 1] == ' ');
    if (caption_letter(c) || apart) {
      std::size_t end = at + 1;
      while (end < text.size() && (caption_letter(text[end]) || inside_word(text, end))) ++end;
      const std::string word = text.substr(at, end - at);
      // "a.m." keeps the period that its inner ones announce.
      const bool dotted = word.size() == 3 && word[1] == '.' && end < text.size() && text[end] == '.';
      if (dotted) {
        tokens.push_back(word + ".");
        ++end;
      } else if (apart && !(word == "'s" || word == "'re" || word == "'ve" || word == "'ll" || word == "'d" ||
                            word == "'m")) {
        add_word(word.substr(1), tokens);  // an opening quote
      } else if (apart) {
        tokens.push_back(word);
      } else {
        add_word(word, tokens);
      }
      at = end;
      continue;
    }
    if (const std::string name = bracket_name(c); !name.empty()) {
      tokens.push_back(name);
    } else if (std::string_view("&%$#+=*/@<>|~^\\_").find(c) != std::string_view::npos) {
      tokens.emplace_back(1, c);
    }
    ++at;  // '' ' `` ` " . ? ! , : - -- ... ; and blanks are dropped
  }
  return tokens;
}

}  // namespace

std::vector<std::string> caption_tokens(std::string_view text, const std::string& tokeniser) {
  if (tokeniser == "ptb-lite") return ptb_lite(text);
  if (tokeniser == "split") return blank_parts(text);
  if (tokeniser == "nopunct") {
    std::string kept = lower_case(text);
    std::erase_if(kept, [](char c) { return std::ispunct(static_cast<unsigned char>(c)) != 0; });
    return blank_parts(kept);
  }
  throw user_error("unknown caption tokeniser \"" + tokeniser + "\"", "tokeniser",
                   "known are ptb-lite, nopunct, split");
}

std::vector<std::string> character_tokens(std::string_view text) {
  std::vector<std::string> tokens;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    next_code_point(text, at);
    tokens.emplace_back(text.substr(begin, at - begin));
  }
  return tokens;
}

}  // namespace af2
