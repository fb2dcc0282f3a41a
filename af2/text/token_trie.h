// All tokens of a vocabulary by their bytes, as a tree laid out in the order of its walk.
//
// Not a tokenizer: it serves walks that give up a branch as soon as its bytes cannot follow
// (grammar_match.h). Special tokens and ids without bytes are not in it. Thread rule: constant.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "af2/text/byte_bpe.h"

namespace af2 {

struct TokenTrie {
  struct Node {
    std::uint32_t skip;   // the node after this one's branch
    std::uint32_t first;  // in tokens: those that end here run to the next node's first
    std::uint16_t depth;  // bytes from the root, from 1
    std::uint8_t byte;
  };
  // bytes[id] of each token; "" is left out. Tokens longer than 4096 bytes are too.
  explicit TokenTrie(const std::vector<std::string>& bytes);
  // The tokens of a tokenizer that stand for text.
  explicit TokenTrie(const ByteBpe& tokenizer);

  std::vector<Node> nodes;  // each before its branches; the last one ends the list (depth 0)
  std::vector<int> tokens;
  int size = 0;   // one more than the largest id, those that are left out counted
  int depth = 0;  // of the deepest node
};

}  // namespace af2
