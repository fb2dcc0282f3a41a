#include "af2/synth/scene_spec.h"

#include <algorithm>
#include <map>
#include <set>

#include "af2/core/error.h"
#include "af2/core/options.h"
#include "af2/core/text_util.h"

namespace af2 {
namespace {

constexpr double kLongestScene_s = 24 * 3600;
constexpr double kMostSemitones = 12, kLeastStretch = 0.5, kMostStretch = 2;

void need(bool good, const char* what, const std::string& where, const std::string& hint = "") {
  if (!good) throw user_error(what, where, hint);
}

// The names an event refers to.
std::vector<std::string> references(const EventSpec& e) {
  std::vector<std::string> names;
  for (const std::string* name : {&e.after, &e.inside, &e.with})
    if (!name->empty()) names.push_back(*name);
  return names;
}

void check_event(const EventSpec& e, const std::string& where) {
  const auto at = [&](const char* key) { return where + " key " + key; };
  check_weights(e.labels.size(), e.weights, at("weights"));
  e.count.check(at("count")), e.repeats.check(at("repeats")), e.repeat_gap.check(at("repeat_gap"));
  e.snr.check(at("snr")), e.pitch.check(at("pitch")), e.stretch.check(at("stretch"));
  e.ramp.check(at("ramp")), e.pan.check(at("pan"));
  if (e.onset) e.onset->check(at("onset"));
  if (e.gap) e.gap->check(at("gap"));
  if (e.every) e.every->check(at("every"));
  if (e.length) e.length->check(at("length"));
  if (e.offset) e.offset->check(at("offset"));
  need(e.count.least() >= 0, "must not be negative", at("count"));
  need(e.repeats.least() >= 1 && e.repeats.most() <= 100, "must be 1 to 100", at("repeats"));
  need(e.repeat_gap.least() >= 0, "must not be negative", at("repeat_gap"));
  need(e.chance >= 0 && e.chance <= 1, "must be 0 to 1", at("chance"));
  need(e.same_take >= 0 && e.same_take <= 1, "must be 0 to 1", at("same_take"));
  need(!e.length || e.length->least() > 0, "must be above 0", at("length"));
  need(e.most_length > 0, "must be above 0", at("most_length"));
  need(e.fade >= 0 && e.fade <= 10, "must be 0 to 10 s", at("fade"));
  need(e.pitch.least() >= -kMostSemitones && e.pitch.most() <= kMostSemitones, "must be -12 to 12 semitones",
       at("pitch"));
  need(e.stretch.least() >= kLeastStretch && e.stretch.most() <= kMostStretch, "must be 0.5 to 2",
       at("stretch"));
  need(e.pan.least() >= -1 && e.pan.most() <= 1, "must be -1 to 1", at("pan"));
  need(!e.every || e.every->least() > 0, "must be above 0", at("every"));
  const int ways =
      !e.after.empty() + !e.inside.empty() + !e.with.empty() + e.onset.has_value() + e.every.has_value();
  need(ways <= 1, "only one of onset, after, inside, with, every can say when it begins", where);
}

}  // namespace

std::vector<int> order_of_reference(const SceneSpec& spec) {
  std::vector<int> order;
  std::set<std::string> placed;
  std::vector<bool> done(spec.events.size(), false);
  for (bool more = true; more;) {
    more = false;
    for (std::size_t i = 0; i < spec.events.size(); ++i) {
      if (done[i]) continue;
      const auto names = references(spec.events[i]);
      if (!std::all_of(names.begin(), names.end(), [&](const auto& n) { return placed.contains(n); }))
        continue;
      done[i] = more = true;
      order.push_back(static_cast<int>(i));
      if (!spec.events[i].name.empty()) placed.insert(spec.events[i].name);
    }
  }
  return order;
}

void check_spec(const SceneSpec& spec, const std::string& where) {
  const auto at = [&](const std::string& key) { return where + " key " + key; };
  if (spec.duration) {
    spec.duration->check(at("duration"));
    need(spec.duration->least() >= 1 && spec.duration->most() <= kLongestScene_s, "must be 1 s to a day",
         at("duration"));
  }
  spec.rest.check(at("rest"));
  need(spec.rest.least() >= 0, "must not be negative", at("rest"));
  spec.at_least.check(at("at_least"));
  need(spec.at_least.most() <= kLongestScene_s, "must be at most a day", at("at_least"));
  need(spec.channels == 1 || spec.channels == 2, "must be 1 or 2", at("channels"));
  need(spec.placement == "free" || spec.placement == "line", "must be free or line", at("placement"));
  need(spec.max_polyphony >= 1, "must be at least 1", at("max_polyphony"));
  need(spec.min_gap >= 0 && spec.min_onset_gap >= 0 && spec.margin >= 0, "must not be negative",
       at("min_gap, min_onset_gap, margin"));
  need(spec.redraws >= 1, "must be at least 1", at("redraws"));
  const BackgroundSpec& b = spec.background;
  static const std::vector<std::string> kinds = {"recorded", "white", "pink", "brown", "silence"};
  need(!b.kinds.empty(), "must name a kind", at("background.kinds"), "silence is one, too");
  for (const std::string& kind : b.kinds)
    if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end())
      throw user_error("unknown kind `" + kind + "`", at("background.kinds"),
                       "did you mean `" + nearest_word(kind, kinds) + "`?");
  check_weights(b.kinds.size(), b.weights, at("background.weights"));
  b.lufs.check(at("background.lufs"));
  need(b.lufs.most() <= 0 && b.lufs.least() >= -65, "must be -65 to 0", at("background.lufs"));
  need(b.crossfade >= 0 && b.min_seconds >= 0, "must not be negative", at("background"));
  spec.room.rt60.check(at("room.rt60"));
  need(spec.room.rt60.least() >= 0.05 && spec.room.rt60.most() <= 20, "must be 0.05 to 20 s",
       at("room.rt60"));
  need(spec.room.chance >= 0 && spec.room.chance <= 1, "must be 0 to 1", at("room.chance"));
  std::map<std::string, const EventSpec*> names;
  for (std::size_t i = 0; i < spec.events.size(); ++i) {
    const EventSpec& e = spec.events[i];
    const std::string here = at("events[" + std::to_string(i) + "]") + (e.name.empty() ? "" : " " + e.name);
    check_event(e, here);
    if (e.name.empty()) continue;
    need(names.emplace(e.name, &e).second, "a name stands twice", here);
    need(e.count.least() == 1 && e.count.most() == 1, "an event with a name comes once: its count must be 1",
         here, "use repeats");
  }
  for (const EventSpec& e : spec.events)
    for (const std::string& name : references(e))
      if (!names.contains(name) || names.at(name)->every)
        throw user_error("refers to no event that comes once: `" + name + "`", at("events"));
  if (order_of_reference(spec).size() != spec.events.size())
    throw user_error("events refer to one another in a circle", at("events"));
}

SceneSpec read_scene_spec(const std::filesystem::path& path) {
  SceneSpec spec;
  from_json(read_config_file(path), spec, path.string());
  check_spec(spec, path.string());
  return spec;
}

}  // namespace af2
