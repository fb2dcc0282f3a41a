#include "af2/text/grammar_match.h"

#include <algorithm>

#include "af2/core/error.h"

namespace af2 {
namespace {

constexpr std::uint32_t kUnknown = static_cast<std::uint32_t>(-1), kBottom = kUnknown, kDead = 0;
constexpr std::size_t kMostWays = 20'000, kMostWork = 3'000'000;
constexpr std::size_t kMostNodes = 500'000, kMostStates = 16'384, kMostSets = 512;

}  // namespace

std::size_t GrammarMatcher::WaysHash::operator()(const std::vector<Way>& ways) const {
  std::size_t hash = ways.size();
  for (const Way way : ways) hash = (hash ^ way) * 0x9E3779B97F4A7C15ull + (hash >> 29);
  return hash;
}

GrammarMatcher::GrammarMatcher(std::shared_ptr<const Grammar> grammar,
                               std::shared_ptr<const TokenTrie> vocabulary)
    : grammar_(std::move(grammar)),
      vocabulary_(std::move(vocabulary)),
      n_classes_(grammar_->class_bytes().size()) {
  clear();
  current_ = start_ = start_state();
}

void GrammarMatcher::clear() {
  nodes_.clear();
  node_index_.clear();
  states_.assign(1, {});
  state_index_.clear();
  table_.assign(n_classes_, kDead);
  allowed_.clear();
  seen_.clear();
}

void GrammarMatcher::reset() {
  current_ = start_;
}

void GrammarMatcher::begin_state() {
  ++round_;
  found_.ways.clear();
  found_.can_end = false;
  queue_.clear();
}

std::uint32_t GrammarMatcher::start_state() {
  begin_state();
  work_ = 0;
  for (const std::uint32_t start : grammar_->alternatives(grammar_->root())) open(node(start, kBottom));
  return found_state();
}

GrammarMatcher::Way GrammarMatcher::node(std::uint32_t place, Way below) {
  const std::uint64_t key = (std::uint64_t{place} << 32) | below;
  const auto [at, fresh] = node_index_.try_emplace(key, static_cast<Way>(nodes_.size()));
  if (fresh) {
    nodes_.push_back({place, below});
    seen_.push_back(0);
  }
  return at->second;
}

void GrammarMatcher::open(Way way) {
  const auto& elements = grammar_->elements();
  const auto meet = [&](Way met) {
    if (met == kBottom) {
      found_.can_end = true;
    } else if (seen_[met] != round_) {
      seen_[met] = round_;
      queue_.push_back(met);
    }
  };
  meet(way);
  while (!queue_.empty()) {
    const Way here = queue_.back();
    queue_.pop_back();
    if (++work_ > kMostWork || found_.ways.size() > kMostWays)
      throw user_error("leaves too many ways open at once", grammar_->where(),
                       "write alternatives that begin alike as one, and avoid items that may be empty");
    const Node node_here = nodes_[here];
    const GrammarElement element = elements[node_here.place];
    switch (element.kind) {
      case GrammarElement::kEnd:
        meet(node_here.below);
        break;
      case GrammarElement::kBytes:
        found_.ways.push_back(here);
        break;
      case GrammarElement::kRule: {
        // What ends the rule needs no coming back to it: lists then do not grow the stack.
        const bool last = elements[node_here.place + 1].kind == GrammarElement::kEnd;
        const Way below = last ? node_here.below : node(node_here.place + 1, node_here.below);
        for (const std::uint32_t start : grammar_->alternatives(element.value)) meet(node(start, below));
        break;
      }
    }
  }
}

std::uint32_t GrammarMatcher::found_state() {
  std::sort(found_.ways.begin(), found_.ways.end());
  std::uint32_t state = kDead;
  if (!found_.ways.empty() || found_.can_end) {
    auto& known = state_index_.try_emplace(found_.ways, std::array{kUnknown, kUnknown}).first->second;
    if (known[found_.can_end] == kUnknown) {
      known[found_.can_end] = static_cast<std::uint32_t>(states_.size());
      states_.push_back(found_);
      table_.resize(table_.size() + n_classes_, kUnknown);
    }
    state = known[found_.can_end];
  }
  return state;
}

std::uint32_t GrammarMatcher::follow(std::uint32_t state, std::uint8_t byte_class) {
  begin_state();
  const std::uint8_t byte = grammar_->class_bytes()[byte_class];
  const std::vector<Way> ways = states_[state].ways;
  work_ += ways.size();
  for (const Way way : ways) {
    const Node from = nodes_[way];
    if (grammar_->set(grammar_->elements()[from.place].value)[byte]) open(node(from.place + 1, from.below));
  }
  const std::uint32_t to = found_state();
  table_[state * n_classes_ + byte_class] = to;
  return to;
}

std::uint32_t GrammarMatcher::next(std::uint32_t state, std::uint8_t byte_class) {
  const std::uint32_t known = table_[state * n_classes_ + byte_class];
  return known != kUnknown ? known : follow(state, byte_class);
}

std::uint32_t GrammarMatcher::after(std::uint32_t state, std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size() && state != kDead; ++i)
    state = next(state, grammar_->class_of_byte()[static_cast<unsigned char>(bytes[i])]);
  return state;
}

bool GrammarMatcher::accept(std::string_view bytes) {
  keep_small();
  const std::uint32_t to = after(current_, bytes);
  if (to == kDead) return false;
  current_ = to;
  return true;
}

bool GrammarMatcher::allows(std::string_view bytes) {
  keep_small();
  return after(current_, bytes) != kDead;
}

const TokenSet& GrammarMatcher::allowed() {
  if (!vocabulary_) throw internal_error("a grammar is asked for tokens without a vocabulary");
  keep_small();
  const auto [at, fresh] = allowed_.try_emplace(current_);
  TokenSet& set = at->second;
  if (!fresh) return set;
  const TokenTrie& trie = *vocabulary_;
  const std::uint8_t* class_of = grammar_->class_of_byte().data();
  set.words.assign((static_cast<std::size_t>(trie.size) + 63) / 64, 0);
  std::vector<std::uint32_t> path(static_cast<std::size_t>(trie.depth) + 1);
  path[0] = current_;
  try {
    for (std::size_t i = 0; i + 1 < trie.nodes.size();) {
      const TokenTrie::Node& here = trie.nodes[i];
      const std::uint32_t to = next(path[here.depth - 1u], class_of[here.byte]);
      if (to == kDead) {
        i = here.skip;
        continue;
      }
      path[here.depth] = to;
      ++i;
      for (std::uint32_t token = here.first; token < trie.nodes[i].first; ++token) {
        const auto id = static_cast<std::size_t>(trie.tokens[token]);
        set.words[id / 64] |= std::uint64_t{1} << (id % 64);
        set.any = true;
      }
    }
  } catch (...) {
    allowed_.erase(at);
    throw;
  }
  return set;
}

// Begins again with the current state alone when too much was kept. State numbers change.
void GrammarMatcher::keep_small() {
  work_ = 0;
  if (nodes_.size() < kMostNodes && states_.size() < kMostStates && allowed_.size() < kMostSets) return;
  // Every way as the places on its stack, from the top.
  std::vector<std::vector<std::uint32_t>> stacks;
  for (const Way way : states_[current_].ways) {
    stacks.emplace_back();
    for (Way at = way; at != kBottom; at = nodes_[at].below) stacks.back().push_back(nodes_[at].place);
  }
  const bool can_end = states_[current_].can_end;
  clear();
  start_ = start_state();
  begin_state();
  for (const auto& stack : stacks) {
    Way way = kBottom;
    for (auto place = stack.rbegin(); place != stack.rend(); ++place) way = node(*place, way);
    found_.ways.push_back(way);
  }
  found_.can_end = can_end;
  current_ = found_state();
}

}  // namespace af2
