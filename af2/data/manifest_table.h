// A table of sounds with questions or labels (csv or tsv), as items of a manifest: what people have who have
// no manifest.
//
// Columns by their names, in any order and letter case: the sound is audio, file, filename, path or sound;
// the question prompt or question; its answer output, answer, caption or text; or label, labels, tags, class
// or category, which answer the question that the caller names; start, end, duration (seconds), id, task,
// split. Other columns are kept under meta. Not a manifest's reader itself (manifest_formats.h). Thread rule:
// free functions.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "af2/core/json.h"

namespace af2 {

inline constexpr const char* kLabelQuestion = "What sounds are heard?";

// Items as lines of jsonl would be, each with its place ("sounds.csv:3"); `label_question`, or kLabelQuestion
// where it is empty, is asked of labels, which are said as "dog, car horn". Cells that are empty are missing.
// Throws kData naming file and line: no table, no column of sounds, none of answers or labels, a number that
// is none.
std::vector<std::pair<std::string, Json>> table_items(const std::filesystem::path& path,
                                                      const std::string& label_question);

}  // namespace af2
