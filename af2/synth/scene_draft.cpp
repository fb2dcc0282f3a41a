// What is where in a scene: draws labels, takes and times until all that the spec asks for is met.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/synth/scene_mix.h"
#include "af2/synth/scene_places.h"
#include "af2/synth/scene_plan.h"

namespace af2 {
namespace {

constexpr int kCropTries = 8;
constexpr double kLeastAudible = 0.5;  // share of a cut that must be audible
constexpr double kSoftest_lkfs = -65;  // softer takes are next to nothing
const std::set<std::string> kAmbiences = {"cricket", "fire",   "machine", "ocean waves",
                                          "rain",    "stream", "traffic", "wind"};

class Draft {
 public:
  Draft(const SoundLibrary& library, Split split, const SceneSpec& spec, Random& rng)
      : library_(library), split_(split), spec_(spec), rng_(rng), order_(order_of_reference(spec)) {}

  ScenePlan draw() {
    std::map<std::string, int> why;
    for (int i = 0; i < spec_.redraws; ++i) {
      try {
        return once();
      } catch (const Unmet& unmet) {
        ++why[unmet.what];
      }
    }
    std::vector<std::pair<int, std::string>> reasons;
    for (const auto& [what, n] : why) reasons.emplace_back(-n, fmt::format("{} ({} times)", what, n));
    std::sort(reasons.begin(), reasons.end());
    std::vector<std::string> told;
    for (std::size_t i = 0; i < std::min<std::size_t>(3, reasons.size()); ++i)
      told.push_back(reasons[i].second);
    throw user_error(
        fmt::format("a scene is impossible after {} redraws: {}", spec_.redraws, join(told, "; ")),
        "scene spec", "give the scene more time, fewer or shorter events, or looser order");
  }

 private:
  std::int64_t samples(double seconds) const { return std::llround(seconds * library_.rate_hz()); }

  ScenePlan once() {
    by_name_.clear(), used_labels_.clear();
    plan_ = ScenePlan();
    plan_.rate_hz = library_.rate_hz(), plan_.channels = spec_.channels, plan_.split = split_;
    const std::int64_t length =
        spec_.duration ? samples(spec_.duration->draw_from(rng_)) : ScenePlaces::kNoEnd;
    if (length < samples(1)) throw Unmet{"a duration under a second was drawn"};
    draw_background();
    draw_room();
    std::vector<SceneGroup> waiting;
    std::vector<int> kin;
    for (const int s : order_) {
      const EventSpec& e = spec_.events[static_cast<std::size_t>(s)];
      if (e.every) continue;
      if (e.chance < 1 && !rng_.chance(e.chance)) continue;
      if (!all_there(e)) continue;  // what it refers to was not drawn
      const int count = e.count.draw_whole(rng_);
      for (int i = 0; i < count; ++i) {
        waiting.push_back(draw_group(s));
        if (!e.name.empty()) by_name_[e.name] = waiting.size() - 1;
      }
    }
    for (const SceneGroup& group : waiting)
      kin.push_back(kin_of(spec_.events[static_cast<std::size_t>(group.spec)]));
    ScenePlaces places(spec_, library_.rate_hz(), length, rng_);
    places.place_all(std::move(waiting), kin);
    if (!spec_.duration) places.end_after_last();
    fill(places);
    finish(places);
    return std::move(plan_);
  }

  bool all_there(const EventSpec& e) const {
    for (const std::string* name : {&e.after, &e.inside, &e.with})
      if (!name->empty() && !by_name_.contains(*name)) return false;
    return true;
  }

  // The group that `e` refers to, among those drawn; -1: none.
  int kin_of(const EventSpec& e) const {
    for (const std::string* name : {&e.after, &e.inside, &e.with})
      if (!name->empty()) return static_cast<int>(by_name_.at(*name));
    return -1;
  }

  // ---- Sounds ---------------------------------------------------------------------------------------------

  bool fits_others(const std::string& label) const {
    const int id = library_.words().find(label);
    return std::none_of(used_labels_.begin(), used_labels_.end(), [&](const std::string& other) {
      const int other_id = library_.words().find(other);
      return other == label || (id >= 0 && other_id >= 0 && library_.words().confusable(id, other_id));
    });
  }

  std::string draw_label(const std::vector<std::string>& wanted, const std::vector<double>& weights,
                         TakeQuery query, bool distinct, const std::string& who) {
    const std::vector<std::string>& all = wanted.empty() ? labels(query.role) : wanted;
    std::vector<std::string> can;
    std::vector<double> their_weights;
    bool any = false;
    for (std::size_t i = 0; i < all.size(); ++i) {
      query.label = all[i];
      if (!wanted.empty() && !library_.has(query)) continue;
      any = true;
      if (distinct && !fits_others(all[i])) continue;
      can.push_back(all[i]);
      if (!weights.empty()) their_weights.push_back(weights[i]);
    }
    if (!any)
      throw data_error(fmt::format("no take for {} of any of its labels ({}) in {}", who,
                                   wanted.empty() ? "all" : join(wanted, ", "), split_name(split_)),
                       "sounds", "add sounds of such a label, or leave the event out of the spec");
    if (can.empty()) throw Unmet{"no label is left that differs from the others, for " + who};
    if (!weights.empty() && *std::max_element(their_weights.begin(), their_weights.end()) <= 0)
      throw Unmet{"no label with a weight is left for " + who};
    return can[draw_index(can.size(), their_weights, rng_)];
  }

  const std::vector<std::string>& labels(TakeRole role) {
    auto& known = role == TakeRole::kForeground ? foreground_ : background_;
    if (!known.empty()) return known;
    known = library_.labels(role, split_);
    if (role == TakeRole::kBackground)
      std::erase_if(known, [&](const std::string& label) { return !is_ambience(label); });
    return known;
  }

  // Any sound of a bank may be a background that is asked for; where none is, only what sounds all the time.
  bool is_ambience(const std::string& label) const {
    return kAmbiences.contains(label) ||
           std::any_of(library_.takes().begin(), library_.takes().end(), [&](const Take& take) {
             return take.label == label && take.background && !take.foreground;
           });
  }

  void draw_background() {
    const BackgroundSpec& b = spec_.background;
    const std::string kind = b.kinds[draw_index(b.kinds.size(), b.weights, rng_)];
    PlanBackground background;
    background.lufs = b.lufs.draw_from(rng_);
    background.crossfade = samples(b.crossfade);
    lufs_ = background.lufs;
    if (kind == "silence") return;
    if (kind == "recorded") {
      if (b.labels.empty() && labels(TakeRole::kBackground).empty())
        throw Unmet{"there is no ambience for a recorded background"};
      const std::string label =
          draw_label(b.labels, {}, {.role = TakeRole::kBackground, .split = split_}, false, "the background");
      TakeQuery query{
          .role = TakeRole::kBackground, .split = split_, .label = label, .min_seconds = b.min_seconds};
      if (!library_.has(query)) query.min_seconds = 0;  // short ones are looped more often
      background.take = library_.draw(query, rng_);
      used_labels_.insert(label);
    } else {
      background.take = library_.noise(kind);
    }
    plan_.backgrounds.push_back(background);
  }

  void draw_room() {
    const RoomSpec& r = spec_.room;
    if (r.chance <= 0 || !rng_.chance(r.chance)) return;
    if (r.folder.empty()) {
      const double rt60 = r.rt60.draw_from(rng_);
      Random own(rng_.next());
      plan_.rooms.push_back(
          std::make_shared<const Room>(noise_room(rt60, r.direct_db, library_.rate_hz(), own)));
    } else {
      plan_.rooms.push_back(
          std::make_shared<const Room>(read_room(rng_.pick(rooms_in(r.folder)), library_.rate_hz())));
    }
  }

  // The part of its take that an event plays, and how; its length follows.
  void draw_part(const EventSpec& e, PlanEvent& event, const std::string& who) {
    const TakeFacts& facts = library_.facts(event.take);
    if (facts.lkfs < kSoftest_lkfs) throw Unmet{"a take of " + who + " is next to silent"};
    event.take_begin = 0, event.take_length = facts.length;
    event.fade = samples(e.fade);
    std::int64_t wanted = e.length ? samples(e.length->draw_from(rng_)) : samples(e.most_length);
    wanted = std::max<std::int64_t>(1, wanted);
    // Speech is never cut: its words would be wrong.
    if (facts.length > wanted && library_.take(event.take).words.empty()) cut(e, event, wanted);
    event.semitones = e.pitch.draw_from(rng_), event.stretch = e.stretch.draw_from(rng_);
    event.ramp_db = e.ramp.draw_from(rng_);
    event.length = event.semitones == 0 && event.stretch == 1
                       ? event.take_length
                       : static_cast<std::int64_t>(event_source(library_, event).size());
    event.room = e.dry || plan_.rooms.empty() ? -1 : 0;
    event.tail = event.room < 0 ? 0 : static_cast<std::int64_t>(plan_.rooms[0]->response.size()) - 1;
  }

  void cut(const EventSpec& e, PlanEvent& event, std::int64_t wanted) {
    const TakeSamples samples_of_take = library_.samples(event.take);
    const auto all = std::span<const float>(*samples_of_take);
    const auto most = static_cast<std::int64_t>(all.size()) - wanted;
    SampleSpan heard;
    std::int64_t begin = 0;
    for (int i = 0; i <= kCropTries; ++i) {
      if (e.offset) {
        begin = std::clamp<std::int64_t>(samples(e.offset->draw_from(rng_)), 0, most);
      } else {
        begin =
            i < kCropTries ? static_cast<std::int64_t>(rng_.below(static_cast<std::uint64_t>(most) + 1)) : 0;
      }
      // Cut anew, so that the label is the audible span of what is left.
      heard = audible_by_peak(all.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(wanted)),
                              library_.facts(event.take).peak);
      if (static_cast<double>(heard.size()) >= kLeastAudible * static_cast<double>(wanted)) break;
    }
    if (heard.size() == 0) throw Unmet{"a cut of a take was silent"};
    event.take_begin = begin + static_cast<std::int64_t>(heard.begin);
    event.take_length = static_cast<std::int64_t>(heard.size());
  }

  int draw_take(const EventSpec& e, const std::string& label) {
    TakeQuery query{.split = split_, .label = label, .with_words = e.with_words, .words = e.words};
    if (!e.words.empty() && !library_.has(query)) {
      query.words.clear();
      query.no_words = !e.with_words;
      if (!library_.has(query)) query.no_words = false;
    }
    return library_.draw(query, rng_);
  }

  SceneGroup draw_group(int s, std::string label = "") {
    const EventSpec& e = spec_.events[static_cast<std::size_t>(s)];
    const std::string who = spoken_name(e, s);
    const bool distinct = spec_.distinct_labels && e.labels.size() != 1;
    if (label.empty())
      label = draw_label(e.labels, e.weights, {.split = split_, .with_words = e.with_words}, distinct, who);
    used_labels_.insert(label);
    SceneGroup group;
    group.spec = s;
    const int times = e.repeats.draw_whole(rng_);
    const bool same = rng_.chance(e.same_take);
    const double snr = e.snr.draw_from(rng_), pan = e.pan.draw_from(rng_);
    for (int k = 0; k < times; ++k) {
      PlanEvent event;
      if (k > 0 && same) {
        event = group.events[0];
      } else {
        event.take = draw_take(e, label);
        draw_part(e, event, who);
      }
      event.label = label, event.name = e.name, event.spec = s, event.repeat = k;
      event.maker = e.maker, event.purpose = e.purpose;
      event.asked_snr_db = k == 0 ? snr : snr + rng_.uniform(-e.repeat_snr, e.repeat_snr);
      event.reference_lufs = lufs_, event.pan = pan;
      if (k > 0) group.span += samples(e.repeat_gap.draw_from(rng_));
      event.onset = group.span;
      group.span += event.length;
      group.events.push_back(std::move(event));
    }
    return group;
  }

  // Events that come again all through the scene, where there is room for them.
  void fill(ScenePlaces& places) {
    for (std::size_t s = 0; s < spec_.events.size(); ++s) {
      const EventSpec& e = spec_.events[s];
      if (!e.every || (e.chance < 1 && !rng_.chance(e.chance))) continue;
      std::string label;  // one for all of them
      for (std::int64_t at = samples(e.every->draw_from(rng_)); at < places.length();
           at += std::max<std::int64_t>(1, samples(e.every->draw_from(rng_)))) {
        SceneGroup group = draw_group(static_cast<int>(s), label);
        label = group.events[0].label;
        places.put_if_free(std::move(group), at);
      }
    }
  }

  void finish(const ScenePlaces& places) {
    plan_.length = places.length();
    const std::vector<SceneGroup>& groups = places.groups();
    for (std::size_t g = 0; g < groups.size(); ++g)
      for (PlanEvent event : groups[g].events) {
        event.onset += groups[g].begin, event.group = static_cast<int>(g);
        plan_.events.push_back(std::move(event));
      }
    std::stable_sort(plan_.events.begin(), plan_.events.end(),
                     [](const PlanEvent& a, const PlanEvent& b) { return a.onset < b.onset; });
    for (PlanBackground& b : plan_.backgrounds) {
      b.end = plan_.length;
      const std::int64_t n = library_.facts(b.take).length;
      const std::int64_t starts = n > b.end ? n - b.end + 1 : std::max<std::int64_t>(1, n / 2);
      b.take_begin = static_cast<std::int64_t>(rng_.below(static_cast<std::uint64_t>(starts)));
    }
  }

  const SoundLibrary& library_;
  const Split split_;
  const SceneSpec& spec_;
  Random& rng_;
  const std::vector<int> order_;
  std::vector<std::string> foreground_, background_;

  ScenePlan plan_;
  double lufs_ = -35;
  std::map<std::string, std::size_t> by_name_;  // among the groups in the order of drawing
  std::set<std::string> used_labels_;
};

}  // namespace

ScenePlan draft_scene(const SoundLibrary& library, Split split, const SceneSpec& spec, Random& rng) {
  check_spec(spec, "scene spec");
  return Draft(library, split, spec, rng).draw();
}

}  // namespace af2
