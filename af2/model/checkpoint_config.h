// The sizes of a published Audio Flamingo 2 checkpoint, read from the shapes of its tensors.
//
// What shapes do not tell comes from elsewhere and is never guessed: heads and rotary base of the language
// model from the base model's config.json (or the table of Qwen2.5 sizes), the generation from the AF-CLAP
// file beside it or from the caller (docs/spec/model.md section 12). Thread rule: free functions.
//
//   const CheckpointFiles files = CheckpointFiles::open("audio-flamingo-2");
//   const Af2Config config = config_of_checkpoint(files, {});
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "af2/io/checkpoint_layout.h"
#include "af2/model/af2_config.h"

namespace af2 {

// The two releases: other mel bands, and rotary embedding without effect in the first.
enum class Generation { kMarch2025, kJune2025 };
inline constexpr double kMarchMaxHz = 14000;  // the upper end of the mel bands then
// "2025-03", "2025-06". Throws kUser for anything else.
Generation generation_from_name(const std::string& name);
// Mel bands, windows and rotary embedding of a release.
void set_generation(Af2Config& config, Generation generation);

inline constexpr const char* kPublishedLicence = "NVIDIA OneWay Noncommercial License";

struct CheckpointHints {
  std::string generation;         // "", 2025-03, 2025-06
  std::filesystem::path base_lm;  // folder of the base language model; "" where there is none
  int vocab = 0;                  // of the tokenizer, without the added tokens; 0: the embedding's other rows
};

// Whether the output projection is the embedding: no lm_head in the files, or one with the same bytes.
bool head_is_tied(const CheckpointFiles& files);

// The generation that the files beside a checkpoint tell (clap_ckpt/epoch_15.pt or epoch_16.pt; for an
// AF-CLAP its own name), or the mel filters in it; nothing when they do not.
std::optional<Generation> generation_of(const CheckpointFiles& files);

// The generation that files and `hint` ("", or a generation's name) agree on. Throws kUser where they
// contradict each other, and where neither tells.
Generation settled_generation(const CheckpointFiles& files, const std::string& hint);

// The language model's sizes from a Hugging Face config.json. Throws kModel for an architecture or option
// that is not built in (sliding window in use, rope scaling, another activation), naming it.
LmConfig lm_config_from_huggingface(const std::filesystem::path& config_json);

// Throws kModel naming the tensor that is missing or has an impossible shape, kUser when the generation or
// the language model's heads are told nowhere.
Af2Config config_of_checkpoint(const CheckpointFiles& files, const CheckpointHints& hints);

}  // namespace af2
