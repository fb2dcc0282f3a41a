// What can be guessed without the sound (docs/spec/data.md section 7): solvers that see question and options
// alone, how often they are right, and what must go so that none is right much more often than by chance.
//
// An item with options is solved among them; yes/no among these two; a word or number among the answers of
// its type that come back (chance: one through their number). Open answers are not solved. What is learned is
// learned from other groups than those it is tried on. Thread rule: free functions; the same items give the
// same bits at any number of threads.
//
//   RecordCounts counts;
//   const PruneResult result = prune(items, {}, counts);
//   for (const SolverScore& s : result.after) print(s.solver, s.scope, s.accuracy, s.chance);
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "af2/data/llm_client.h"
#include "af2/data/record.h"
#include "af2/factory/item.h"

namespace af2 {

struct SolverOptions {
  std::int64_t seed = 0;
  double margin_points = 5;  // over chance, that a solver may reach
  int folds = 5;
  int min_items = 100;         // a skill with fewer is scored, but nothing is taken from it for its score
  int rounds = 12;             // of taking out and solving anew
  int trained_items = 100000;  // most that the model of words learns from, chosen by name
  int epochs = 3;
  int answers = 20;  // most answers of a type that are tried where there are no options

  template <class V>
  void visit(V& v) {
    v.field("seed", seed, "of every draw");
    v.field("margin_points", margin_points, "over chance, that a solver may reach");
    v.field("folds", folds, "parts that are solved with what the others teach");
    v.field("min_items", min_items, "of a skill, for its score to count");
    v.field("rounds", rounds, "of taking out and solving anew");
    v.field("trained_items", trained_items, "most that the model of words learns from");
    v.field("epochs", epochs, "passes of its training");
    v.field("answers", answers, "most answers of a type that are tried where there are no options");
  }
};

// How often a solver is right over a scope: "all", "temporal", "long.temporal".
struct SolverScore {
  std::string solver, scope;
  std::int64_t n = 0;
  double accuracy = 0, chance = 0;
  double low = 0, high = 0;  // 95 % of accuracy; items of one group are not independent

  bool over(double points) const { return accuracy > chance + points / 100; }

  template <class V>
  void visit(V& v) {
    v.field("solver", solver, "name");
    v.field("scope", scope, "all, or a skill");
    v.field("n", n, "items it can try");
    v.field("accuracy", accuracy, "share of right answers");
    v.field("chance", chance, "of guessing");
    v.field("low", low, "2.5 %");
    v.field("high", high, "97.5 %");
  }
};

// What a language model answered without the sound, in every rotation of the options.
struct TextModelAnswers {
  std::vector<float> share;            // [items] of rotations it had right; below 0: not asked
  std::vector<char> every;             // [items] right in every one
  std::int64_t asked = 0, failed = 0;  // questions; replies without a letter
};
// Asks about every item with options, each option once at each letter, `threads` at once. Throws what
// LlmClient::ask() throws.
TextModelAnswers ask_text_model(const std::vector<Item>& items, LlmClient& client, int threads);

// Names of the solvers, in the order of their scores: letter (always the same one, the best of them),
// longest, shortest (option), frequent (the answer most often right for the wording), words (the option with
// most words of the question), ngrams (a log-linear model over words of options and question).
const std::vector<std::string>& solver_names();

// Every solver over every scope that it can try something of; "text_model" where there are answers of one.
std::vector<SolverScore> run_solvers(const std::vector<Item>& items, const SolverOptions& options,
                                     const TextModelAnswers* model = nullptr);

struct PruneResult {
  std::vector<SolverScore> before, after;
  int rounds = 0;
  bool within = true;  // no solver is over its limit in any scope of at least min_items items
};
// Takes items out until every solver is within its margin, in all and for each skill: of those that a solver
// has right, chosen by name. Items that a text model has right in every rotation go first. Counted as
// "blind/text_model", "blind/letter" ... with the first id.
PruneResult prune(std::vector<Item>& items, const SolverOptions& options, RecordCounts& counts,
                  const TextModelAnswers* model = nullptr);

}  // namespace af2
