// Reading and checking recipes; the scene of one place with its story.
#include "af2/synth/recipe.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <set>

#include "af2/core/error.h"
#include "af2/core/options.h"
#include "af2/core/text_util.h"
#include "af2/data/text_terms.h"
#include "af2/synth/recipe_story.h"

namespace af2 {
namespace {

const std::set<std::string> kKinds = {"causes", "answers", "interrupts", "stops"};
const std::set<std::string> kEventSlots = {"phrase", "short", "sentence", "count", "times"};
const std::set<std::string> kPlaceSlots = {"place", "weather", "time", "mood"};
const std::set<std::string> kChainSlots = {"first.place",   "first.mood", "first.time", "first.weather",
                                           "last.place",    "last.mood",  "last.time",  "last.weather",
                                           "middle.places", "places",     "moods",      "count"};

std::string times_word(int n) {
  return n == 1 ? "once" : n == 2 ? "twice" : number_word(n) + " times";
}

// "dog.phrase" of "{Dog.phrase}".
std::string plain_slot(std::string slot) {
  if (!slot.empty()) slot[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(slot[0])));
  return slot;
}

std::vector<std::string> slots_of(const std::string& text, const std::string& where) {
  std::vector<std::string> slots;
  for (std::size_t at = 0; (at = text.find('{', at)) != std::string::npos;) {
    const std::size_t end = text.find('}', at);
    if (end == std::string::npos) throw user_error("a slot has no end: " + text, where);
    slots.push_back(plain_slot(text.substr(at + 1, end - at - 1)));
    at = end;
  }
  return slots;
}

void check_slots(const Recipe& r, const std::string& text, const std::string& where) {
  for (const std::string& slot : slots_of(text, where)) {
    const std::string problem = "unknown slot {" + slot + "} in: " + text;
    if (r.is_long()) {
      if (!kChainSlots.contains(slot)) throw user_error(problem, where, "one of a long scene's");
      continue;
    }
    if (kPlaceSlots.contains(slot)) {
      const auto& drawn = slot == "place"     ? r.place
                          : slot == "weather" ? r.weather
                          : slot == "time"    ? r.time
                                              : r.mood;
      if (drawn.empty()) throw user_error("the recipe has no " + slot + " for: " + text, where);
      continue;
    }
    const std::size_t dot = slot.find('.');
    const std::string name = slot.substr(0, dot), what = dot == std::string::npos ? "" : slot.substr(dot + 1);
    if (name == "background" && (what == "phrase" || what == "short" || what == "sentence")) {
      if (r.scene.background.kinds != std::vector<std::string>{"recorded"})
        throw user_error("the background may be noise, which has no words: " + text, where);
      continue;
    }
    const auto event = std::find_if(r.scene.events.begin(), r.scene.events.end(),
                                    [&](const EventSpec& e) { return e.name == name; });
    if (name.empty() || event == r.scene.events.end() || !kEventSlots.contains(what))
      throw user_error(problem, where, "NAME.phrase, .short, .sentence, .count or .times of an event");
    if (event->chance < 1)
      throw user_error("an event that may be missing stands in: " + text, where, "let it always be there");
  }
}

Recipe recipe_of(const Json& json, const std::string& name, const std::string& where) {
  Recipe recipe;
  recipe.scene.duration.reset();  // as long as what happens
  from_json(json, recipe, where);
  recipe.name = name;
  for (EventSpec& e : recipe.scene.events) e.snr = recipe.snr;
  check_recipe(recipe, where);
  return recipe;
}

std::string draw_text(const std::vector<std::string>& texts, Random& rng) {
  return texts.empty() ? std::string() : rng.pick(texts);
}

}  // namespace

std::string listed(const std::vector<std::string>& things) {
  std::string text;
  for (std::size_t i = 0; i < things.size(); ++i)
    text += (i == 0 ? "" : i + 1 == things.size() ? " and " : ", ") + things[i];
  return text;
}

std::string fill_text(const std::string& text, const std::map<std::string, std::string>& slots) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t open = text.find('{', at);
    out += text.substr(at, open - at);
    if (open == std::string::npos) break;
    const std::size_t close = text.find('}', open);
    const std::string slot = text.substr(open + 1, close - open - 1);
    std::string value = slots.at(plain_slot(slot));
    const bool capital = std::isupper(static_cast<unsigned char>(slot[0])) != 0;
    if (capital && !value.empty())
      value[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(value[0])));
    out += value;
    at = close + 1;
  }
  return out;
}

const std::map<std::string, Recipe>& all_recipes() {
  static const std::map<std::string, Recipe> all = [] {
    std::map<std::string, Recipe> made;
    for (const auto& [name, text] : embedded_recipes()) {
      const std::string where = "recipe " + name;
      made[name] = recipe_of(parse_yaml(text, where), name, where);
    }
    return made;
  }();
  return all;
}

const Recipe& recipe_named(const std::string& name) {
  const auto found = all_recipes().find(name);
  if (found != all_recipes().end()) return found->second;
  std::vector<std::string> names;
  for (const auto& [known, recipe] : all_recipes()) names.push_back(known);
  throw user_error("unknown recipe `" + name + "`", "--recipe",
                   "did you mean `" + nearest_word(name, names) + "`?");
}

Recipe read_recipe(const std::filesystem::path& path) {
  return recipe_of(read_config_file(path), path.stem().string(), path.string());
}

void check_recipe(const Recipe& r, const std::string& where) {
  if (r.plot.empty() || r.captions.empty()) throw user_error("needs a plot and a caption", where);
  for (const auto* texts : {&r.plot, &r.captions})
    for (const std::string& text : *texts) check_slots(r, text, where);
  if (r.is_long()) {
    const RecipeChain& c = r.chain;
    if (!r.scene.events.empty()) throw user_error("has both a scene and a chain", where);
    if (!c.parts.empty() && !c.from.empty()) throw user_error("has both parts and from", where + " chain");
    c.count.check(where + " chain.count"), c.crossfade.check(where + " chain.crossfade");
    c.part_seconds.check(where + " chain.part_seconds");
    if (c.from.empty() ? c.parts.size() < 2 : c.count.least() < 2)
      throw user_error("a chain has at least two parts", where);
    std::vector<std::vector<std::string>> lists = c.parts;
    if (c.from != std::vector<std::string>{"all"}) lists.push_back(c.from);
    for (const auto& list : lists)
      for (const std::string& name : list)
        if (std::none_of(embedded_recipes().begin(), embedded_recipes().end(),
                         [&](const auto& known) { return known.first == name; }))
          throw user_error("a part of a chain is no recipe: `" + name + "`", where);
    return;
  }
  if (r.place.empty()) throw user_error("needs a place", where);
  check_spec(r.scene, where);
  SceneSpec more;
  more.events = r.scattered;
  check_spec(more, where + " scattered");
  for (const EventSpec& e : r.scattered)
    if (!e.every) throw user_error("needs `every`", where + " scattered");
  for (const EventSpec& e : r.scene.events)
    for (const std::string* text : {&e.maker, &e.purpose}) check_slots(r, *text, where);
  for (const RecipeRelation& relation : r.relations) {
    if (!kKinds.contains(relation.kind))
      throw user_error("unknown relation `" + relation.kind + "`", where,
                       "causes, answers, interrupts or stops");
    for (const std::string* name : {&relation.first, &relation.second})
      if (name->empty() || std::none_of(r.scene.events.begin(), r.scene.events.end(),
                                        [&](const EventSpec& e) { return e.name == *name; }))
        throw user_error("a relation of no event: `" + *name + "`", where);
    // Its events may be missing: then it is, too. Slots of theirs are safe.
    Recipe sure = r;
    for (EventSpec& e : sure.scene.events)
      if (e.name == relation.first || e.name == relation.second) e.chance = 1;
    check_slots(sure, relation.text, where);
  }
}

std::string what_lacks(const SoundLibrary& library, Split split, const Recipe& r) {
  const auto has_any = [&](const std::vector<std::string>& labels, TakeRole role) {
    return std::any_of(labels.begin(), labels.end(), [&](const std::string& label) {
      return library.has({.role = role, .split = split, .label = label});
    });
  };
  if (!r.is_long()) {
    const BackgroundSpec& b = r.scene.background;
    if (!b.labels.empty() && std::find(b.kinds.begin(), b.kinds.end(), "recorded") != b.kinds.end() &&
        !has_any(b.labels, TakeRole::kBackground))
      return "the background: " + join(b.labels, ", ");
    for (const EventSpec& e : r.scene.events)
      if (!e.labels.empty() && !has_any(e.labels, TakeRole::kForeground))
        return (e.name.empty() ? "an event" : e.name) + ": " + join(e.labels, ", ");
    return "";
  }
  for (const auto& part : r.chain.parts)
    if (std::none_of(part.begin(), part.end(), [&](const std::string& name) {
          return what_lacks(library, split, recipe_named(name)).empty();
        }))
      return "a part: " + join(part, ", ");
  if (!r.chain.from.empty() &&
      static_cast<double>(chain_choices(library, split, r).size()) < r.chain.count.least())
    return "enough recipes to chain";
  return "";
}

Told tell_recipe(const SoundLibrary& library, Split split, const Recipe& r, const SceneSpec& spec,
                 Random& rng) {
  Told told;
  RecordPart& part = told.part;
  part.name = r.name, part.place = draw_text(r.place, rng), part.weather = draw_text(r.weather, rng);
  part.time = draw_text(r.time, rng), part.mood = draw_text(r.mood, rng);
  told.plan = draft_scene(library, split, spec, rng);
  std::map<std::string, std::string> slots = {
      {"place", part.place}, {"weather", part.weather}, {"time", part.time}, {"mood", part.mood}};
  const auto add_words = [&](const std::string& name, const std::string& label) {
    const int known = library.words().find(label);
    const LabelInfo info = known < 0 ? label_of_name(label) : library.words().at(known);
    slots[name + ".phrase"] = info.phrase, slots[name + ".short"] = info.short_name;
    slots[name + ".sentence"] = info.sentence;
  };
  if (!told.plan.backgrounds.empty())
    add_words("background", library.take(told.plan.backgrounds[0].take).label);
  struct Place {
    int group = -1, repeats = 0;
  };
  std::map<std::string, Place> places;
  for (const PlanEvent& e : told.plan.events) {
    if (e.name.empty()) continue;
    add_words(e.name, e.label);
    Place& place = places[e.name];
    place.group = e.group, ++place.repeats;
  }
  for (const auto& [name, place] : places) {
    slots[name + ".count"] = number_word(place.repeats);
    slots[name + ".times"] = times_word(place.repeats);
  }
  for (PlanEvent& e : told.plan.events) {
    e.maker = fill_text(e.maker, slots), e.purpose = fill_text(e.purpose, slots);
  }
  for (const RecipeRelation& relation : r.relations) {
    const auto first = places.find(relation.first), second = places.find(relation.second);
    if (first == places.end() || second == places.end()) continue;
    told.relations.push_back({relation.kind, fill_text(relation.text, slots), first->second.group,
                              first->second.repeats - 1, second->second.group});
  }
  part.text = fill_text(rng.pick(r.plot), slots);
  told.caption = fill_text(rng.pick(r.captions), slots);
  part.end = told.plan.seconds();
  return told;
}

void set_relations(ScenePlan& plan, const std::vector<GroupRelation>& relations) {
  const auto find = [&](int group, int repeat) {
    for (std::size_t i = 0; i < plan.events.size(); ++i)
      if (plan.events[i].group == group && plan.events[i].repeat == repeat) return static_cast<int>(i);
    throw internal_error("a relation's event is not in the plan");
  };
  for (const GroupRelation& r : relations)
    plan.story.relations.push_back({r.kind, find(r.first, r.first_repeat), find(r.second, 0), r.text});
}

ScenePlan plan_recipe(const SoundLibrary& library, Split split, const Recipe& recipe,
                      const RecipeOptions& options, Random& rng) {
  if (recipe.is_long()) return plan_chain(library, split, recipe, options, rng);
  SceneSpec spec = recipe.scene;
  spec.channels = options.channels;
  if (options.part_seconds > 0) {
    spec.at_least = Distribution::constant(options.part_seconds);
    spec.events.insert(spec.events.end(), recipe.scattered.begin(), recipe.scattered.end());
  }
  Told told = tell_recipe(library, split, recipe, spec, rng);
  ScenePlan& plan = told.plan;
  plan.story.recipe = recipe.name, plan.story.place = told.part.place, plan.story.weather = told.part.weather;
  plan.story.time = told.part.time, plan.story.mood = told.part.mood, plan.story.plot = told.part.text;
  set_relations(plan, told.relations);
  plan.captions = {{told.caption, 0, 0, "recipe"}};
  set_levels(library, plan);
  return std::move(told.plan);
}

}  // namespace af2
