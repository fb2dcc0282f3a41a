// What a judge is told of the clips themselves: full captions beside the reference, where a benchmark offers
// that view (docs/spec/evaluation.md section 5; CompA-R). Marks of the two views cannot be compared: the
// rubric that was used, RUBRIC_dense, stands with them. Thread rule: free functions.
//
//   tell_dense_captions("captions.jsonl", benchmark.judge.value(), items, cases);
#pragma once

#include <filesystem>
#include <vector>

#include "af2/eval/judge.h"

namespace af2 {

// Gives every case the caption of its item, and `spec` the rubric and the input for it. The file has lines
// {"id": item} or {"audio": its first clip, below the benchmark's root} with {"caption": text}. `items`
// [cases]. Throws kUser where the benchmark offers no such view, or where items have no caption, naming the
// first ones; kData for a broken line.
void tell_dense_captions(const std::filesystem::path& file, const std::vector<const EvalItem*>& items,
                         JudgeSpec& spec, std::vector<JudgeCase>& cases);

}  // namespace af2
