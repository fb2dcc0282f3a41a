// Grammars that an answer must follow, in the GBNF form of llama.cpp: parsed, checked and laid out in bytes.
//
//   root  ::= "yes" | "no" | count          # the whole text
//   count ::= [1-9] [0-9]{0,2} (" " unit)?
//   unit  ::= [^ \t\n]+ | .
//
// A rule ends at its line's end; inside parentheses and after `|` it goes on. Escapes in literals and
// classes: \t \r \n \\ \" \[ \] \xHH \uHHHH \UHHHHHHHH. Repeats: * + ? {m} {m,} {m,n}. `.` is any character.
// Classes are turned into sequences of UTF-8 bytes here, so that a matcher (grammar_match.h) may stand in the
// middle of a character. Token references (`<think>`) are refused. Not for JSON Schema: json_schema.h.
// Thread rule: constant after parsing.
//
//   auto grammar = std::make_shared<const Grammar>(Grammar::parse("root ::= \"yes\" | \"no\"",
//   "answers.gbnf"));
#pragma once

#include <bitset>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace af2 {

using ByteSet = std::bitset<256>;

struct GrammarElement {
  enum Kind : std::uint32_t { kEnd, kBytes, kRule };
  Kind kind = kEnd;         // of an alternative; one byte of a set; a rule
  std::uint32_t value = 0;  // index of the set or rule
  bool operator==(const GrammarElement&) const = default;
};

class Grammar {
 public:
  // Throws kUser naming `where`, line and column for text that is no grammar, an unknown rule, a missing
  // `root`, a rule that cannot be finished, left recursion, nesting or repeats beyond what is built
  // (200 parentheses, 100,000 repeats, 1,000,000 elements, 4 MB of text).
  static Grammar parse(std::string_view text, const std::string& where = "grammar");

  const std::string& where() const { return where_; }
  std::uint32_t root() const { return root_; }
  // All alternatives one after the other, each with a kEnd behind it.
  const std::vector<GrammarElement>& elements() const { return elements_; }
  // Where in elements() the alternatives of a rule begin.
  std::span<const std::uint32_t> alternatives(std::uint32_t rule) const {
    return {starts_.data() + first_start_[rule], first_start_[rule + 1] - first_start_[rule]};
  }
  const ByteSet& set(std::uint32_t index) const { return sets_[index]; }
  // Bytes that every set treats alike have one class; a byte of each class.
  const std::vector<std::uint8_t>& class_of_byte() const { return class_of_byte_; }
  const std::vector<std::uint8_t>& class_bytes() const { return class_bytes_; }

 private:
  void divide_bytes();

  std::string where_;
  std::uint32_t root_ = 0;
  std::vector<GrammarElement> elements_;
  std::vector<std::uint32_t> starts_, first_start_;  // first_start_: [rules + 1] into starts_
  std::vector<ByteSet> sets_;
  std::vector<std::uint8_t> class_of_byte_, class_bytes_;  // [256], [classes]
};

}  // namespace af2
