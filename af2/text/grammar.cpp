#include "af2/text/grammar.h"

#include <algorithm>

#include "af2/core/error.h"
#include "af2/text/grammar_detail.h"

namespace af2 {
namespace detail {
namespace {

// The rules of which some alternative consists only of rules in the answer and, where `bytes` is true, bytes.
// Each use of a rule is looked at once, so that chains of rules cost no more than their length.
std::vector<bool> rules_made_of(const GrammarRules& grammar, bool bytes) {
  struct Alternative {
    std::uint32_t rule;
    std::size_t missing;
  };
  const std::size_t n = grammar.rules.size();
  std::vector<Alternative> all;
  std::vector<std::vector<std::size_t>> uses(n);  // alternatives that name the rule, once for each time
  std::vector<bool> found(n);
  std::vector<std::uint32_t> fresh;
  const auto find = [&](std::uint32_t rule) {
    if (!found[rule]) fresh.push_back(rule);
    found[rule] = true;
  };
  for (std::uint32_t rule = 0; rule < n; ++rule) {
    for (const GrammarSequence& sequence : grammar.rules[rule]) {
      all.push_back({rule, 0});
      for (const GrammarElement& element : sequence) {
        if (element.kind == GrammarElement::kRule)
          uses[element.value].push_back(all.size() - 1), ++all.back().missing;
        else if (!bytes)
          ++all.back().missing;  // never comes
      }
      if (all.back().missing == 0) find(rule);
    }
  }
  while (!fresh.empty()) {
    const std::uint32_t rule = fresh.back();
    fresh.pop_back();
    for (const std::size_t use : uses[rule])
      if (--all[use].missing == 0) find(all[use].rule);
  }
  return found;
}

// A rule that an alternative may begin with; `grows` when something stands behind it there.
struct LeftEdge {
  std::uint32_t to;
  bool grows;
};

// The strongly connected part that each rule belongs to (Tarjan's algorithm without recursion).
std::vector<std::uint32_t> connected_parts(const std::vector<std::vector<LeftEdge>>& edges) {
  constexpr std::uint32_t kNone = static_cast<std::uint32_t>(-1);
  const auto n = static_cast<std::uint32_t>(edges.size());
  std::vector<std::uint32_t> order(n, kNone), low(n), part(n, kNone), open;
  std::vector<std::pair<std::uint32_t, std::size_t>> path;  // rule, next edge
  std::uint32_t visited = 0, parts = 0;
  for (std::uint32_t first = 0; first < n; ++first) {
    if (order[first] != kNone) continue;
    path.emplace_back(first, 0);
    while (!path.empty()) {
      const std::uint32_t rule = path.back().first;
      if (path.back().second == 0) {
        order[rule] = low[rule] = visited++;
        open.push_back(rule);
      }
      if (path.back().second < edges[rule].size()) {
        const std::uint32_t to = edges[rule][path.back().second++].to;
        if (order[to] == kNone)
          path.emplace_back(to, 0);
        else if (part[to] == kNone)
          low[rule] = std::min(low[rule], order[to]);
        continue;
      }
      if (low[rule] == order[rule]) {
        for (std::uint32_t member = kNone; member != rule; open.pop_back()) {
          member = open.back();
          part[member] = parts;
        }
        ++parts;
      }
      path.pop_back();
      if (!path.empty()) low[path.back().first] = std::min(low[path.back().first], low[rule]);
    }
  }
  return part;
}

}  // namespace

void check_grammar(const GrammarRules& grammar, const std::string& where) {
  const std::vector<bool> ends = rules_made_of(grammar, true), empty = rules_made_of(grammar, false);
  for (std::size_t rule = 0; rule < ends.size(); ++rule)
    if (!ends[rule])
      throw user_error("rule " + grammar.names[rule] + " can never be finished", where,
                       "each of its alternatives needs a rule that needs it again: add one that does not");
  std::vector<std::vector<LeftEdge>> edges(grammar.rules.size());
  for (std::size_t rule = 0; rule < edges.size(); ++rule) {
    for (const GrammarSequence& sequence : grammar.rules[rule]) {
      for (std::size_t i = 0; i < sequence.size() && sequence[i].kind == GrammarElement::kRule; ++i) {
        edges[rule].push_back({sequence[i].value, i + 1 < sequence.size()});
        if (!empty[sequence[i].value]) break;
      }
    }
  }
  const std::vector<std::uint32_t> part = connected_parts(edges);
  for (std::size_t rule = 0; rule < edges.size(); ++rule)
    for (const LeftEdge& edge : edges[rule])
      if (edge.grows && part[rule] == part[edge.to])
        throw user_error("rule " + grammar.names[rule] + " begins with itself", where,
                         "write a list as `item more*`, not as `list item`");
}

}  // namespace detail

Grammar Grammar::parse(std::string_view text, const std::string& where) {
  detail::GrammarRules rules = detail::parse_grammar(text, where);
  detail::check_grammar(rules, where);
  Grammar grammar;
  grammar.where_ = where;
  grammar.root_ = rules.root;
  grammar.sets_ = std::move(rules.sets);
  for (const auto& alternatives : rules.rules) {
    grammar.first_start_.push_back(static_cast<std::uint32_t>(grammar.starts_.size()));
    for (const auto& sequence : alternatives) {
      grammar.starts_.push_back(static_cast<std::uint32_t>(grammar.elements_.size()));
      grammar.elements_.insert(grammar.elements_.end(), sequence.begin(), sequence.end());
      grammar.elements_.push_back({});
    }
  }
  grammar.first_start_.push_back(static_cast<std::uint32_t>(grammar.starts_.size()));
  grammar.divide_bytes();
  return grammar;
}

void Grammar::divide_bytes() {
  class_of_byte_.assign(256, 0);
  std::size_t n = 1;
  for (const ByteSet& set : sets_) {
    // Class c falls into those of its bytes that are in the set and those that are not.
    std::vector<int> inside(n, -1);
    std::vector<bool> outside(n);
    for (std::size_t b = 0; b < 256; ++b)
      if (!set[b]) outside[class_of_byte_[b]] = true;
    std::size_t after = n;
    for (std::size_t b = 0; b < 256; ++b) {
      const std::size_t c = class_of_byte_[b];
      if (!set[b] || !outside[c]) continue;
      if (inside[c] < 0) inside[c] = static_cast<int>(after++);
      class_of_byte_[b] = static_cast<std::uint8_t>(inside[c]);
    }
    n = after;
    if (n == 256) break;
  }
  class_bytes_.assign(n, 0);
  for (std::size_t b = 0; b < 256; ++b) class_bytes_[class_of_byte_[b]] = static_cast<std::uint8_t>(b);
}

}  // namespace af2
