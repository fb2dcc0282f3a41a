// A set of questions from records: made in parts, checked, balanced, freed of what can be guessed without the
// sound, and written (docs/spec/data.md sections 7 and 8).
//
// OUT/items.jsonl, records.jsonl and labels.tsv (the set and its words), NAME.jsonl and NAME-SKILL/SPLIT.json
// (manifests), aside.jsonl (items that were left out, with the reason), report.json and report.html. A rerun
// with the same config goes on and ends in the same bytes. Not for scenes (af2/synth) or questions by a
// language model (llm_items.h). Thread rule: one set a folder.
//
//   const SetResult result = make_set("sets/skills", records, words, options, 2);
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "af2/factory/item_maker.h"
#include "af2/factory/llm/llm_items.h"
#include "af2/factory/set_pass.h"

namespace af2 {

struct SetOptions {
  std::string name = "AudioSkills";
  std::string split = "train";
  ItemOptions items;
  SetPassOptions pass;
  ChooseOptions choose;

  template <class V>
  void visit(V& v) {
    v.field("name", name, "of the manifests");
    v.field("split", split, "train, val or test: what the items say they are for");
    v.field("items", items, "which questions");
    v.field("pass", pass, "what each of them and the whole must pass");
    v.field("choose", choose, "how many of what");
  }
};

inline constexpr const char* kBug = "bug/";  // reasons that begin so are faults of the rules

struct SetResult {
  std::int64_t records = 0, made = 0, items = 0;
  RecordCounts counts;  // what was left out, by reason
  std::vector<SolverScore> solvers;
  bool within = true;   // no solver is over its limit
  std::string stopped;  // why it stopped before its end; empty: it is whole
};

// Where items come from beside the rules. May throw Stopped: the set stops, and a rerun goes on.
struct SetSources {
  bool rules = true;
  std::function<LlmMade(const Record&)> model;     // items of a language model
  std::function<LlmMade(const Item&)> paraphrase;  // of items of rules: the same in other words
  std::function<Json()> cost;                      // for the report
};

// `records`: audio paths from `out`. `inputs` says what they came from, for config.json.
SetResult make_set(const std::filesystem::path& out, const std::vector<Record>& records,
                   const Vocabulary& words, const SetOptions& options, const Json& inputs, int threads,
                   const SetSources& from = {});

}  // namespace af2
