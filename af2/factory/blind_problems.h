// Items as the blind solvers see them: candidates, which is right, words as numbers. Internal to
// blind_solvers.cpp and word_model.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "af2/factory/blind_solvers.h"

namespace af2::blind {

struct Candidate {
  std::uint64_t whole = 0;           // of its normalised text
  std::vector<std::uint64_t> words;  // in order
  int letters = 0;
};
struct Problem {
  std::vector<Candidate> listed_candidates;                    // those that the item lists
  std::shared_ptr<const std::vector<Candidate>> type_answers;  // or the usual answers of its type
  int right = -1;                                              // among the candidates; -1: none of them is
  bool listed = false;                                         // the item lists them
  double chance = 0;
  std::uint64_t type = 0, wording = 0, group = 0;
  std::vector<std::uint64_t> question;  // words
  int fold = 0;

  const std::vector<Candidate>& candidates() const {
    return type_answers ? *type_answers : listed_candidates;
  }
  bool solvable() const { return candidates().size() >= 2; }
};

// [items]; not solvable where an item has no candidates.
std::vector<Problem> problems_of(const std::vector<Item>& items, const SolverOptions& options);

// Share of the right one among the candidates with the highest score; 0 where it is none of them.
float share_of_best(const std::vector<double>& scores, int right);

// [problems] share of right answers of the model of words, each fold with what the others teach; below 0:
// not tried. `names`: [problems] numbers that choose what is learned from.
std::vector<float> solve_by_words(const std::vector<Problem>& problems,
                                  const std::vector<std::uint64_t>& names, const SolverOptions& options);

}  // namespace af2::blind
