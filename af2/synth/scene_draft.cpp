// What is where in a scene: draws labels, takes and times until all that the spec asks for is met.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/synth/scene_mix.h"
#include "af2/synth/scene_plan.h"

namespace af2 {
namespace {

constexpr int kPlaceTries = 40;  // of one group, before all is drawn anew
constexpr int kCropTries = 8;
constexpr double kLeastAudible = 0.5;  // share of a cut that must be audible
constexpr double kSoftest_lkfs = -65;  // softer takes are next to nothing
constexpr std::int64_t kNoEnd = std::numeric_limits<std::int64_t>::max() / 4;
const std::set<std::string> kAmbiences = {"cricket", "fire",   "machine", "ocean waves",
                                          "rain",    "stream", "traffic", "wind"};
const Distribution kUsualGap = Distribution::uniform(0.5, 2), kTogether = Distribution::uniform(0, 0.2);

// Why one try failed.
struct Unmet {
  std::string what;
};

// One group of events: a label that sounds once or several times. Onsets are from the group's begin until it
// is placed.
struct Group {
  int spec = 0;
  std::vector<PlanEvent> events;
  std::int64_t begin = 0, span = 0;
  std::int64_t end() const { return begin + span; }
};

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
  std::string told(const EventSpec& e, std::size_t place) const {
    return e.name.empty() ? fmt::format("event {}", place) : fmt::format("event `{}`", e.name);
  }

  ScenePlan once() {
    groups_.clear(), by_name_.clear(), used_labels_.clear();
    plan_ = ScenePlan();
    plan_.rate_hz = library_.rate_hz(), plan_.channels = spec_.channels, plan_.split = split_;
    length_ = spec_.duration ? samples(spec_.duration->draw_from(rng_)) : kNoEnd;
    if (length_ < samples(1)) throw Unmet{"a duration under a second was drawn"};
    draw_background();
    draw_room();
    std::vector<Group> waiting;
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
    place_all(std::move(waiting));
    if (!spec_.duration) {
      std::int64_t last = 0;
      for (const Group& g : groups_) last = std::max(last, g.end());
      length_ = std::max(samples(1), last + samples(spec_.rest.draw_from(rng_)));
      if (const std::int64_t least = samples(spec_.at_least.draw_from(rng_)); least > length_) {
        // What happens does so somewhere within.
        const auto later =
            static_cast<std::int64_t>(rng_.below(static_cast<std::uint64_t>(least - length_) + 1));
        for (Group& g : groups_) g.begin += later;
        length_ = least;
      }
    }
    fill();
    finish();
    return std::move(plan_);
  }

  bool all_there(const EventSpec& e) const {
    for (const std::string* name : {&e.after, &e.inside, &e.with})
      if (!name->empty() && !by_name_.contains(*name)) return false;
    return true;
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
                         TakeRole role, bool distinct, const std::string& who) {
    const std::vector<std::string>& all = wanted.empty() ? labels(role) : wanted;
    std::vector<std::string> can;
    std::vector<double> their_weights;
    bool any = false;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (!wanted.empty() && !library_.has({.role = role, .split = split_, .label = all[i]})) continue;
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
      const std::string label = draw_label(b.labels, {}, TakeRole::kBackground, false, "the background");
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

  Group draw_group(int s, std::string label = "") {
    const EventSpec& e = spec_.events[static_cast<std::size_t>(s)];
    const std::string who = told(e, static_cast<std::size_t>(s));
    const bool distinct = spec_.distinct_labels && e.labels.size() != 1;
    if (label.empty()) label = draw_label(e.labels, e.weights, TakeRole::kForeground, distinct, who);
    used_labels_.insert(label);
    Group group;
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

  // ---- Places ---------------------------------------------------------------------------------------------

  // Where `group` may not begin at `begin`: why; empty: it may. `kin` is the group it refers to.
  std::string clash(const Group& group, std::int64_t begin, int kin) const {
    if (begin < samples(spec_.margin)) return "it would begin too early";
    if (begin + group.span > length_ - samples(spec_.margin)) return "it would end behind the scene's end";
    for (const PlanEvent& e : group.events) {
      const std::int64_t from = begin + e.onset, to = from + e.length;
      std::vector<std::int64_t> starts = {from};
      for (std::size_t g = 0; g < groups_.size(); ++g) {
        const std::int64_t near = std::max(gap_, onset_gap_);
        if (groups_[g].begin > to + near || groups_[g].end() + near < from) continue;
        for (const PlanEvent& other : groups_[g].events) {
          const std::int64_t a = groups_[g].begin + other.onset, b = a + other.length;
          if (std::abs(a - from) < onset_gap_ && static_cast<int>(g) != kin)
            return "two onsets would be too close";
          if (a < to && from < b) {
            if (other.label == e.label) return "two of one label would overlap";
            if (a > from) starts.push_back(a);
          } else if (static_cast<int>(g) != kin && (a >= to ? a - to : from - b) < gap_) {
            return "the gap to its neighbour would be too short";
          }
        }
      }
      // The most that sound at once do so where one of them begins.
      for (const std::int64_t at : starts) {
        int at_once = 1;
        for (const Group& g : groups_) {
          if (g.begin > at || g.end() <= at) continue;
          for (const PlanEvent& other : g.events)
            at_once += g.begin + other.onset <= at && at < g.begin + other.onset + other.length;
        }
        if (at_once > spec_.max_polyphony) return "more events at once than allowed";
      }
    }
    return "";
  }

  void place_all(std::vector<Group> waiting) {
    gap_ = samples(spec_.min_gap), onset_gap_ = samples(spec_.min_onset_gap);
    if (spec_.placement == "line") return place_in_line(waiting);
    std::vector<int> place(waiting.size(), -1);  // of the group among groups_
    for (std::size_t i = 0; i < waiting.size(); ++i) {
      place_one(waiting[i], place);
      place[i] = static_cast<int>(groups_.size()) - 1;
    }
  }

  int kin_of(const EventSpec& e) const {
    for (const std::string* name : {&e.after, &e.inside, &e.with})
      if (!name->empty()) return static_cast<int>(by_name_.at(*name));
    return -1;
  }

  void place_one(Group group, const std::vector<int>& place) {
    const EventSpec& e = spec_.events[static_cast<std::size_t>(group.spec)];
    const int kin_waiting = kin_of(e);
    const int kin = kin_waiting < 0 ? -1 : place[static_cast<std::size_t>(kin_waiting)];
    std::string why;
    for (int i = 0; i < kPlaceTries; ++i) {
      const std::int64_t begin = propose(e, group, kin, why);
      if (begin < 0) break;
      why = clash(group, begin, kin);
      if (!why.empty()) continue;
      group.begin = begin;
      groups_.push_back(std::move(group));
      return;
    }
    throw Unmet{fmt::format("{} does not fit: {}", told(e, static_cast<std::size_t>(group.spec)), why)};
  }

  // Where it might begin; -1 and why: nowhere.
  std::int64_t propose(const EventSpec& e, const Group& group, int kin, std::string& why) {
    const std::int64_t edge = samples(spec_.margin), last = length_ - edge - group.span;
    const auto between = [&](std::int64_t low, std::int64_t high) -> std::int64_t {
      if (high < low) {
        why = "there is not enough room for it";
        return -1;
      }
      return low + static_cast<std::int64_t>(rng_.below(static_cast<std::uint64_t>(high - low) + 1));
    };
    if (e.onset) return std::max<std::int64_t>(0, samples(e.onset->draw_from(rng_)));
    if (kin >= 0) {
      const Group& other = groups_[static_cast<std::size_t>(kin)];
      if (!e.with.empty()) return other.begin + samples((e.gap ? *e.gap : kTogether).draw_from(rng_));
      if (!e.inside.empty()) {
        if (other.span < group.span) why = "it is longer than what it shall lie in";
        if (other.span < group.span) return -1;
        const std::int64_t from = other.begin + (e.gap ? samples(e.gap->draw_from(rng_)) : 0);
        return e.gap ? std::min(from, other.end() - group.span) : between(from, other.end() - group.span);
      }
      if (e.gap) return other.end() + samples(e.gap->draw_from(rng_));
      if (length_ == kNoEnd) return other.end() + samples(kUsualGap.draw_from(rng_));
      return between(other.end() + gap_, last);
    }
    if (length_ < kNoEnd) return between(edge, last);
    std::int64_t end = 0;
    for (const Group& g : groups_) end = std::max(end, g.end());
    return std::max(end, edge) + samples((e.gap ? *e.gap : kUsualGap).draw_from(rng_));
  }

  // Groups that refer to none, each with those that refer to it, one such unit after the other.
  void place_in_line(std::vector<Group>& waiting) {
    std::vector<int> root(waiting.size());
    std::vector<std::vector<std::size_t>> units;
    std::map<int, std::size_t> unit_of;
    for (std::size_t i = 0; i < waiting.size(); ++i) {
      const int kin = kin_of(spec_.events[static_cast<std::size_t>(waiting[i].spec)]);
      root[i] = kin < 0 ? static_cast<int>(i) : root[static_cast<std::size_t>(kin)];
      const auto [place, fresh] = unit_of.emplace(root[i], units.size());
      if (fresh) units.emplace_back();
      units[place->second].push_back(i);
    }
    rng_.shuffle(units);
    // Each unit by itself, from its own beginning.
    const std::int64_t whole = length_;
    std::vector<std::vector<Group>> built;
    std::int64_t used = 0;
    for (const auto& unit : units) {
      groups_.clear();
      length_ = kNoEnd;
      std::vector<int> place(waiting.size(), -1);
      for (const std::size_t i : unit) {
        if (root[i] == static_cast<int>(i)) {
          waiting[i].begin = samples(spec_.margin);
          groups_.push_back(waiting[i]);
        } else {
          place_one(waiting[i], place);
        }
        place[i] = static_cast<int>(groups_.size()) - 1;
      }
      std::int64_t last = 0;
      for (Group& g : groups_) g.begin -= samples(spec_.margin);
      for (const Group& g : groups_) last = std::max(last, g.end());
      used += last;
      built.push_back(groups_);
    }
    length_ = whole;
    groups_.clear();
    const auto n = static_cast<std::int64_t>(built.size());
    std::vector<std::int64_t> pauses;
    const std::int64_t apart = std::max(gap_, onset_gap_);
    if (length_ < kNoEnd) {
      const std::int64_t slack =
          length_ - 2 * samples(spec_.margin) - used - std::max<std::int64_t>(0, n - 1) * apart;
      if (slack < 0) throw Unmet{"the events are longer than the scene"};
      for (std::int64_t i = 0; i < n; ++i)
        pauses.push_back(static_cast<std::int64_t>(rng_.below(static_cast<std::uint64_t>(slack) + 1)));
      std::sort(pauses.begin(), pauses.end());
    } else {
      std::int64_t sum = 0;
      for (std::int64_t i = 0; i < n; ++i) pauses.push_back(sum += samples(kUsualGap.draw_from(rng_)));
    }
    std::int64_t at = samples(spec_.margin);
    for (std::size_t u = 0; u < built.size(); ++u) {
      std::int64_t last = 0;
      for (Group& g : built[u]) {
        last = std::max(last, g.end());
        g.begin += at + pauses[u];
        groups_.push_back(g);
      }
      at += last + apart;
    }
  }

  // Events that come again all through the scene, where there is room for them.
  void fill() {
    for (std::size_t s = 0; s < spec_.events.size(); ++s) {
      const EventSpec& e = spec_.events[s];
      if (!e.every || (e.chance < 1 && !rng_.chance(e.chance))) continue;
      std::string label;  // one for all of them
      for (std::int64_t at = samples(e.every->draw_from(rng_)); at < length_;
           at += std::max<std::int64_t>(1, samples(e.every->draw_from(rng_)))) {
        Group group = draw_group(static_cast<int>(s), label);
        label = group.events[0].label;
        if (!clash(group, at, -1).empty()) continue;
        group.begin = at;
        groups_.push_back(std::move(group));
      }
    }
  }

  void finish() {
    plan_.length = length_;
    for (std::size_t g = 0; g < groups_.size(); ++g)
      for (PlanEvent event : groups_[g].events) {
        event.onset += groups_[g].begin, event.group = static_cast<int>(g);
        plan_.events.push_back(std::move(event));
      }
    std::stable_sort(plan_.events.begin(), plan_.events.end(),
                     [](const PlanEvent& a, const PlanEvent& b) { return a.onset < b.onset; });
    for (PlanBackground& b : plan_.backgrounds) {
      b.end = length_;
      const std::int64_t n = library_.facts(b.take).length;
      const std::int64_t places = n > length_ ? n - length_ + 1 : std::max<std::int64_t>(1, n / 2);
      b.take_begin = static_cast<std::int64_t>(rng_.below(static_cast<std::uint64_t>(places)));
    }
  }

  const SoundLibrary& library_;
  const Split split_;
  const SceneSpec& spec_;
  Random& rng_;
  const std::vector<int> order_;
  std::vector<std::string> foreground_, background_;

  ScenePlan plan_;
  std::int64_t length_ = 0, gap_ = 0, onset_gap_ = 0;
  double lufs_ = -35;
  std::vector<Group> groups_;                   // placed
  std::map<std::string, std::size_t> by_name_;  // among the groups in the order of drawing
  std::set<std::string> used_labels_;
};

}  // namespace

ScenePlan draft_scene(const SoundLibrary& library, Split split, const SceneSpec& spec, Random& rng) {
  check_spec(spec, "scene spec");
  return Draft(library, split, spec, rng).draw();
}

}  // namespace af2
