// Long scenes: places one after the other, each with its own ambience and story.
#include <algorithm>
#include <cmath>

#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/data/text_terms.h"
#include "af2/synth/recipe_story.h"

namespace af2 {
namespace {

// "stays calm", "turns from calm to tense", "changes but ends up calm again".
std::string course_of(const std::vector<std::string>& moods) {
  if (std::all_of(moods.begin(), moods.end(), [&](const auto& mood) { return mood == moods[0]; }))
    return "stays " + moods[0];
  if (moods.front() == moods.back()) return "changes but ends up " + moods[0] + " again";
  return "turns from " + moods.front() + " to " + moods.back();
}

std::vector<std::string> draw_parts(const SoundLibrary& library, Split split, const Recipe& recipe,
                                    Random& rng) {
  std::vector<std::string> names;
  for (const auto& part : recipe.chain.parts) {
    std::vector<std::string> can;
    for (const std::string& name : part)
      if (what_lacks(library, split, recipe_named(name)).empty()) can.push_back(name);
    if (can.empty())
      throw data_error("no part of `" + recipe.name + "` can be made: " + join(part, ", "), "sounds",
                       "add sounds for " + what_lacks(library, split, recipe_named(part.at(0))));
    names.push_back(rng.pick(can));
  }
  if (!names.empty()) return names;
  names = chain_choices(library, split, recipe);
  const auto wanted = static_cast<std::size_t>(std::max(2, recipe.chain.count.draw_whole(rng)));
  if (names.size() < 2)
    throw data_error("too few recipes can be made for `" + recipe.name + "`", "sounds", "add sounds");
  rng.shuffle(names);
  names.resize(std::min(wanted, names.size()));
  return names;
}

}  // namespace

std::vector<std::string> chain_choices(const SoundLibrary& library, Split split, const Recipe& recipe) {
  std::vector<std::string> names;
  if (recipe.chain.from == std::vector<std::string>{"all"}) {
    for (const auto& [name, one] : all_recipes())
      if (!one.is_long()) names.push_back(name);
  } else {
    names = recipe.chain.from;
  }
  std::erase_if(names, [&](const std::string& name) {
    return !what_lacks(library, split, recipe_named(name)).empty();
  });
  return names;
}

ScenePlan plan_chain(const SoundLibrary& library, Split split, const Recipe& recipe,
                     const RecipeOptions& options, Random& rng) {
  const std::vector<std::string> names = draw_parts(library, split, recipe, rng);
  ScenePlan plan;
  std::vector<GroupRelation> relations;
  std::vector<std::string> places, moods;
  for (const std::string& name : names) {
    const Recipe& one = recipe_named(name);
    SceneSpec spec = one.scene;
    spec.channels = options.channels;
    spec.at_least =
        options.part_seconds > 0 ? Distribution::constant(options.part_seconds) : recipe.chain.part_seconds;
    spec.events.insert(spec.events.end(), one.scattered.begin(), one.scattered.end());
    Told told = tell_recipe(library, split, one, spec, rng);
    int groups = 0;
    for (const PlanEvent& e : plan.events) groups = std::max(groups, e.group + 1);
    const auto crossfade = std::llround(recipe.chain.crossfade.draw_from(rng) * told.plan.rate_hz);
    const std::int64_t begin = append_scene(plan, told.plan, crossfade);
    for (GroupRelation r : told.relations) {
      r.first += groups, r.second += groups;
      relations.push_back(std::move(r));
    }
    told.part.start = static_cast<double>(begin) / plan.rate_hz;
    if (!plan.story.parts.empty()) plan.story.parts.back().end = told.part.start;
    told.part.end = plan.seconds();
    if (places.empty() || places.back() != told.part.place) places.push_back(told.part.place);
    moods.push_back(told.part.mood);
    plan.story.parts.push_back(told.part);
    plan.captions.push_back({told.caption, told.part.start, told.part.end, "recipe"});
  }
  for (std::size_t i = 0; i < plan.captions.size(); ++i) plan.captions[i].end = plan.story.parts[i].end;
  const RecordPart &first = plan.story.parts.front(), &last = plan.story.parts.back();
  std::map<std::string, std::string> slots;
  for (const auto& [name, part] : {std::pair{"first", &first}, std::pair{"last", &last}}) {
    const std::string where = name;
    slots[where + ".place"] = part->place, slots[where + ".mood"] = part->mood;
    slots[where + ".time"] = part->time, slots[where + ".weather"] = part->weather;
  }
  slots["places"] = listed(places), slots["moods"] = course_of(moods);
  slots["middle.places"] = places.size() > 2 ? listed({places.begin() + 1, places.end() - 1}) : places.back();
  slots["count"] = number_word(static_cast<int>(names.size()));
  plan.story.recipe = recipe.name;
  plan.story.plot = fill_text(rng.pick(recipe.plot), slots);
  plan.captions.insert(plan.captions.begin(), {fill_text(rng.pick(recipe.captions), slots), 0, 0, "recipe"});
  set_relations(plan, relations);
  set_levels(library, plan);
  return plan;
}

}  // namespace af2
