// What recipes of one place and of chains share. Internal to af2/synth.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "af2/synth/recipe.h"

namespace af2 {

// A relation by groups: the places of events change while scenes are joined.
struct GroupRelation {
  std::string kind, text;
  int first = 0, first_repeat = 0, second = 0;
};

// A drafted scene with its words.
struct Told {
  ScenePlan plan;
  RecordPart part;
  std::string caption;
  std::vector<GroupRelation> relations;
};

Told tell_recipe(const SoundLibrary& library, Split split, const Recipe& recipe, const SceneSpec& spec,
                 Random& rng);
// Writes them into the plan's story, by the events' places.
void set_relations(ScenePlan& plan, const std::vector<GroupRelation>& relations);
// Replaces {slots}; all of them must be known.
std::string fill_text(const std::string& text, const std::map<std::string, std::string>& slots);

// Of a chain with `from`: those that can be made.
std::vector<std::string> chain_choices(const SoundLibrary& library, Split split, const Recipe& recipe);
ScenePlan plan_chain(const SoundLibrary& library, Split split, const Recipe& recipe,
                     const RecipeOptions& options, Random& rng);

}  // namespace af2
