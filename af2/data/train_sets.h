// The question sets that a stage is trained on, read from manifests of every form and made ready for the
// blend: what is asked, how long it is, what was left out and why (docs/spec/training.md sections 2, 3, 8).
//
// Nothing of the sounds is read here but lengths that a manifest does not tell. An item whose question or
// answer is empty, or whose answer does not fit behind its question, is taken out before batches are made,
// and counted. Not the order of training (blend.h), nor batches (length_batches.h). Thread rule: free
// functions.
//
//   const std::vector<TrainSet> sets = read_train_sets(options, {tokenizer, prompt, stop}, {.max_windows =
//   3}); Blend blend(blend_sets(sets), {...});
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "af2/data/blend.h"
#include "af2/data/manifest_formats.h"
#include "af2/text/byte_bpe.h"
#include "af2/text/prompt.h"

namespace af2 {

struct TrainSetOptions {
  std::string name, group;
  std::string manifest;  // of any form (manifest_formats.h)
  double passes = 1;
  double fraction = 1;  // of its items, drawn by name
  double hold_out = 0;
  bool held_out = false;
  std::vector<std::string> tasks;
  ManifestRead read;

  template <class V>
  void visit(V& v) {
    v.field("name", name, "of the set; its draws are named by it, and by its group before it");
    v.field("group", group, "of sets that stages choose together, as \"pretrain\"; empty: none");
    v.field("manifest", manifest,
            "jsonl, AF2, AF3, LTU or GAMA manifest, csv or tsv table, or tar shards: clips-{000..099}.tar");
    v.field("passes", passes, "over the set in the stage, at most six digits after the point");
    v.field("fraction", fraction, "share of its items that are used");
    v.field("hold_out", hold_out,
            "share of its sounds, drawn by their files' names, whose items are not used: for validation");
    v.field("held_out", held_out, "these alone are used");
    v.field("tasks", tasks, "items of these tasks alone (key task of a line); empty: all");
    v.field("read", read, "how the manifest is read");
  }
};

struct TrainTextOptions {
  bool keep_case = false;
  bool cut_prompt = false;
  double plain_share = 0, unlettered_share = 0;
  bool leads = false;

  // Throws kUser naming the key below `where`.
  void check(const std::string& where) const;

  template <class V>
  void visit(V& v) {
    v.field("keep_case", keep_case, "questions and answers as they are; else in lower case, as published");
    v.field("cut_prompt", cut_prompt,
            "where the answer does not fit, the question's end is cut; else the item is left out");
    v.field("plain_share", plain_share,
            "of the questions that end in a list of choices, drawn by name: asked without it, and answered "
            "without a letter");
    v.field("unlettered_share", unlettered_share, "of them: asked with it, and answered without a letter");
    v.field("leads", leads,
            "answers begin with what the question is about, where a line's meta has a lead: \"a dog barking: "
            "yes\"");
  }
};

// How texts become ids: what the model has.
struct TrainTokens {
  const ByteBpe& tokenizer;
  PromptOptions prompt;           // max_prompt_tokens: of question and answer together
  std::vector<std::string> stop;  // tokens that end an answer, in order
  std::string lead = {};          // ends what is written before a verdict (TextConfig::lead): ":"
};

// An item as its question is asked (TrainTextOptions::plain_share and unlettered_share; `set` and `seed` name
// the draw): changed where the prompt ends in a list of choices and every answer is one of them, "(B) xxx".
// With `leads`, "LEAD: xxx" of an item whose meta has one, where `lead` (TrainTokens::lead) is ":".
ManifestItem asked_item(ManifestItem item, const TrainTextOptions& options, const std::string& set,
                        std::uint64_t seed, const std::string& lead);

struct TrainItem {
  std::string id, audio, task;
  double start_s = 0, seconds = 0;  // seconds: of the stretch
  std::string prompt;
  std::vector<std::string> outputs;  // those that fit
  std::int32_t windows = 1;          // capped
};

struct TrainSet {
  std::string name, manifest, sha256;  // name: GROUP/NAME where there is a group
  std::int64_t passes_micro = 0;
  std::vector<TrainItem> items;
  RecordCounts
      left_out;  // by reason: those of read_any_manifest, answer_cut, audio_missing, audio_unreadable
  std::int64_t read = 0, unused = 0;  // items of the manifest; of them beyond `fraction`, or held out
  std::int64_t over_cap = 0;          // longer than the cap of windows
  double hours = 0, seconds_cut = 0;  // seconds_cut: of sound beyond the cap
};

// Which sets of a list are used.
struct TrainSetChoice {
  std::vector<std::string> groups;         // empty: of all groups
  std::vector<std::string> only, exclude;  // NAME or GROUP/NAME; empty: all, none
  double fraction = 1;                     // of each set's items
};

struct TrainWindows {
  int max_windows = 3;
  double window_s = 10;
};

// Token ids of a question and one of its answers as they are trained on. `fits`: both within
// max_prompt_tokens, after the question was cut where cut_prompt allows it.
struct TrainIds {
  std::vector<int> prompt, answer;
  bool fits = true;
};
TrainIds train_ids(const std::string& prompt, const std::string& output, const TrainTokens& tokens,
                   const TrainTextOptions& options);

// Which of an item's answers is trained on in a pass: drawn by name.
const std::string& train_output(const TrainItem& item, const std::string& set, std::int64_t pass,
                                std::uint64_t seed);

// Sets in the order of the options. Throws kUser naming the set or key: a name twice in what is chosen, a
// choice that names no set or group, nothing left, a fraction not in (0, 1]; kData naming file and line.
std::vector<TrainSet> read_train_sets(const std::vector<TrainSetOptions>& options,
                                      const TrainSetChoice& choice, const TrainTokens& tokens,
                                      const TrainTextOptions& text, const TrainWindows& windows,
                                      std::uint64_t seed);
std::vector<BlendSet> blend_sets(const std::vector<TrainSet>& sets);
// {name, manifest, sha256, passes, read, items, unused, hours, over_cap, seconds_cut, left_out {reason: n},
// first {reason: place}} of each: part of the plan that a run prints and keeps.
Json train_sets_json(const std::vector<TrainSet>& sets);

}  // namespace af2
