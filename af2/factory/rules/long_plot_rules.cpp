// Storyline, causes and mood over time of a long scene, from what its recipe knows (docs/spec/data.md section
// 3).
#include <algorithm>
#include <set>

#include "af2/core/text_util.h"
#include "af2/factory/rules/long_detail.h"
#include "af2/factory/rules/long_tables.h"
#include "af2/factory/rules/long_types.h"
#include "af2/factory/rules/story_pool.h"

namespace af2 {
namespace {

using namespace long_detail;

constexpr int kMostWords = 20;

const std::vector<RecordPart>& parts_of(const RuleContext& context) {
  return context.record.story.parts;
}

bool long_enough(const RuleContext& context) {
  return context.record.duration.value_or(0) >= context.margins.long_s;
}

ItemEvidence evidence_of_part(const RecordPart& part) {
  return {part.place.empty() ? part.name : place_phrase(part.place), part.start, part.end};
}

// Sentences told in this order: some parts in this order have them as their texts.
bool told_so(const std::vector<RecordPart>& parts, const std::vector<std::string>& clauses) {
  std::size_t next = 0;
  for (const std::string& clause : clauses) {
    while (next < parts.size() && as_clause(parts[next].text) != clause) ++next;
    if (next++ == parts.size()) return false;
  }
  return true;
}

std::optional<Finding> find_storyline(const RuleContext& context) {
  const LongScene scene(context);
  const std::vector<RecordPart>& parts = parts_of(context);
  if (!long_enough(context) || parts.size() < 2) return std::nullopt;
  const std::size_t n = parts.size() > 2 && context.rng.chance(0.5) ? 3 : 2;
  std::vector<std::size_t> places(parts.size());
  for (std::size_t i = 0; i < places.size(); ++i) places[i] = i;
  context.rng.shuffle(places);
  places.resize(n);
  std::sort(places.begin(), places.end());
  std::vector<std::string> right;
  for (const std::size_t place : places) right.push_back(as_clause(parts[place].text));
  if (std::set<std::string>(right.begin(), right.end()).size() != n || right.front().empty() ||
      right.back().empty() || right[1].empty())
    return std::nullopt;
  const std::string form =
      n == 2 ? context.rng.pick(std::vector<std::string>{"First {0}, and then {1}",
                                                         "At first {0}, and later {1}",
                                                         "To begin with {0}, and in the end {1}"})
             : context.rng.pick(std::vector<std::string>{"First {0}, then {1}, and finally {2}",
                                                         "At first {0}, later {1}, and in the end {2}"});
  Finding finding;
  std::vector<std::string> used = right;
  const auto told = [&](const std::vector<std::string>& clauses) {
    used.insert(used.end(), clauses.begin(), clauses.end());
    return as_sentence(fill_places(form, clauses));
  };
  finding.answer = told(right);
  if (count_words(finding.answer) > kMostWords) return std::nullopt;
  // What other scenes tell, or other parts of this one.
  std::vector<std::string> others;
  const auto offer = [&](const std::string& text) {
    const std::string clause = as_clause(text);
    const int difference = count_words(clause) - count_words(right[std::min(others.size(), n - 1)]);
    if (others.size() < n && !clause.empty() && std::abs(difference) <= 3 &&
        std::find(right.begin(), right.end(), clause) == right.end() &&
        std::find(others.begin(), others.end(), clause) == others.end())
      others.push_back(clause);
  };
  std::vector<RecordPart> rest = parts;
  context.rng.shuffle(rest);
  if (context.rng.chance(0.5))
    for (const RecordPart& part : rest) offer(part.text);
  if (context.pool) {
    std::vector<ToldStory> told_elsewhere = context.pool->parts();
    context.rng.shuffle(told_elsewhere);
    for (const ToldStory& story : told_elsewhere)
      if (std::none_of(parts.begin(), parts.end(), [&](const RecordPart& part) {
            return part.name == story.recipe || as_clause(part.text) == as_clause(story.text);
          }))
        offer(story.text);
  }
  for (const RecordPart& part : rest) offer(part.text);
  const bool reorder = n == 3 && (others.size() < n || context.rng.chance(0.5));
  std::vector<std::vector<std::string>> wrong;
  if (reorder) {
    for (const std::vector<int>& order : other_orders(3, 3, context.rng)) {
      wrong.emplace_back();
      for (const int place : order) wrong.back().push_back(right[static_cast<std::size_t>(place)]);
    }
  } else if (others.size() == n) {
    for (const std::vector<bool>& other : balanced_others(static_cast<int>(n), context.rng)) {
      wrong.push_back(right);
      for (std::size_t i = 0; i < n; ++i)
        if (other[i]) wrong.back()[i] = others[i];
    }
  }
  for (const std::vector<std::string>& clauses : wrong) {
    if (told_so(parts, clauses)) return std::nullopt;
    const std::string text = told(clauses);
    if (count_words(text) > kMostWords) return std::nullopt;
    finding.wrong.push_back({text, "value"});
  }
  finding.sentence = finding.answer;
  finding.level = reorder ? "hard" : "medium";
  for (const std::size_t place : places) finding.evidence.push_back(evidence_of_part(parts[place]));
  finding.facts = {{"clauses", sorted_texts(used)}};
  return finding;
}

std::optional<Finding> find_summary(const RuleContext& context) {
  const RecordStory& story = context.record.story;
  if (!long_enough(context) || trim(story.plot).empty() || count_words(story.plot) > kMostWords)
    return std::nullopt;
  Finding finding;
  finding.answer = finding.sentence = as_sentence(story.plot);
  finding.level = "medium";
  std::vector<std::string> recipes;
  if (context.pool) {
    std::vector<ToldStory> others = context.pool->plots();
    context.rng.shuffle(others);
    // Of other recipes; near in length, so that none stands out.
    std::stable_sort(others.begin(), others.end(), [&](const ToldStory& a, const ToldStory& b) {
      const auto apart = [&](const ToldStory& told) {
        return std::abs(count_words(told.text) - count_words(story.plot)) / 3;
      };
      return apart(a) < apart(b);
    });
    std::vector<std::string> route;
    for (const RecordPart& part : story.parts) route.push_back(place_phrase(part.place));
    for (const ToldStory& other : others) {
      if (finding.wrong.size() == 4) break;
      const bool same = other.recipe.empty() || other.recipe == story.recipe || other.places == route ||
                        std::any_of(story.parts.begin(), story.parts.end(),
                                    [&](const RecordPart& part) { return part.name == other.recipe; });
      if (same || count_words(other.text) > kMostWords) continue;
      finding.wrong.push_back({as_sentence(other.text), "value"});
      recipes.push_back(other.recipe);
    }
  }
  finding.facts = {{"other_recipes", sorted_texts(recipes)}};
  for (const RecordPart& part : story.parts)
    if (finding.evidence.size() < 8) finding.evidence.push_back(evidence_of_part(part));
  return finding;
}

// What happens in one part, asked for by its place in the story.
std::optional<Finding> find_episode(const RuleContext& context) {
  const LongScene scene(context);
  const std::vector<RecordPart>& parts = parts_of(context);
  if (!long_enough(context) || parts.size() < 2) return std::nullopt;
  Finding finding;
  finding.variant = context.rng.pick(std::vector<std::string>{"begin", "end", "after", "before"});
  const RecordPart* asked = finding.variant == "begin" ? &parts.front() : &parts.back();
  if (finding.variant == "after" || finding.variant == "before") {
    const std::size_t i = context.rng.below(parts.size() - 1);
    const RecordPart& known = finding.variant == "after" ? parts[i] : parts[i + 1];
    asked = finding.variant == "after" ? &parts[i + 1] : &parts[i];
    const std::string place = place_phrase(known.place);
    const auto here = [&](const RecordPart& part) { return places_alike(part.place, place); };
    if (std::count_if(parts.begin(), parts.end(), here) != 1) return std::nullopt;
    finding.slots["place"] = place;
    finding.facts["place"] = place;
  }
  finding.facts["which"] = finding.variant;
  finding.answer = finding.sentence = as_sentence(asked->text);
  std::vector<const RecordPart*> rest;
  for (const RecordPart& part : parts)
    if (as_clause(part.text) != as_clause(asked->text)) rest.push_back(&part);
  context.rng.shuffle(rest);
  for (const RecordPart* part : rest) finding.wrong.push_back({as_sentence(part->text), "present"});
  if (context.pool) {
    std::vector<ToldStory> others = context.pool->parts();
    context.rng.shuffle(others);
    for (const ToldStory& other : others)
      if (finding.wrong.size() < 5 && std::none_of(parts.begin(), parts.end(), [&](const RecordPart& part) {
            return part.name == other.recipe || as_clause(part.text) == as_clause(other.text);
          }))
        finding.wrong.push_back({as_sentence(other.text), "absent"});
  }
  std::erase_if(finding.wrong, [](const WrongAnswer& wrong) {
    return count_words(wrong.text) > kMostWords || count_words(wrong.text) < 2;
  });
  if (count_words(finding.answer) > kMostWords || count_words(finding.answer) < 2) return std::nullopt;
  finding.kind = "present";
  finding.evidence = {evidence_of_part(*asked)};
  finding.level = finding.facts.contains("place") ? "hard" : "medium";
  return finding;
}

// The moods of the parts, each as long as it lasts.
std::vector<std::pair<std::string, Span>> mood_course(const RuleContext& context) {
  std::vector<std::pair<std::string, Span>> course;
  for (const RecordPart& part : parts_of(context)) {
    const std::string mood = trim(part.mood);
    if (mood.empty()) return {};
    if (course.empty() || !moods_alike(course.back().first, mood))
      course.push_back({mood, {part.start, part.end}});
    else
      course.back().second.end = part.end;
  }
  return course;
}

std::optional<Finding> find_mood(const RuleContext& context) {
  const LongScene scene(context);
  auto course = mood_course(context);
  if (!long_enough(context) || course.size() < 2) return std::nullopt;
  Finding finding;
  // A long way is told by its ends.
  finding.variant = course.size() > 3 ? "ends" : "course";
  if (course.size() > 3) course = {course.front(), course.back()};
  const std::size_t n = course.size();
  std::vector<std::string> right;
  for (const auto& [mood, span] : course) {
    right.push_back(mood);
    finding.evidence.push_back({mood, span.start, span.end});
  }
  if (n == 2 && moods_alike(right[0], right[1])) return std::nullopt;
  const std::string form = n == 2 ? "from {0} to {1}" : "from {0} to {1} and then to {2}";
  std::vector<std::vector<std::string>> wrong;
  std::vector<std::string> others = scene.other_moods(right, static_cast<int>(n));
  if (others.size() < n) return std::nullopt;
  // A mood that comes back does so in other options too.
  if (n == 3 && moods_alike(right[0], right[2])) others[2] = others[0];
  if (n == 2 && context.rng.chance(0.5)) {
    // Both moods each way, and another pair each way: every mood begins and ends one option.
    wrong = {{right[1], right[0]}, {others[0], others[1]}, {others[1], others[0]}};
  } else {
    for (const std::vector<bool>& other : balanced_others(static_cast<int>(n), context.rng)) {
      wrong.push_back(right);
      for (std::size_t i = 0; i < n; ++i)
        if (other[i]) wrong.back()[i] = others[i];
    }
  }
  finding.answer = as_clause(fill_places(form, right));
  std::vector<std::string> used = right;
  for (const std::vector<std::string>& moods : wrong) {
    finding.wrong.push_back({as_clause(fill_places(form, moods)), "value"});
    used.insert(used.end(), moods.begin(), moods.end());
  }
  finding.sentence = "The mood goes " + finding.answer + ".";
  finding.level = n == 2 ? "easy" : "medium";
  finding.facts = {{"moods", sorted_texts(used)}, {"of", finding.variant}};
  return finding;
}

std::optional<Finding> find_mood_place(const RuleContext& context) {
  const LongScene scene(context);
  if (!long_enough(context) || scene.stages().size() < 2) return std::nullopt;
  const Stage& stage = scene.stages()[context.rng.below(scene.stages().size())];
  const std::string mood = stage.moods.front();
  const auto feels = [&](const Stage& other) {
    return std::any_of(other.moods.begin(), other.moods.end(),
                       [&](const std::string& its) { return its.empty() || moods_alike(its, mood); });
  };
  if (mood.empty()) return std::nullopt;
  Finding finding;
  std::vector<std::string> seen = {stage.place};
  std::vector<const Stage*> rest;
  for (const Stage& other : scene.stages()) {
    if (other.place == stage.place) continue;
    if (feels(other) || places_alike(other.place, stage.place)) return std::nullopt;
    if (std::find(seen.begin(), seen.end(), other.place) != seen.end()) continue;
    seen.push_back(other.place);
    rest.push_back(&other);
  }
  if (rest.empty()) return std::nullopt;
  context.rng.shuffle(rest);
  // Only places where other records have the mood: else the mood would tell the place.
  const auto could_feel = [&](const std::string& place) {
    return !context.pool || context.pool->felt_at(mood, place);
  };
  for (const Stage* other : rest)
    if (could_feel(other->place)) finding.wrong.push_back({other->place, "present"});
  for (const std::string& place : scene.other_places(12))
    if (could_feel(place)) finding.wrong.push_back({place, "absent"});
  finding.slots["mood"] = mood;
  finding.answer = stage.place;
  finding.kind = "present";
  finding.level = "medium";
  finding.evidence = {{stage.place, stage.start, stage.end}};
  finding.facts = {{"mood", mood}};
  return finding;
}

// ---- Causes -----------------------------------------------------------------------------------------------

const std::string& label_of_event(const Record& record, int place) {
  return record.events.at(static_cast<std::size_t>(place)).label;
}

// `cause`: the second event is named, the first one asked for; else the other way round.
std::optional<Finding> find_related(const RuleContext& context, bool cause) {
  const LongScene scene(context);
  const Record& record = context.record;
  if (!long_enough(context)) return std::nullopt;
  std::vector<RecordRelation> relations = record.story.relations;
  context.rng.shuffle(relations);
  const std::map<std::string, std::pair<std::string, std::string>> said = {
      {"causes", {"leads to", "is caused by"}},
      {"answers", {"answers", "is answered by"}},
      {"interrupts", {"interrupts", "is interrupted by"}},
      {"stops", {"puts an end to", "is stopped by"}}};
  const int n_events = static_cast<int>(record.events.size());
  const auto sound_at = [&](int place) -> const LongSound* {
    for (const LongSound& sound : scene.sounds())
      if (std::find(sound.events.begin(), sound.events.end(), place) != sound.events.end()) return &sound;
    return nullptr;
  };
  for (const RecordRelation& relation : relations) {
    const auto words = said.find(relation.kind);
    if (words == said.end() || relation.first < 0 || relation.second < 0 || relation.first >= n_events ||
        relation.second >= n_events)
      continue;
    const LongSound *named = sound_at(cause ? relation.second : relation.first),
                    *asked = sound_at(cause ? relation.first : relation.second);
    if (!named || !asked || named == asked) continue;
    // Whenever the named one sounds it is in this relation, always to the same label.
    std::set<int> placed;
    bool one = true;
    for (const RecordRelation& other : record.story.relations) {
      if (other.first < 0 || other.second < 0 || other.first >= n_events || other.second >= n_events)
        continue;
      const int its = cause ? other.second : other.first, partner = cause ? other.first : other.second;
      if (label_of_event(record, its) != named->label) continue;
      if (other.kind != relation.kind || label_of_event(record, partner) != asked->label) one = false;
      placed.insert(its);
    }
    // What repeats does so in the same part, for the same reason.
    const auto part_at = [&](int place) {
      const double onset = record.events[static_cast<std::size_t>(place)].onset;
      std::ptrdiff_t part = -1;
      for (const RecordPart& its : record.story.parts)
        if (its.start <= onset && onset < its.end) part = &its - record.story.parts.data();
      return part;
    };
    for (const int event : named->events)
      one = one && (placed.contains(event) || std::any_of(placed.begin(), placed.end(), [&](int other) {
                      return part_at(event) >= 0 && part_at(event) == part_at(other);
                    }));
    if (!one) continue;
    Finding finding;
    finding.slots = {{"x", scene.phrase(named->label)},
                     {"relation", cause ? words->second.first : words->second.second}};
    finding.answer = scene.phrase(asked->label);
    finding.kind = "present";
    finding.sentence =
        relation.text.empty() || count_words(relation.text) > kMostWords ? "" : as_sentence(relation.text);
    const auto others = scene.drawn(
        [&](const LongSound& sound) { return sound.label != named->label && sound.label != asked->label; });
    finding.wrong =
        wrong_labels(scene, others, others.size() < 3 ? scene.absent(4) : std::vector<std::string>());
    finding.evidence = {evidence_of(record.events[static_cast<std::size_t>(relation.first)]),
                        evidence_of(record.events[static_cast<std::size_t>(relation.second)])};
    finding.level = relation.kind == "causes" ? "medium" : "hard";
    finding.facts = {{"label", named->label}, {"kind", relation.kind}};
    return finding;
  }
  return std::nullopt;
}

std::optional<Finding> find_cause(const RuleContext& context) {
  return find_related(context, true);
}
std::optional<Finding> find_effect(const RuleContext& context) {
  return find_related(context, false);
}

}  // namespace

std::vector<RuleType> long_plot_rules() {
  return {{"plot", "storyline", true, {"choice", "open"}, find_storyline},
          {"plot", "episode", true, {"choice", "open"}, find_episode},
          {"plot", "summary", true, {"open", "choice"}, find_summary},
          {"plot", "mood", true, {"choice", "short", "open"}, find_mood},
          {"plot", "mood_place", true, {"choice", "short"}, find_mood_place},
          {"plot", "cause", true, {"choice", "short", "open"}, find_cause},
          {"plot", "effect", true, {"choice", "short", "open"}, find_effect}};
}

}  // namespace af2
