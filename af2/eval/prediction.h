// What a model said to one item: a line of predictions.jsonl (docs/spec/evaluation.md section 8).
//
// Holds nothing that differs between two runs of the same model on the same files: times are in
// timings.jsonl. Not whether it is right (scoring.h). Thread rule: plain values.
//
//   const auto said = read_predictions("run/predictions.jsonl");
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "af2/eval/eval_item.h"
#include "af2/eval/model.h"

namespace af2 {

struct Prediction {
  std::string id, cluster, prompt_name, prompt;
  std::vector<std::string> audio;  // paths below the root
  Reply reply;
};

// Without its end. Seconds and log-probabilities are rounded to 1e-6.
std::string prediction_line(const Prediction& prediction);
// Throws kData naming `where` and key.
Prediction prediction_from_json(const Json& json, const std::string& where);
// The same line as the file has it, by id. Throws kData: cannot be read, a line that is none, an id twice.
std::map<std::string, Prediction> read_predictions(const std::filesystem::path& file);

// Predictions of other programs: jsonl {id, output}, or JSON lists as MMAU (model_output), MMAR
// (answer_prediction) and CMM (pred) are handed in. The ids are the items'. Throws kData.
std::map<std::string, Prediction> read_foreign_predictions(const std::filesystem::path& file);

}  // namespace af2
