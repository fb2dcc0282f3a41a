// What `af2 index`, `search` and `info` share about an index of sounds.
#pragma once

#include <string>

#include "af2/cli/clap_flags.h"
#include "af2/index/sound_index.h"

namespace af2 {

// The SHA-256 that says which model made a vector: of its weights and of what the audio tower's config says.
// Weights that an earlier call noted in the index, by path, size and time, are not read again; `note` lets
// this call note them.
enum class Note { kNo, kYes };
std::string model_sha256(const ClapEngine& clap, SoundIndex& index, Note note);

// What an index holds, for people and programs.
Json index_facts(SoundIndex& index);
// A path as it can be opened from here: relative where it lies below the current folder.
std::string path_from_here(const std::string& absolute);
// JSON as one line; bytes that are no UTF-8 (in names of files) become U+FFFD.
std::string json_line(const Json& json);

}  // namespace af2
