// The same items asked in other ways: what shows whether a model listens (docs/spec/evaluation.md section 7).
//
// `main` is the score itself; the others are baselines beside it. What costs no model call (chance, longest
// option ...) is in baselines.h. Thread rule: free functions.
//
//   for (const Variant& v : variants_of(benchmark, items, {"audio_off"}, {"default"})) ask(v);
#pragma once

#include <string>
#include <vector>

#include "af2/eval/benchmark.h"
#include "af2/eval/eval_item.h"
#include "af2/eval/model.h"

namespace af2 {

struct Variant {
  std::string name;  // main, audio_off, silence, shuffled_audio, first_window_only, cascade, rotation-1 ..,
                     // prompt-NAME
  std::string prompt_name = "default";
  Hearing hearing = Hearing::kSound;
  bool swapped = false;  // each clip replaced by another's
  int rotation = 0;      // of the options, places to the left

  // The run folder's file of it: predictions.jsonl for main, predictions-NAME.jsonl.
  std::string file() const;
};

inline constexpr int kMostRotations = 3;  // beside the order as it is

// Names that `--baselines` may have, and those that a model must answer for.
const std::vector<std::string>& model_baselines();

// main with `prompt_name`, then what `baselines` (of model_baselines()) ask for: choice_shuffle becomes a
// rotation each, for items with options; prompts becomes one for each other prompt of the file. Throws kUser
// for an unknown name or prompt.
std::vector<Variant> variants_of(const Benchmark& benchmark, const std::vector<EvalItem>& items,
                                 const std::vector<std::string>& baselines, const std::string& prompt_name);

// The variant of a run folder's file by its name; as variants_of made it. Throws kData.
Variant variant_by_name(const std::string& name, const std::string& main_prompt);

// Whether an item takes part: rotations need as many options, everything about sound needs a sound.
bool takes_part(const Variant& variant, const EvalItem& item);

}  // namespace af2
