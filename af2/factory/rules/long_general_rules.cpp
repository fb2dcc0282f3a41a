// A long scene as a whole: its background, its places, what sounds most, how often, whether at all; and the
// answers about its stretches put together (docs/spec/data.md section 3).
#include <algorithm>
#include <map>

#include "af2/factory/rules/long_combine.h"
#include "af2/factory/rules/long_detail.h"
#include "af2/factory/rules/long_tables.h"
#include "af2/factory/rules/long_types.h"
#include "af2/factory/rules/story_pool.h"

namespace af2 {
namespace {

using namespace long_detail;

// Seconds that a label's background events fill.
std::map<std::string, double> background_seconds(const Record& record) {
  std::map<std::string, std::vector<Span>> spans;
  for (const RecordEvent& event : record.events)
    if (event.role == "background") spans[event.label].push_back({event.onset, event.offset});
  std::map<std::string, double> seconds;
  for (auto& [label, its] : spans) {
    std::sort(its.begin(), its.end(), [](const Span& a, const Span& b) { return a.start < b.start; });
    double end = 0;
    for (const Span& span : its) {
      seconds[label] += std::max(0.0, span.end - std::max(span.start, end));
      end = std::max(end, span.end);
    }
  }
  return seconds;
}

// Backgrounds of other scenes that do not sound in this one.
std::vector<std::string> other_backgrounds(const LongScene& scene, int n) {
  const RuleContext& context = scene.context();
  const Span all{0, scene.length()};
  if (context.pool && context.pool->backgrounds().size() > 3)
    return draw_from(context.pool->backgrounds(), n, context.rng,
                     [&](const std::string& label, const std::vector<std::string>& drawn) {
                       const int id = context.words.find(label);
                       return id >= 0 && !scene.heard_in(label, all) &&
                              std::none_of(drawn.begin(), drawn.end(), [&](const std::string& other) {
                                return context.words.confusable(id, context.words.find(other));
                              });
                     });
  return scene.absent(n);
}

bool confusable_labels(const LongScene& scene, const std::string& a, const std::string& b) {
  const int x = scene.context().words.find(a), y = scene.context().words.find(b);
  return a == b || x < 0 || y < 0 || scene.context().words.confusable(x, y);
}

std::optional<Finding> find_background(const RuleContext& context) {
  const LongScene scene(context);
  if (!scene.usable()) return std::nullopt;
  std::string continuous;
  const auto seconds = background_seconds(context.record);
  for (const auto& [label, its] : seconds) {
    if (its < context.margins.continuous_share * scene.length()) continue;
    if (!continuous.empty()) return std::nullopt;
    continuous = label;
  }
  if (continuous.empty()) return std::nullopt;
  Finding finding;
  finding.answer = scene.phrase(continuous);
  finding.kind = "present";
  for (const auto& [label, its] : seconds)
    if (its < 0.5 * scene.length() && !confusable_labels(scene, label, continuous))
      finding.wrong.push_back({scene.phrase(label), "present"});
  context.rng.shuffle(finding.wrong);
  for (const std::string& label : other_backgrounds(scene, 4))
    finding.wrong.push_back({scene.phrase(label), "absent"});
  for (const RecordEvent& event : context.record.events)
    if (event.label == continuous && finding.evidence.size() < 4)
      finding.evidence.push_back(evidence_of(event));
  finding.level = "easy";
  finding.facts = {{"asks", "background"}};
  return finding;
}

// A background event that fills most of a stage, of a label that no other does.
std::optional<Finding> find_part_background(const RuleContext& context) {
  const LongScene scene(context);
  if (!scene.usable() || scene.stages().size() < 2) return std::nullopt;
  const Stage& stage = scene.stages()[context.rng.below(scene.stages().size())];
  if (scene.stages_at(stage.place).size() != 1) return std::nullopt;
  const RecordEvent* own = nullptr;
  for (const RecordEvent& event : context.record.events) {
    const double within = std::min(event.offset, stage.end) - std::max(event.onset, stage.start);
    if (event.role != "background" || within < context.margins.continuous_share * (stage.end - stage.start))
      continue;
    if (own && own->label != event.label) return std::nullopt;
    own = &event;
  }
  if (!own) return std::nullopt;
  // Backgrounds of the other stages that are not heard in this one but for the cross-fade, which is its own
  // ground for leaving out those of its neighbours where they reach in.
  std::vector<std::string> others;
  const double slack = context.margins.onset_gap_s;
  for (const auto& [label, its] : background_seconds(context.record))
    if (its > 0 && !scene.heard_in(label, {stage.start + slack, stage.end - slack})) others.push_back(label);
  context.rng.shuffle(others);
  Finding finding;
  finding.slots["place"] = stage.place;
  finding.answer = scene.phrase(own->label);
  finding.kind = "present";
  for (const std::string& label : others) finding.wrong.push_back({scene.phrase(label), "present"});
  if (others.size() < 3)
    for (const std::string& label : other_backgrounds(scene, 4))
      finding.wrong.push_back({scene.phrase(label), "absent"});
  finding.evidence = {evidence_of(*own)};
  finding.level = "medium";
  finding.facts = {{"place", stage.place}};
  return finding;
}

std::optional<Finding> find_scenes(const RuleContext& context) {
  const LongScene scene(context);
  const int n = static_cast<int>(scene.stages().size());
  if (scene.length() < context.margins.long_s || n < 1 || n > context.margins.most_counted ||
      !asks_for(n, 1, context.rng))
    return std::nullopt;
  // Neighbours that sound like one place would not be counted apart.
  for (int i = 1; i < n; ++i)
    if (places_alike(scene.stages()[static_cast<std::size_t>(i)].place,
                     scene.stages()[static_cast<std::size_t>(i - 1)].place))
      return std::nullopt;
  Finding finding;
  finding.answer = std::to_string(n);
  finding.wrong = number_options(n, 1, context.rng);
  for (const Stage& stage : scene.stages()) finding.evidence.push_back({stage.place, stage.start, stage.end});
  finding.level = n <= 3 ? "easy" : "medium";
  finding.facts = {{"asks", "scenes"}};
  return finding;
}

std::optional<Finding> find_longest_place(const RuleContext& context) {
  const LongScene scene(context);
  if (scene.length() < context.margins.long_s) return std::nullopt;
  std::map<std::string, double> seconds;
  for (const Stage& stage : scene.stages()) seconds[stage.place] += stage.end - stage.start;
  if (seconds.size() < 2) return std::nullopt;
  // Two places whose names are alike may count as one, or not.
  for (auto a = seconds.begin(); a != seconds.end(); ++a)
    for (auto b = std::next(a); b != seconds.end(); ++b)
      if (places_alike(a->first, b->first)) return std::nullopt;
  std::string longest;
  for (const auto& [place, its] : seconds)
    if (longest.empty() || its > seconds[longest]) longest = place;
  Finding finding;
  for (const auto& [place, its] : seconds) {
    if (place == longest) continue;
    if (its * (1 + context.margins.duration_share) > seconds[longest]) return std::nullopt;
    finding.wrong.push_back({place, "present"});
  }
  context.rng.shuffle(finding.wrong);
  if (finding.wrong.size() < 3)
    for (const std::string& place : scene.other_places(3)) finding.wrong.push_back({place, "absent"});
  finding.answer = longest;
  finding.kind = "present";
  for (const Stage& stage : scene.stages())
    if (stage.place == longest) finding.evidence.push_back({stage.place, stage.start, stage.end});
  finding.level = "medium";
  finding.facts = {{"asks", "longest"}};
  return finding;
}

std::optional<Finding> find_frequent(const RuleContext& context) {
  const LongScene scene(context);
  if (!scene.usable() || scene.sounds().size() < 2) return std::nullopt;
  auto sounds = scene.drawn([](const LongSound&) { return true; });
  const LongSound* most = *std::max_element(
      sounds.begin(), sounds.end(),
      [](const LongSound* a, const LongSound* b) { return a->spans.size() < b->spans.size(); });
  if (!most->countable()) return std::nullopt;
  // A sound that is not clear may be more frequent yet: what is heard at all is counted by its events.
  std::map<std::string, int> events;
  for (const RecordEvent& event : context.record.events)
    if (event.role != "background") ++events[event.label];
  const int n = static_cast<int>(most->spans.size());
  for (const auto& [label, its] : events)
    if (!confusable_labels(scene, label, most->label) &&
        (its + 2 > n || its * (1 + context.margins.duration_share) > n))
      return std::nullopt;
  sounds.erase(std::find(sounds.begin(), sounds.end(), most));
  Finding finding;
  finding.answer = scene.phrase(most->label);
  finding.kind = "present";
  finding.wrong = wrong_labels(scene, sounds);
  finding.evidence = scene.evidence(*most, 12);
  finding.level = "medium";
  finding.facts = {{"asks", "frequent"}};
  return finding;
}

std::optional<Finding> find_how_often(const RuleContext& context) {
  const LongScene scene(context);
  if (!scene.usable()) return std::nullopt;
  // The number is drawn before the sound, so that what most sounds have is no more usual.
  std::vector<int> numbers;
  for (const LongSound& sound : scene.sounds())
    if (sound.countable() && static_cast<int>(sound.spans.size()) <= context.margins.most_counted)
      numbers.push_back(static_cast<int>(sound.spans.size()));
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  if (numbers.empty()) return std::nullopt;
  context.rng.shuffle(numbers);
  numbers.resize(std::min<std::size_t>(numbers.size(), 4));
  // How often other sounds are heard is the fairest wrong answer: any of the numbers could have been asked
  // for.
  const int n = numbers.front();
  std::vector<WrongAnswer> wrong;
  for (const int number : numbers)
    if (number != n) wrong.push_back({std::to_string(number), "value"});
  for (const WrongAnswer& near : number_options(n, 1, context.rng)) wrong.push_back(near);
  const auto fit = scene.drawn(
      [&](const LongSound& sound) { return sound.countable() && static_cast<int>(sound.spans.size()) == n; });
  Finding finding;
  finding.slots["x"] = scene.phrase(fit.front()->label);
  finding.answer = std::to_string(n);
  finding.wrong = wrong;
  finding.evidence = scene.evidence(*fit.front(), 12);
  finding.level = n <= 3 ? "easy" : "medium";
  finding.facts = {{"label", fit.front()->label}};
  return finding;
}

std::optional<Finding> find_presence(const RuleContext& context) {
  const LongScene scene(context);
  if (!scene.usable()) return std::nullopt;
  Finding finding;
  std::string label;
  if (context.rng.chance(0.5)) {
    const auto heard = scene.drawn([](const LongSound&) { return true; });
    if (heard.empty()) return std::nullopt;
    label = heard.front()->label;
    finding.answer = "yes";
    finding.evidence = scene.evidence(*heard.front());
  } else {
    const auto absent = scene.absent(1);
    if (absent.empty()) return std::nullopt;
    label = absent.front();
    finding.answer = "no";
  }
  finding.slots["x"] = scene.phrase(label);
  finding.level = "easy";
  finding.facts = {{"label", label}};
  return finding;
}

std::optional<Finding> find_absent(const RuleContext& context) {
  const LongScene scene(context);
  if (!scene.usable()) return std::nullopt;
  const auto absent = scene.absent(1);
  if (absent.empty()) return std::nullopt;
  Finding finding;
  finding.answer = scene.phrase(absent.front());
  finding.kind = "absent";
  const auto heard = scene.drawn([](const LongSound&) { return true; });
  finding.wrong = wrong_labels(scene, heard);
  for (std::size_t i = 0; i < std::min<std::size_t>(heard.size(), 6); ++i)
    finding.evidence.push_back(scene.evidence(*heard[i], 1).front());
  finding.level = "medium";
  finding.facts = {{"asks", "absent"}};
  return finding;
}

// ---- Answers about stretches, put together ----------------------------------------------------------------

// Of each stretch, how often the sound is heard in it; nothing where a span lies across a border.
std::optional<std::vector<int>> counts_of(const LongSound& sound, const std::vector<Span>& stretches) {
  std::vector<int> counts;
  int n = 0;
  for (const Span& stretch : stretches) {
    counts.push_back(0);
    for (const Span& span : sound.spans)
      if (span.start >= stretch.start && span.end <= stretch.end) ++counts.back(), ++n;
  }
  if (n != static_cast<int>(sound.spans.size())) return std::nullopt;
  return counts;
}

std::optional<Finding> combined_count(const LongScene& scene, const std::vector<Span>& stretches) {
  for (const LongSound* sound : scene.drawn([](const LongSound&) { return true; })) {
    const auto counts = counts_of(*sound, stretches);
    const int n = static_cast<int>(sound->spans.size());
    if (!counts || !sound->countable() || n > 2 * scene.context().margins.most_counted) continue;
    std::vector<std::string> answers;
    for (const int count : *counts) answers.push_back(std::to_string(count));
    Finding finding;
    finding.slots = {{"x", scene.phrase(sound->label)}, {"answers", timed_answers(stretches, answers)}};
    finding.answer = std::to_string(n);
    finding.evidence = scene.evidence(*sound, 12);
    finding.level = "hard";
    finding.facts = {{"label", sound->label}};
    return finding;
  }
  return std::nullopt;
}

std::optional<Finding> combined_presence(const LongScene& scene, const std::vector<Span>& stretches) {
  const auto heard =
      scene.drawn([&](const LongSound& sound) { return counts_of(sound, stretches).has_value(); });
  const auto absent = scene.absent(1);
  const bool yes = scene.rng().chance(0.5);
  if (yes ? heard.empty() : absent.empty()) return std::nullopt;
  const std::string label = yes ? heard.front()->label : absent.front();
  std::vector<std::string> answers(stretches.size(), "no");
  if (yes) {
    const auto counts = counts_of(*heard.front(), stretches);
    for (std::size_t i = 0; i < answers.size(); ++i)
      if ((*counts)[i] > 0) answers[i] = "yes";
  }
  Finding finding;
  finding.slots = {{"x", scene.phrase(label)}, {"answers", timed_answers(stretches, answers)}};
  finding.answer = yes ? "yes" : "no";
  if (yes) finding.evidence = scene.evidence(*heard.front());
  finding.level = "easy";
  finding.facts = {{"label", label}};
  return finding;
}

// The first (or last) sound of every stretch; that of the first (or last) stretch answers.
std::optional<Finding> combined_end(const LongScene& scene, const std::vector<Span>& stretches, bool last) {
  const Record& record = scene.context().record;
  std::vector<std::string> answers;
  std::string label;
  for (const Span& stretch : stretches) {
    const RecordEvent* end = nullptr;
    for (const RecordEvent& event : record.events) {
      if (event.role == "background" || event.onset < stretch.start || event.onset >= stretch.end) continue;
      const double gap = scene.context().margins.onset_gap_s;
      if (end && std::abs(event.onset - end->onset) < gap && event.label != end->label) return std::nullopt;
      if (!end || (last ? event.onset > end->onset : event.onset < end->onset)) end = &event;
    }
    answers.push_back(end ? scene.phrase(end->label) : "nothing in particular");
    if (end && (last || label.empty())) label = end->label;
  }
  const auto known = scene.drawn([&](const LongSound& sound) { return sound.label == label; });
  if (known.empty()) return std::nullopt;
  Finding finding;
  finding.slots = {{"answers", timed_answers(stretches, answers)}};
  finding.answer = scene.phrase(label);
  const auto all = scene.evidence(*known.front(), 1000);
  finding.evidence = {last ? all.back() : all.front()};
  finding.level = "medium";
  return finding;
}

// What happens in every stretch; the answer tells the whole by its places.
std::optional<Finding> combined_story(const LongScene& scene, const std::vector<Span>& stretches) {
  const std::vector<Stage>& stages = scene.stages();
  if (stages.size() < 2 || stages.size() > 3) return std::nullopt;
  std::vector<std::string> places, answers;
  for (const Stage& stage : stages) places.push_back(stage.place);
  for (const Span& stretch : stretches) {
    std::vector<std::string> here;
    for (const Stage& stage : stages)
      if (std::min(stage.end, stretch.end) - std::max(stage.start, stretch.start) > 1)
        here.push_back(stage.place);
    if (here.empty()) return std::nullopt;
    std::string text = here.front();
    for (std::size_t i = 1; i < here.size(); ++i) text += ", then " + here[i];
    answers.push_back(text);
  }
  Finding finding;
  finding.slots = {{"answers", timed_answers(stretches, answers)}};
  finding.answer = places.front();
  for (std::size_t i = 1; i < places.size(); ++i) finding.answer += ", then " + places[i];
  for (const Stage& stage : stages) finding.evidence.push_back({stage.place, stage.start, stage.end});
  finding.level = "medium";
  return finding;
}

std::optional<Finding> find_combine(const RuleContext& context) {
  const LongScene scene(context);
  if (!scene.usable()) return std::nullopt;
  const std::vector<Span> stretches = drawn_stretches(scene);
  const std::string variant =
      context.rng.pick(std::vector<std::string>{"count", "presence", "first", "last", "places"});
  std::optional<Finding> finding = variant == "count"      ? combined_count(scene, stretches)
                                   : variant == "presence" ? combined_presence(scene, stretches)
                                   : variant == "places"   ? combined_story(scene, stretches)
                                                         : combined_end(scene, stretches, variant == "last");
  if (!finding) return std::nullopt;
  finding->variant = variant;
  finding->facts["of"] = variant;
  finding->facts["stretch_s"] = stretches.front().end;
  return finding;
}

}  // namespace

std::vector<RuleType> long_general_rules() {
  return {{"general", "background", true, {"choice", "short"}, find_background},
          {"general", "part_background", true, {"choice", "short"}, find_part_background},
          {"general", "scenes", true, {"choice", "short"}, find_scenes},
          {"general", "longest_place", true, {"choice", "short"}, find_longest_place},
          {"general", "frequent", true, {"choice", "short"}, find_frequent},
          {"general", "how_often", true, {"choice", "short"}, find_how_often},
          {"general", "presence", true, {"yes_no"}, find_presence},
          {"general", "absent", true, {"choice"}, find_absent},
          {"general", "combine", true, {"short"}, find_combine}};
}

}  // namespace af2
