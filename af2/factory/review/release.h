// A reviewed benchmark as a folder that can be given away (docs/spec/data.md section 9).
//
//   items.jsonl              the side file: items with their evidence, "review" among their checks
//   NAME.jsonl, NAME-SKILL/test.json   manifests (docs/spec/training.md section 7)
//   audio/HASH.ext           the clips, under the first digits of their SHA-256: names that tell nothing
//   CARD.md, VERSION, SHA256SUMS      what it is and whose; `sha256sum -c SHA256SUMS` checks every file
//
// The checks of section 7 run once more before. The same review gives the same bytes. Thread rule: free
// functions.
//
//   const Review review = open_review("review");
//   const auto problems = release_problems(review, words, options);
//   if (problems.empty()) write_release(review, words, "LongBench-1.0", options);
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "af2/data/vocabulary.h"
#include "af2/factory/checks.h"
#include "af2/factory/review/review.h"

namespace af2 {

struct ReleaseOptions {
  std::string name = "Benchmark", version = "1.0";
  CheckOptions checks = {};

  template <class V>
  void visit(V& v) {
    v.field("name", name, "of the benchmark: letters, digits, - and _");
    v.field("version", version, "of the release");
    v.field("checks", checks, "what every item must pass");
  }
};

struct ReleaseProblem {
  std::string id, reason, detail;
};

// What stands in the way, by id: items that still wait for somebody, clips that are missing or have changed,
// faults by the checks of section 7, duplicates, no licence, a licence that asks for a name (CC BY) without
// one. Answers that people changed are not computed again. Throws kUser for a name or version that is no
// file name.
std::vector<ReleaseProblem> release_problems(const Review& review, const Vocabulary& words,
                                             const ReleaseOptions& options);

// Writes the folder beside itself and renames it; one that holds a release of this name is replaced. Returns
// the number of items. Throws kData when there are problems (the first ones named), kUser when the folder
// holds something else, kResource.
std::size_t write_release(const Review& review, const Vocabulary& words, const std::filesystem::path& out,
                          const ReleaseOptions& options);

// Files of a release whose bytes are not those of its SHA256SUMS, or that are missing or not listed; empty:
// all agree. Throws kData when there is no such list.
std::vector<std::string> verify_release(const std::filesystem::path& folder);

}  // namespace af2
