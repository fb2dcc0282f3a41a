// A text under a grammar, as far as it has come: which bytes and which tokens may follow, and may it end
// here.
//
// The open ways through the grammar are stacks of places in its rules. They share their lower parts, and
// equal sets of them are one state; what follows a state is found once and kept, so that a step costs a walk
// over the vocabulary at most, and mostly a look-up. Bytes may end within a character. Thread rule: one
// owner; grammar and vocabulary are shared and constant.
//
//   GrammarMatcher matcher(grammar, vocabulary);
//   while (!matcher.complete()) {
//     const TokenSet& allowed = matcher.allowed();   // and the end, where matcher.can_end()
//     matcher.accept(bytes_of(choose(allowed)));
//   }
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "af2/text/grammar.h"
#include "af2/text/token_trie.h"

namespace af2 {

// One bit a token id, lowest first.
struct TokenSet {
  std::vector<std::uint64_t> words;
  bool any = false;
  bool has(int id) const {
    const auto at = static_cast<std::size_t>(id);
    return at / 64 < words.size() && (words[at / 64] >> (at % 64) & 1) != 0;
  }
};

class GrammarMatcher {
 public:
  // Without a vocabulary allowed() may not be called. Throws kUser, as accept, allows and allowed do, for a
  // grammar with more ways open at once than are followed (20,000).
  explicit GrammarMatcher(std::shared_ptr<const Grammar> grammar,
                          std::shared_ptr<const TokenTrie> vocabulary = nullptr);

  // Back to the start; what was found out stays.
  void reset();
  // Goes on by `bytes`; false, and nothing is changed, when they cannot follow.
  bool accept(std::string_view bytes);
  bool accept(char byte) { return accept(std::string_view(&byte, 1)); }
  bool allows(std::string_view bytes);
  // The text may end here; within a character it never may.
  bool can_end() const { return states_[current_].can_end; }
  // It must: nothing can follow.
  bool complete() const { return can_end() && states_[current_].ways.empty(); }
  // The tokens that can follow; valid until the next call.
  const TokenSet& allowed();

  const std::shared_ptr<const Grammar>& grammar() const { return grammar_; }
  // States kept, for tests and measurements.
  std::size_t n_states() const { return states_.size(); }

 private:
  using Way = std::uint32_t;  // index of a node
  struct Node {
    std::uint32_t place;  // in the grammar's elements
    Way below;            // where it goes on when the rule of `place` is done
  };
  struct State {
    std::vector<Way> ways;  // each before a set of bytes; sorted
    bool can_end = false;
  };
  struct WaysHash {
    std::size_t operator()(const std::vector<Way>& ways) const;
  };

  Way node(std::uint32_t place, Way below);
  void open(Way way);  // what can come at `way` joins found_
  void begin_state();
  std::uint32_t found_state();
  std::uint32_t start_state();
  std::uint32_t next(std::uint32_t state, std::uint8_t byte_class);
  std::uint32_t follow(std::uint32_t state, std::uint8_t byte_class);
  std::uint32_t after(std::uint32_t state, std::string_view bytes);
  void keep_small();
  void clear();

  std::shared_ptr<const Grammar> grammar_;
  std::shared_ptr<const TokenTrie> vocabulary_;
  std::size_t n_classes_;
  std::vector<Node> nodes_;
  std::unordered_map<std::uint64_t, Way> node_index_;
  std::vector<State> states_;  // the first one is the dead end
  std::unordered_map<std::vector<Way>, std::array<std::uint32_t, 2>, WaysHash> state_index_;  // by can_end
  std::vector<std::uint32_t> table_;  // [states, classes]: the state that follows, or kUnknown
  std::unordered_map<std::uint32_t, TokenSet> allowed_;
  std::uint32_t current_ = 0, start_ = 0;
  // The state that is being made, between begin_state and found_state.
  State found_;
  std::vector<Way> queue_;
  std::vector<std::uint32_t> seen_;  // by node: the round that met it
  std::uint32_t round_ = 0;
  std::size_t work_ = 0;  // steps since the last call from outside
};

}  // namespace af2
