#include "af2/text/bpe_merges.h"

#include <bit>
#include <queue>
#include <tuple>
#include <utility>

namespace af2 {
namespace {

std::uint64_t pair_key(int left, int right) {
  return (static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32) |
         static_cast<std::uint32_t>(right);
}

struct Candidate {
  int rank;
  int at;  // left symbol
  int merged;
  bool operator>(const Candidate& other) const { return std::tie(rank, at) > std::tie(other.rank, other.at); }
};

struct Symbol {
  int id;
  int previous, next;  // -1 at the ends
  bool gone = false;
};

}  // namespace

BpeMerges::BpeMerges(std::size_t expected) {
  grow(std::bit_ceil(2 * expected + 16));
}

std::size_t BpeMerges::slot_of(std::uint64_t pair) const {
  const std::size_t mask = rules_.size() - 1;
  std::uint64_t hash = pair * 0x9E3779B97F4A7C15ull;
  hash ^= hash >> 29;
  std::size_t slot = hash & mask;
  while (rules_[slot].pair != kNone && rules_[slot].pair != pair) slot = (slot + 1) & mask;
  return slot;
}

void BpeMerges::grow(std::size_t slots) {
  std::vector<Rule> old(slots);
  old.swap(rules_);
  for (const Rule& rule : old) {
    if (rule.pair != kNone) rules_[slot_of(rule.pair)] = rule;
  }
}

void BpeMerges::add(int left, int right, int merged) {
  if (2 * (used_ + 1) > rules_.size()) grow(2 * rules_.size());
  Rule& rule = rules_[slot_of(pair_key(left, right))];
  used_ += rule.pair == kNone;
  rule = {pair_key(left, right), next_rank_++, merged};
}

const BpeMerges::Rule* BpeMerges::find(int left, int right) const {
  const Rule& rule = rules_[slot_of(pair_key(left, right))];
  return rule.pair == kNone ? nullptr : &rule;
}

void BpeMerges::apply(std::vector<int>& ids) const {
  const int n = static_cast<int>(ids.size());
  if (n < 2) return;
  std::vector<Symbol> symbols(ids.size());
  std::vector<Candidate> start;
  for (int i = 0; i < n; ++i) symbols[i] = {ids[i], i - 1, i + 1 < n ? i + 1 : -1};
  for (int i = 0; i + 1 < n; ++i) {
    if (const Rule* rule = find(ids[i], ids[i + 1])) start.push_back({rule->rank, i, rule->merged});
  }
  std::priority_queue queue(std::greater<Candidate>{}, std::move(start));
  const auto offer = [&](int left) {
    if (left < 0 || symbols[left].next < 0) return;
    if (const Rule* rule = find(symbols[left].id, symbols[symbols[left].next].id)) {
      queue.push({rule->rank, left, rule->merged});
    }
  };
  while (!queue.empty()) {
    const Candidate best = queue.top();
    queue.pop();
    Symbol& left = symbols[best.at];
    if (left.gone || left.next < 0) continue;
    Symbol& right = symbols[left.next];
    const Rule* rule = find(left.id, right.id);  // the pair may have changed since it was queued
    if (!rule || rule->merged != best.merged) continue;
    left.id = best.merged;
    left.next = right.next;
    right.gone = true;
    if (right.next >= 0) symbols[right.next].previous = best.at;
    offer(left.previous);
    offer(best.at);
  }
  ids.clear();
  for (int i = 0; i >= 0; i = symbols[i].next) ids.push_back(symbols[i].id);
}

}  // namespace af2
