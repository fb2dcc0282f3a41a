// Several sets of items, or manifests, blended into one: so many items in all, shares by input and by skill,
// nothing twice, no split mixed with another (docs/spec/data.md section 2, "a scaled-down mix keeps the
// shares").
//
// Sets give a set (items, records, words, manifests), manifests a jsonl manifest. Items are chosen by draws
// that seed and item name: neither the order of inputs nor that of their lines changes the result. Which
// passes over its data a training run makes is another matter (docs/spec/training.md section 3). Thread rule:
// one mix into one place.
//
//   const MixResult made = mix({mix_input_of("sets/a=2"), mix_input_of("sets/b=1")}, "sets/both", {.n =
//   3000});
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "af2/core/json.h"
#include "af2/data/manifest_formats.h"

namespace af2 {

struct MixInput {
  std::string path;
  std::optional<double> weight;  // without: as many items as it has
};
// "sets/a" or "sets/a=0.5". Throws kUser for a weight that is not above 0.
MixInput mix_input_of(const std::string& text);

struct MixOptions {
  std::int64_t n = 0;  // items in all; 0: as many as there are without repeats
  std::int64_t seed = 0;
  std::string shares;               // by skill: a table's name or a file (shares.h); empty: as they come
  std::string split;                // take items of this split alone; empty: all, which must then be of one
  std::string name;                 // of the manifests; empty: the folder's
  bool repeat = false;              // take an item several times where there are too few
  bool skip_absent = false;         // skills that no input has leave their share to the others
  bool allow_mixed_splits = false;  // items of several splits, each saying its own
  bool dry_run = false;             // plan, write nothing

  template <class V>
  void visit(V& v) {
    v.field("n", n, "items in all; 0: as many as there are without repeats");
    v.field("seed", seed, "every draw is named by it");
    v.field("shares", shares, "by skill: audioskills, longaudio, longaudiobench or a file");
    v.field("split", split, "take items of this split alone");
    v.field("name", name, "of the manifests");
    v.field("repeat", repeat, "take items several times where there are too few");
    v.field("skip_absent", skip_absent, "skills that no input has leave their share to the others");
    v.field("allow_mixed_splits", allow_mixed_splits, "items of several splits, each saying its own");
    v.field("dry_run", dry_run, "plan, write nothing");
  }
};

struct MixOfInput {
  std::string path, form;
  std::optional<double> weight;
  std::int64_t read = 0;         // items
  std::int64_t other_split = 0;  // left out: not of the split asked for
  std::int64_t no_share = 0;     // left out: of a skill that has no share
  std::int64_t duplicates = 0;   // left out: another input has the question, or it has it twice itself
  std::int64_t available = 0;
  std::int64_t taken = 0;     // items written, repeats with them
  std::int64_t repeats = 0;   // of those
  std::int64_t no_split = 0;  // do not say their split
  RecordCounts left_out;      // lines of a manifest that cannot be read, by reason
};

struct MixOfShare {
  std::string skill;
  double weight = 0;
  std::int64_t available = 0, taken = 0;
};

struct MixResult {
  std::vector<MixOfInput> inputs;                // by path
  std::vector<MixOfShare> shares;                // in the order of the table; none without one
  std::map<std::string, std::int64_t> no_share;  // items of skills without one
  std::vector<std::string> absent;               // skills that were skipped
  std::vector<std::string> other_words;          // labels that two inputs word differently; the first's count
  std::int64_t items = 0;
  std::int64_t renamed = 0;        // ids that stood for several things: those got an ending of their own
  std::int64_t possible = 0;       // the most items without repeats
  std::vector<std::string> files;  // written, from `out`, or `out` itself

  Json json() const;
};

// `out`: a folder for sets; a .jsonl file for manifests, or for sets and manifests together. Sounds become
// relative to it. An existing folder must be of an earlier mix; what that wrote and this does not is removed.
// mix.json there says what was blended. Throws kUser: an input twice, weights for some inputs alone, a skill
// that is absent, too few items (it says how many would do), items of several splits, a folder that holds
// something else; kData: what set_input.h refuses, an original recording in two splits, no item left.
MixResult mix(const std::vector<MixInput>& inputs, const std::filesystem::path& out,
              const MixOptions& options, const ManifestRead& read = {});

}  // namespace af2
