// Scenes in which something is said beside a sound: a recipe for each situation of speech that the sounds at
// hand allow (docs/spec/data.md section 5; the situations: rules/context_tables.h).
//
// Not for the questions about them (rules/contextual_speech_rules.cpp). Thread rule: free functions.
//
//   const std::vector<Recipe> recipes = situation_recipes(library, Split::kTrain);
#pragma once

#include <vector>

#include "af2/synth/recipe.h"

namespace af2 {

// The words come 0.3 to 1.5 s behind the sound, or before it; in most scenes a third sound, that other words
// go with, is somewhere. Situations whose words or sound the split lacks are left out.
std::vector<Recipe> situation_recipes(const SoundLibrary& library, Split split);

}  // namespace af2
