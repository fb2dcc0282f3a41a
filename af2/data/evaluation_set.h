// Fixed test sets: clips and manifests written once, so that every version is scored on the same files.
//
// Balanced by construction: classes in turn, letters, yes and no and counts in even blocks. Not for training
// data (QaSource). Thread rule: free functions.
//
//   render_set(bank, Split::kTest, 600, 1, "sets/test");   // sets/test/count.jsonl,
//   sets/test/clips/count-0000.wav const AnswerKey key =
//   answer_key(read_manifest("sets/test/count.jsonl")[0]);
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "af2/data/answers.h"
#include "af2/data/manifest.h"
#include "af2/data/questions.h"

namespace af2 {

struct EvaluationOptions {
  std::vector<QuestionType> types = {QuestionType::kWhatMc,     QuestionType::kPresence,
                                     QuestionType::kOrderFirst, QuestionType::kOrderLast,
                                     QuestionType::kCount,      QuestionType::kWhatOpen};
  SceneOptions scene;  // no augmentation by default
};

// Question `index` of the set with its scene; a function of (seed, split, type, index) and the options.
// Classes come in turn, in an order drawn from the seed. Throws kData when no scene fits in 200 draws.
QaGroup evaluation_item(const SoundBank& bank, Split split, QuestionType type, std::uint64_t seed,
                        std::uint64_t index, const SceneOptions& scene);

// Writes `n` questions of each type: folder/TYPE.jsonl and folder/clips/TYPE-NNNN.wav (16 bit, 16 kHz). Meta:
// type, options, answer_index, label, present, recordings, events, background, seed. Returns the manifests
// written. Throws kResource when it cannot write.
std::vector<std::filesystem::path> render_set(const SoundBank& bank, Split split, int n, std::uint64_t seed,
                                              const std::filesystem::path& folder,
                                              const EvaluationOptions& options = {});

// From a question, and from the meta of a written one. Throws kData when the meta lacks a field.
AnswerKey answer_key(const QaItem& item);
AnswerKey answer_key(const ManifestItem& item);

}  // namespace af2
