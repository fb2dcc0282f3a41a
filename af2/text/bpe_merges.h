// The merge rules of byte-pair encoding and their application to one word.
//
// Not for text: symbols are token ids. Thread rule: constant after the last add; apply may run in many
// threads.
//
//   BpeMerges merges(1);
//   merges.add(/*left=*/5, /*right=*/6, /*merged=*/300);   // first added, first applied
//   std::vector<int> word{5, 6, 6};
//   merges.apply(word);                                    // {300, 6}
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace af2 {

class BpeMerges {
 public:
  explicit BpeMerges(std::size_t expected = 0);

  // The next rule by rank. A pair that is there already gets the new rank and result. Ids must be >= 0.
  void add(int left, int right, int merged);

  // Merges the pair of lowest rank, the leftmost of equals, until no rule fits. O(n log n).
  void apply(std::vector<int>& symbols) const;

  std::size_t size() const { return used_; }

 private:
  struct Rule {
    std::uint64_t pair = kNone;
    int rank = 0;
    int merged = 0;
  };
  static constexpr std::uint64_t kNone = ~std::uint64_t{0};

  std::size_t slot_of(std::uint64_t pair) const;  // where `pair` is, or would be put
  const Rule* find(int left, int right) const;
  void grow(std::size_t slots);

  std::vector<Rule> rules_;  // open addressing, a power of two, at most half full
  std::size_t used_ = 0;
  int next_rank_ = 0;
};

}  // namespace af2
