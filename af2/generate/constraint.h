// A grammar's hold on one answer: which tokens may come next, and whether the answer may end.
//
// Without a grammar everything is allowed. What a grammar's states allow is kept from one answer to the next
// (GrammarCache, one an engine). No torch here. Thread rule: a Constraint belongs to one answer; the cache
// may be shared by many threads.
//
//   Constraint constraint(options.grammar, tokenizer, stop_ids, cache);
//   constraint.mask(logits);  id = pick(logits);  constraint.accept(id);
//   if (constraint.complete()) stop();
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "af2/text/byte_bpe.h"
#include "af2/text/grammar_match.h"

namespace af2 {

// Matchers with what they found out, for one tokenizer: made when first asked for, the last one kept.
class GrammarCache {
 public:
  // At the start of `grammar`. Throws kUser as GrammarMatcher.
  std::unique_ptr<GrammarMatcher> take(const std::shared_ptr<const Grammar>& grammar,
                                       const ByteBpe& tokenizer);
  void give_back(std::unique_ptr<GrammarMatcher> matcher);

 private:
  std::mutex mutex_;
  std::shared_ptr<const TokenTrie> vocabulary_;
  std::unique_ptr<GrammarMatcher> kept_;
};

class Constraint {
 public:
  // `grammar` may be null. `tokenizer`, `stop_ids` and `cache` must outlive it. Throws as GrammarCache::take.
  Constraint(const std::shared_ptr<const Grammar>& grammar, const ByteBpe& tokenizer,
             const std::vector<int>& stop_ids, GrammarCache& cache);
  ~Constraint();
  Constraint(const Constraint&) = delete;
  Constraint& operator=(const Constraint&) = delete;

  // Sets the logits [vocab] of what may not come to minus infinity: tokens that the grammar does not allow
  // here, and stop tokens where it cannot end. Throws kUser when no token is left, or too many ways are open.
  void mask(std::span<float> logits);
  // Token `id` was written: one that mask left, and no stop token.
  void accept(int id);
  // Nothing more can follow: the answer is over.
  bool complete() const { return matcher_ && matcher_->complete(); }
  // The answer may not end here.
  bool unfinished() const { return matcher_ && !matcher_->can_end(); }

 private:
  const ByteBpe& tokenizer_;
  const std::vector<int>& stop_ids_;
  GrammarCache& cache_;
  std::unique_ptr<GrammarMatcher> matcher_;
};

// "ID=BIAS" or "\"TEXT\"=BIAS" (TEXT as in JSON, and one token): the id and what is added to its logit. BIAS
// is a number, or -inf or never, which forbid the token. Throws kUser for anything else, an id that the
// tokenizer lacks, and a text of several tokens.
std::pair<int, double> parse_logit_bias(const std::string& text, const ByteBpe& tokenizer);

}  // namespace af2
