// A set from items as they were made to items as they are given away: every check of docs/spec/data.md
// section 7, in one order.
//
// Single items (checks.h), overlap with test sets (overlap.h), duplicates, yes and no, caps (balance.h), what
// can be guessed without sound (blind_solvers.h), then letters, and the answers of what was moved once more.
// Every draw is named by an item's id: the same items give the same set in whatever order they were made.
// Thread rule: one call at a time over one list.
//
//   SetPassOptions options;
//   const SetPass pass = pass_set(items, records, words, {.folder = "data/skills"}, options);
//   write_item_set("data/skills", items, records);
//   write_report_inputs("data/skills", pass.inputs);
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "af2/data/record.h"
#include "af2/data/vocabulary.h"
#include "af2/factory/balance.h"
#include "af2/factory/blind_solvers.h"
#include "af2/factory/checks.h"
#include "af2/factory/item.h"
#include "af2/factory/overlap.h"
#include "af2/factory/report.h"

namespace af2 {

struct SetPassOptions {
  CheckOptions checks;
  BalanceOptions balance;
  SolverOptions solvers;
  OverlapOptions overlap;

  template <class V>
  void visit(V& v) {
    v.field("checks", checks, "of single items");
    v.field("balance", balance, "of the set");
    v.field("solvers", solvers, "without sound");
    v.field("overlap", overlap, "with test sets");
  }
};

// What is at hand beside the items.
struct SetPassSources {
  std::filesystem::path folder = {};    // that audio paths are relative to
  bool hear = false;                    // open every clip and look at its sound
  const OverlapIndex* tests = nullptr;  // none: not held against test sets
  LlmClient* text_model = nullptr;      // none: no language model tries to guess
  int threads = 1;                      // clips heard, or questions to it, at once
};

struct SetPass {
  ReportInputs inputs;           // what was left out, by reason; solvers at the end; overlaps
  std::vector<OverlapHit> hits;  // with test sets
  std::int64_t moved = 0;        // items whose letters were moved
  std::int64_t left_out = 0;     // items
  bool within = true;            // every solver is within its margin
};

// Leaves in `items`, sorted by id, what passes; `sink` is told of each fault of an item.
SetPass pass_set(std::vector<Item>& items, const std::vector<Record>& records, const Vocabulary& words,
                 const SetPassSources& sources, const SetPassOptions& options,
                 const FaultSink& sink = nullptr);

}  // namespace af2
