// GBNF text to rules.
#include <algorithm>
#include <optional>
#include <unordered_map>

#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/text/grammar_detail.h"
#include "af2/text/utf8.h"

namespace af2::detail {
namespace {

constexpr std::size_t kMostBytes = 4 << 20, kMostElements = 1'000'000, kMostRepeats = 100'000;
constexpr int kDeepest = 200;
constexpr std::size_t kNoLimit = static_cast<std::size_t>(-1);

bool in_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

class Parser {
 public:
  Parser(std::string_view text, const std::string& where) : text_(text), where_(where) {}

  GrammarRules parse() {
    if (text_.size() > kMostBytes) throw user_error("is larger than 4 MB", where_, "give a smaller grammar");
    if (!is_valid_utf8(text_)) throw user_error("is not UTF-8 text", where_);
    skip_space(true);
    while (at_ < text_.size()) {
      rule();
      skip_space(true);
    }
    std::vector<std::string> known;
    for (const auto& [name, named] : named_)
      if (named.defined) known.push_back(name);
    for (const auto& [name, named] : named_)
      if (!named.defined)
        fail("no rule is called " + name, "the nearest name is " + nearest_word(name, known), named.at);
    const auto root = named_.find("root");
    if (root == named_.end())
      throw user_error("has no rule `root`", where_, "root ::= … is the whole answer");
    out_.root = root->second.rule;
    return std::move(out_);
  }

 private:
  struct Named {
    std::uint32_t rule = 0;
    bool defined = false;
    std::size_t at = 0;  // where it was met first
  };

  [[noreturn]] void fail(const std::string& what, const std::string& hint, std::size_t at) const {
    std::size_t line = 1, column = 1;
    for (std::size_t i = 0; i < at && i < text_.size(); ++i) {
      ++column;
      if (text_[i] == '\n') ++line, column = 1;
    }
    throw user_error(what, where_ + ":" + std::to_string(line) + ":" + std::to_string(column), hint);
  }
  [[noreturn]] void fail(const std::string& what, const std::string& hint = "") const {
    fail(what, hint, at_);
  }

  bool next_is(std::string_view word) const { return text_.substr(at_).starts_with(word); }
  bool take(std::string_view word) {
    if (!next_is(word)) return false;
    at_ += word.size();
    return true;
  }

  // Blanks and comments, and the ends of lines where these do not end the rule.
  void skip_space(bool lines) {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '#')
        at_ = std::min(text_.find('\n', at_), text_.size());
      else if (c == ' ' || c == '\t' || (lines && (c == '\n' || c == '\r')))
        ++at_;
      else
        break;
    }
  }

  std::string name() {
    const std::size_t start = at_;
    while (at_ < text_.size() && in_name(text_[at_])) ++at_;
    if (at_ == start) fail("a rule's name was expected", "letters, digits and -");
    return std::string(text_.substr(start, at_ - start));
  }

  std::uint32_t new_rule() {
    if (++elements_ > kMostElements) fail("the grammar is too large", "use smaller repeats");
    out_.rules.emplace_back();
    out_.names.push_back(owner_);
    return static_cast<std::uint32_t>(out_.rules.size() - 1);
  }

  Named& named(const std::string& name, std::size_t at) {
    const auto [place, fresh] = named_.try_emplace(name);
    if (fresh) {
      const std::string owner = std::exchange(owner_, name);
      place->second = {new_rule(), false, at};
      owner_ = owner;
    }
    return place->second;
  }

  void rule() {
    const std::size_t start = at_;
    const std::string called = name();
    owner_ = called;
    skip_space(false);
    if (!take("::=")) fail("`::=` was expected after the rule's name " + called);
    Named& mine = named(called, start);
    if (mine.defined) fail("rule " + called + " stands twice", "", start);
    mine.defined = true;
    const std::uint32_t index = mine.rule;
    skip_space(true);
    std::vector<GrammarSequence> all = alternatives(0);
    out_.rules[index] = std::move(all);
    if (at_ < text_.size() && text_[at_] != '\n' && text_[at_] != '\r')
      fail(std::string("unexpected ") + printable(text_.substr(at_, 1)),
           "a rule ends at the end of its line");
  }

  std::vector<GrammarSequence> alternatives(int depth) {
    std::vector<GrammarSequence> all = {sequence(depth)};
    while (take("|")) {
      skip_space(true);
      all.push_back(sequence(depth));
    }
    return all;
  }

  GrammarSequence sequence(int depth) {
    GrammarSequence whole;
    while (at_ < text_.size()) {
      GrammarSequence item;
      const char c = text_[at_];
      if (c == '"') {
        item = literal();
      } else if (c == '[') {
        item = {character_class()};
      } else if (c == '.') {
        ++at_;
        item = {class_element(class_ranges({}, true))};
      } else if (c == '(') {
        if (depth >= kDeepest) fail("parentheses are nested too deeply", "name the parts as rules");
        const std::size_t open = at_++;
        skip_space(true);
        const std::uint32_t inner = new_rule();
        std::vector<GrammarSequence> all = alternatives(depth + 1);
        out_.rules[inner] = std::move(all);
        if (!take(")")) fail("a parenthesis is not closed", "", open);
        item = {{GrammarElement::kRule, inner}};
      } else if (in_name(c)) {
        const std::size_t start = at_;
        const std::string called = name();
        const std::size_t after = at_;
        skip_space(false);
        if (next_is("::=")) fail("a new rule must begin on its own line", "", start);
        at_ = after;
        item = {{GrammarElement::kRule, named(called, start).rule}};
      } else if (c == '<' || c == '!') {
        fail("references to tokens are not known", "write the token's text as a literal");
      } else {
        break;
      }
      skip_space(depth > 0);
      while (repeats(item)) skip_space(depth > 0);
      count(item.size());
      whole.insert(whole.end(), item.begin(), item.end());
    }
    return whole;
  }

  void count(std::size_t more) {
    elements_ += more;
    if (elements_ > kMostElements) fail("the grammar is too large", "use smaller repeats");
  }

  // * + ? {m} {m,} {m,n} behind an item: true when there was one.
  bool repeats(GrammarSequence& item) {
    std::size_t least = 0, most = kNoLimit;
    const std::size_t start = at_;
    if (take("*")) {
    } else if (take("+")) {
      least = 1;
    } else if (take("?")) {
      most = 1;
    } else if (take("{")) {
      skip_space(false);
      least = number();
      skip_space(false);
      most = least;
      if (take(",")) {
        skip_space(false);
        most = next_is("}") ? kNoLimit : number();
        skip_space(false);
      }
      if (!take("}")) fail("a repeat is written {m}, {m,} or {m,n}", "", start);
      if (most < least) fail("a repeat's second number is below its first", "", start);
    } else {
      return false;
    }
    item = repeated(item, least, most);
    return true;
  }

  std::size_t number() {
    const std::size_t start = at_;
    std::size_t value = 0;
    while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') {
      value = 10 * value + static_cast<std::size_t>(text_[at_++] - '0');
      if (value > kMostRepeats) fail("is more than 100,000 repeats", "", start);
    }
    if (at_ == start) fail("a number was expected", "a repeat is written {m}, {m,} or {m,n}");
    return value;
  }

  GrammarSequence repeated(const GrammarSequence& item, std::size_t least, std::size_t most) {
    if (item.empty()) return {};
    GrammarElement one = item[0];
    if (item.size() > 1) {
      one = {GrammarElement::kRule, new_rule()};
      count(item.size());
      out_.rules[one.value] = {item};
    }
    count(least);
    GrammarSequence whole(least, one);
    if (most == kNoLimit) {
      const std::uint32_t again = new_rule();
      out_.rules[again] = {{one, {GrammarElement::kRule, again}}, {}};
      whole.push_back({GrammarElement::kRule, again});
      return whole;
    }
    // One rule in the other: the k-th may only come after the one before it.
    std::optional<GrammarElement> rest;
    for (std::size_t k = least; k < most; ++k) {
      const std::uint32_t maybe = new_rule();
      count(3);
      out_.rules[maybe] = {{one}, {}};
      if (rest) out_.rules[maybe][0].push_back(*rest);
      rest = GrammarElement{GrammarElement::kRule, maybe};
    }
    if (rest) whole.push_back(*rest);
    return whole;
  }

  GrammarSequence literal() {
    const std::size_t start = at_++;
    std::string bytes;
    while (!take("\"")) {
      if (at_ >= text_.size() || text_[at_] == '\n') fail("a literal is not closed", "", start);
      append_utf8(bytes, character());
    }
    GrammarSequence whole;
    for (const char byte : bytes)
      whole.push_back(bytes_element(ByteSet().set(static_cast<unsigned char>(byte))));
    return whole;
  }

  GrammarElement character_class() {
    const std::size_t start = at_++;
    const bool negated = take("^");
    std::vector<CodeRange> ranges;
    while (!take("]")) {
      if (at_ >= text_.size() || text_[at_] == '\n') fail("a character class is not closed", "", start);
      const char32_t low = character();
      char32_t high = low;
      if (next_is("-") && !next_is("-]")) {
        ++at_;
        if (at_ >= text_.size() || text_[at_] == '\n') fail("a character class is not closed", "", start);
        high = character();
      }
      if (high < low) fail("a range in a character class runs backwards", "", start);
      ranges.emplace_back(low, high);
    }
    const std::vector<CodeRange> wanted = class_ranges(std::move(ranges), negated);
    if (wanted.empty()) fail("a character class holds no character", "", start);
    return class_element(wanted);
  }

  // One character of a literal or class, as it is or escaped.
  char32_t character() {
    const std::size_t start = at_;
    if (!take("\\")) return next_code_point(text_, at_);
    const char c = at_ < text_.size() ? text_[at_++] : '\0';
    switch (c) {
      case 't':
        return '\t';
      case 'r':
        return '\r';
      case 'n':
        return '\n';
      case '\\':
      case '"':
      case '[':
      case ']':
        return static_cast<char32_t>(c);
      case 'x':
        return hex(2, start);
      case 'u':
        return hex(4, start);
      case 'U':
        return hex(8, start);
      default:
        fail("unknown escape", R"(known are \t \r \n \\ \" \[ \] \xHH \uHHHH \UHHHHHHHH)", start);
    }
  }

  char32_t hex(int digits, std::size_t start) {
    char32_t value = 0;
    for (int i = 0; i < digits; ++i, ++at_) {
      const char c = at_ < text_.size() ? text_[at_] : '\0';
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) fail("an escape has too few hexadecimal digits", "", start);
      value = 16 * value + static_cast<char32_t>(digit);
    }
    if (value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) fail("is no character", "", start);
    return value;
  }

  GrammarElement bytes_element(const ByteSet& set) {
    const auto [place, fresh] = set_index_.try_emplace(set, out_.sets.size());
    if (fresh) out_.sets.push_back(set);
    return {GrammarElement::kBytes, static_cast<std::uint32_t>(place->second)};
  }

  GrammarElement class_element(const std::vector<CodeRange>& ranges) {
    if (const auto known = classes_.find(ranges); known != classes_.end()) return known->second;
    const auto sequences = utf8_sequences(ranges);
    GrammarElement element;
    if (sequences.size() == 1 && sequences[0].size() == 1) {
      element = bytes_element(sequences[0][0]);
    } else {
      element = {GrammarElement::kRule, new_rule()};
      for (const auto& sequence : sequences) {
        GrammarSequence bytes;
        for (const ByteSet& set : sequence) bytes.push_back(bytes_element(set));
        count(bytes.size());
        out_.rules[element.value].push_back(std::move(bytes));
      }
    }
    classes_.emplace(ranges, element);
    return element;
  }

  std::string_view text_;
  const std::string& where_;
  std::size_t at_ = 0, elements_ = 0;
  std::string owner_;  // the rule that is being read
  GrammarRules out_;
  std::map<std::string, Named> named_;
  std::unordered_map<ByteSet, std::size_t> set_index_;
  std::map<std::vector<CodeRange>, GrammarElement> classes_;
};

}  // namespace

GrammarRules parse_grammar(std::string_view text, const std::string& where) {
  return Parser(text, where).parse();
}

}  // namespace af2::detail
