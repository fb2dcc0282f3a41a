// Added tokens: the strings that are cut out of a text before it is normalised and split into words.
//
// Same rules as the `tokenizers` library: leftmost match, the longest at that place; then the flags. Not for
// the vocabulary of BPE. Thread rule: constant between calls of add; match may run in many threads.
//
//   AddedTokens added;
//   added.add({.content = "<SEP>", .special = true}, 7);
//   added.match("a<SEP>", true);   // {"a", -1}, {"<SEP>", 7}
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace af2 {

struct AddedToken {
  std::string content{};
  bool special = true;       // left out when special tokens are not to be parsed, or shown
  bool lstrip = false;       // takes the white space to its left
  bool rstrip = false;       // ... and to its right
  bool normalized = false;   // looked for in the normalised text instead of the raw one
  bool single_word = false;  // only where no word character touches it
};

class AddedTokens {
 public:
  // A part of a text: an added token (id >= 0) or what lies between.
  struct Part {
    std::string_view text;
    int id = -1;
  };

  // `token.content` must not be empty. A content that is there already gets the new id and flags.
  void add(AddedToken token, int id);

  // The parts of `text` (valid UTF-8) in order, none empty. Without `parse_special` special tokens are text.
  std::vector<Part> match(std::string_view text, bool parse_special) const;

  bool empty() const { return tokens_.empty(); }

 private:
  struct Entry {
    AddedToken token;
    int id;
  };
  // Index into tokens_ of the longest token that `text` has at `at`, or -1.
  int longest_at(std::string_view text, std::size_t at) const;

  std::vector<Entry> tokens_;
  std::vector<int> token_of_node_{-1};                 // trie; node 0 is the root
  std::unordered_map<std::uint64_t, int> child_;       // node * 256 + byte
  std::vector<bool> starts_ = std::vector<bool>(256);  // first bytes, to pass over plain text fast
};

}  // namespace af2
