// Form and harmony of a piece: style, metre, key, bars, chords, who plays when, what changes.
#include <algorithm>
#include <cmath>
#include <optional>

#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/synth/music_detail.h"
#include "af2/synth/music_instruments.h"

namespace af2 {
namespace {

constexpr int kDraws = 100;          // data.md section 5
constexpr double kRingOut_s = 1.5;   // after the last bar
constexpr double kEntryGap_s = 1.0;  // between parts that enter one after another
constexpr double kSilence_s = 2.0;   // of a part that has left
constexpr int kSofter = -34;         // velocities; about 9 dB
constexpr int kPhraseBars = 4;

bool is_in(const std::vector<std::string>& list, const std::string& name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

std::vector<std::string> common(const std::vector<std::string>& of_style,
                                const std::vector<std::string>& wanted) {
  std::vector<std::string> both;
  for (const std::string& name : of_style)
    if (wanted.empty() || is_in(wanted, name)) both.push_back(name);
  return both;
}

void check_names(const std::vector<std::string>& given, const std::vector<std::string>& known,
                 const char* key) {
  for (const std::string& name : given)
    if (!is_in(known, name))
      throw user_error("there is no " + name, key, "did you mean " + nearest_word(name, known) + "?");
}

void check_spec(const MusicSpec& spec) {
  check_names(spec.styles, music_style_names(), "styles");
  check_names(spec.modes, {"major", "minor", "dorian", "mixolydian"}, "modes");
  check_names(spec.metres, {"2/4", "3/4", "4/4", "6/8"}, "metres");
  check_names(spec.cadences, cadence_names(), "cadences");
  for (const std::string& name : spec.instruments) instrument_named(name);
  if (!(spec.min_seconds > 0) || !(spec.max_seconds >= spec.min_seconds) || !std::isfinite(spec.max_seconds))
    throw user_error("must be above 0, and max_seconds not below it", "min_seconds");
  if (spec.min_parts < 1 || spec.max_parts < spec.min_parts)
    throw user_error("must be at least 1, and max_parts not below it", "min_parts");
  if (spec.min_tempo < 20 || spec.max_tempo < spec.min_tempo || spec.max_tempo > 300)
    throw user_error("must be 20 to 300, and max_tempo not below min_tempo", "min_tempo");
}

// One try at a piece. Every step returns false where its draw does not fit the spec.
class Composer {
 public:
  Composer(const MusicSpec& spec, Random& rng) : spec_(spec), rng_(rng), style_(draw_style()) {}

  std::optional<MusicPlan> compose() {
    if (!draw_frame() || !draw_parts() || !draw_bars() || !draw_entries()) return std::nullopt;
    if (!draw_harmony()) return std::nullopt;
    plan_.texture = rng_.pick(style_.textures);
    if (plan_.texture == "after-beats" && plan_.metre == "6/8") plan_.texture = "block chords";
    plan_.rhythm = style_.rhythm;
    if (bears_genre()) plan_.genre = style_.genre;
    if (!has_role("chords") && !has_role("voices") && !has_role("voice") && !has_role("canon"))
      plan_.texture = plan_.parts.size() == 1 ? "melody alone" : "";
    write_parts(plan_, style_, rng_);
    draw_moods();
    return std::move(plan_);
  }

 private:
  const MusicStyle& draw_style() {
    std::vector<const MusicStyle*> fit;
    for (const MusicStyle& style : music_styles())
      if (spec_.styles.empty() || is_in(spec_.styles, style.name)) fit.push_back(&style);
    return *rng_.pick(fit);
  }

  bool has_role(const std::string& role) const {
    return std::any_of(plan_.parts.begin(), plan_.parts.end(), [&](const auto& p) { return p.role == role; });
  }

  // A word for the style stands only where enough of what makes it is there: a trumpet alone is no march.
  bool bears_genre() const {
    if (has_role("voices") || has_role("voice") || has_role("canon")) return true;
    const bool beat = style_.drums.empty() || has_role("drums") || has_role("bass");
    return plan_.parts.size() >= 2 && has_role("chords") && beat;
  }

  bool draw_frame() {
    const auto modes = common(style_.modes, spec_.modes), metres = common(style_.metres, spec_.metres);
    const int slow = std::max(style_.min_tempo, spec_.min_tempo),
              fast = std::min(style_.max_tempo, spec_.max_tempo);
    if (modes.empty() || metres.empty() || slow > fast) return false;
    key_.mode = rng_.pick(modes);
    key_.tonic = rng_.pick(usual_tonics(key_.mode));
    plan_.style = style_.name;
    plan_.metre = rng_.pick(metres);
    // The beat of 6/8 is its dotted quarter.
    plan_.beats_per_bar = plan_.metre == "6/8" ? 2 : plan_.metre[0] - '0';
    tempo_ = rng_.range(slow, fast);
    return true;
  }

  bool draw_parts() {
    const int wanted = rng_.range(spec_.min_parts, spec_.max_parts);
    std::vector<std::string> taken;
    for (const auto& [role, names] : style_.roles) {
      if (static_cast<int>(plan_.parts.size()) == wanted && style_.name != "chorale") break;
      std::vector<std::string> left;
      for (const std::string& name : common(names, spec_.instruments))
        if (!is_in(taken, name)) left.push_back(name);
      if (left.empty()) continue;
      taken.push_back(rng_.pick(left));
      plan_.parts.push_back({taken.back(), role, 0, 0});
    }
    const int n = static_cast<int>(plan_.parts.size());
    const auto canons = std::count_if(plan_.parts.begin(), plan_.parts.end(),
                                      [](const auto& p) { return p.role == "canon"; });
    if (style_.name == "canon" && canons < 2) return false;
    if (style_.name == "chorale" && n < 3) return false;
    // Drums alone are no piece.
    if (n == 1 && plan_.parts[0].role == "drums") return false;
    return n >= spec_.min_parts && n <= spec_.max_parts;
  }

  // How many bars; where and what changes; when each begins.
  bool draw_bars() {
    const double target = rng_.uniform(spec_.min_seconds, spec_.max_seconds) - kRingOut_s;
    const double bar_s = plan_.beats_per_bar * 60.0 / tempo_;
    n_bars_ = static_cast<int>(target / bar_s);
    slots_per_bar_ = plan_.metre == "4/4" && (style_.name == "canon" ||
                                              (style_.half_bars && (n_bars_ < 4 || rng_.chance(0.4))))
                         ? 2
                         : 1;
    if (style_.name == "blues") n_bars_ -= n_bars_ % 12;
    if (style_.name == "canon") {
      const int cycle = 4 / slots_per_bar_;
      n_bars_ = (n_bars_ - 1) / cycle * cycle + 1;
    }
    if (n_bars_ < std::max(style_.min_bars, 2) || n_bars_ * slots_per_bar_ < 3) return false;
    std::optional<RecordChange> change = draw_change();
    double at = 0;
    int tempo = tempo_,
        loudness = change && change->kind == "loudness" && change->from == "soft" ? kSofter : 0;
    MusicKey key = key_;
    for (int bar = 0; bar < n_bars_; ++bar) {
      if (change && bar == change_bar_) {
        change->at = std::round(at / kMusicStep_s) * kMusicStep_s;
        if (change->kind == "tempo") tempo = std::stoi(change->to);
        if (change->kind == "key") key = new_key_;
        if (change->kind == "loudness") loudness = change->to == "soft" ? kSofter : 0;
      }
      plan_.bars.push_back({tempo, key, loudness, std::llround(at / kMusicStep_s)});
      at += plan_.beats_per_bar * 60.0 / tempo;
    }
    if (change) plan_.changes.push_back(*change);
    plan_.end = std::llround((at + kRingOut_s) / kMusicStep_s);
    for (int bar = 0; bar < n_bars_; ++bar)
      for (int beat = 0; beat < plan_.beats_per_bar; ++beat)
        plan_.beats.push_back(music_step(plan_, bar, beat * kBeatTicks));
    return plan_.seconds() >= spec_.min_seconds && plan_.seconds() <= spec_.max_seconds;
  }

  std::optional<RecordChange> draw_change() {
    // Drawn in any case, so that what follows does not depend on the chances.
    const bool tempo = rng_.chance(spec_.tempo_change_chance), key = rng_.chance(spec_.key_change_chance),
               loudness = rng_.chance(spec_.loudness_change_chance), up = rng_.chance(0.5);
    const double factor = rng_.uniform(1.35, 1.6);
    const int semitones = rng_.pick(std::vector<int>{1, 2, 3, 5, -2, -3});
    if (n_bars_ < 2 * kPhraseBars || style_.name == "canon" || style_.name == "blues") return std::nullopt;
    const int phrases = n_bars_ / kPhraseBars;
    change_bar_ = kPhraseBars * std::max(1, phrases / 2);
    if (tempo) {
      const int then = static_cast<int>(std::lround(up ? tempo_ * factor : tempo_ / factor));
      if (then < 40 || then > 208) return std::nullopt;
      return RecordChange{"tempo", 0, std::to_string(tempo_), std::to_string(then)};
    }
    if (key && style_.named_key) {
      new_key_ = transposed(key_, semitones);
      return RecordChange{"key", 0, key_name(key_), key_name(new_key_)};
    }
    if (loudness) return RecordChange{"loudness", 0, up ? "soft" : "loud", up ? "loud" : "soft"};
    return std::nullopt;
  }

  bool draw_entries() {
    const bool stagger = rng_.chance(spec_.stagger_chance), leave = rng_.chance(spec_.leave_chance);
    const int n = static_cast<int>(plan_.parts.size());
    const double bar_s = plan_.beats_per_bar * 60.0 / tempo_;
    for (MusicPart& part : plan_.parts) part.leave_bar = n_bars_;
    if (style_.name == "canon") return place_canon();
    if (style_.name == "chorale" || n < 2) return true;
    const int before = plan_.changes.empty() ? n_bars_ : change_bar_;
    if (stagger) {
      const int gap = static_cast<int>(std::ceil(kEntryGap_s / bar_s)),
                room = std::min(before, n_bars_ * 11 / 20);
      std::vector<int> order(plan_.parts.size());
      for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
      rng_.shuffle(order);
      if ((n - 1) * gap < room) {
        const int widest = (room - 1) / (n - 1), step = rng_.range(gap, std::min(widest, 2 * gap));
        for (int i = 0; i < n; ++i)
          plan_.parts[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])].enter_bar = i * step;
      }
    }
    if (leave) {
      const int quiet = static_cast<int>(std::ceil(kSilence_s / bar_s));
      const int last = n_bars_ - std::max(quiet, 2), first = n_bars_ * 3 / 5;
      MusicPart& part = plan_.parts[rng_.below(plan_.parts.size())];
      if (last >= first && last >= part.enter_bar + 2)
        part.leave_bar = rng_.range(std::max(first, part.enter_bar + 2), last);
    }
    return true;
  }

  // Each voice of a canon begins one round of the ground after the one before.
  bool place_canon() {
    const int cycle = 4 / slots_per_bar_;
    int voice = 0;
    for (MusicPart& part : plan_.parts)
      if (part.role == "canon") part.enter_bar = cycle * voice++;
    return cycle * voice < n_bars_;
  }

  // Chords of the slots [first, last) in a key, beginning on the tonic where functions lead.
  void fill_slots_of(Progression& slots, int first, int last, const MusicKey& key) {
    const auto loops = style_.loops.find(key.mode);
    if (loops != style_.loops.end()) {
      const Progression& loop = loop_.empty() ? loop_ = rng_.pick(loops->second) : loop_;
      for (int i = first; i < last; ++i)
        slots[static_cast<std::size_t>(i)] = loop[static_cast<std::size_t>(i - first) % loop.size()];
      return;
    }
    std::string chord = key.mode == "minor" ? "i" : "I";
    for (int i = first; i < last; ++i) {
      slots[static_cast<std::size_t>(i)] = chord;
      chord = rng_.pick(chords_after(key.mode, chord));
    }
  }

  bool draw_harmony() {
    const int n = n_bars_ * slots_per_bar_;
    Progression slots(static_cast<std::size_t>(n));
    const bool key_changes = !plan_.changes.empty() && plan_.changes[0].kind == "key";
    const int middle = key_changes ? change_bar_ * slots_per_bar_ : n;
    fill_slots_of(slots, 0, middle, key_);
    if (key_changes) fill_slots_of(slots, middle, n, new_key_);
    if (!end_harmony(slots)) return false;
    const int beats = plan_.beats_per_bar / slots_per_bar_;
    for (int i = 0; i < n; ++i) {
      const int bar = i / slots_per_bar_, beat = i % slots_per_bar_ * beats;
      const MusicKey& key = plan_.bars[static_cast<std::size_t>(bar)].key;
      plan_.chords.push_back({chord_of(key, slots[static_cast<std::size_t>(i)]), bar, beat, beats,
                              music_step(plan_, bar, beat * kBeatTicks),
                              music_step(plan_, bar, (beat + beats) * kBeatTicks)});
    }
    return true;
  }

  // The last bar is one chord, and in major and minor the one before it prepares it.
  bool end_harmony(Progression& slots) {
    const std::size_t last = slots.size() - static_cast<std::size_t>(slots_per_bar_);
    std::string final_chord = slots.back();
    if (style_.name == "blues") {
      if (!spec_.cadences.empty()) return false;
    } else if (key_.mode == "major" || key_.mode == "minor") {
      std::vector<std::string> wanted = common(cadence_names(), spec_.cadences);
      // Grounds of a canon end on the dominant.
      if (style_.name == "canon") wanted = common({"authentic", "deceptive"}, spec_.cadences);
      if (wanted.empty()) return false;
      plan_.cadence = rng_.pick(wanted);
      Progression two = rng_.pick(cadences_of(key_.mode, plan_.cadence));
      if (style_.name == "jazz")
        for (std::string& chord : two) chord = with_seventh(chord);
      if (style_.name != "canon") slots[last - 1] = two[0];
      final_chord = two[1];
    } else if (!spec_.cadences.empty()) {
      return false;
    } else {
      final_chord = key_.mode == "dorian" ? "i" : "I";
    }
    for (std::size_t i = last; i < slots.size(); ++i) slots[i] = final_chord;
    return true;
  }

  static std::string with_seventh(const std::string& chord) {
    if (chord == "ii" || chord == "vi" || chord == "i" || chord == "iv" || chord == "V") return chord + "7";
    return chord == "V7" ? chord : chord + "maj7";
  }

  // Words for how it feels, only where tempo, mode and loudness agree on them.
  void draw_moods() {
    if (!plan_.changes.empty()) return;
    const bool major = key_.mode == "major", minor = key_.mode == "minor";
    const bool calm_style = style_.name == "ambient" || plan_.texture == "sustained chords";
    if (major && tempo_ >= 126 && style_.drums != "ride") plan_.moods = {"cheerful", "lively"};
    if (minor && tempo_ <= 76 && style_.drums.empty()) plan_.moods = {"sad"};
    if (major && tempo_ <= 76 && calm_style) plan_.moods = {"calm", "peaceful"};
    if (style_.name == "rock" && tempo_ >= 132) plan_.moods = {"energetic"};
    if (style_.name == "rock" && minor && tempo_ >= 132) plan_.moods = {"energetic", "aggressive"};
  }

  const MusicSpec& spec_;
  Random& rng_;
  const MusicStyle& style_;
  MusicPlan plan_;
  MusicKey key_, new_key_;
  Progression loop_;
  int tempo_ = 0, n_bars_ = 0, slots_per_bar_ = 1, change_bar_ = 0;
};

}  // namespace

std::int64_t music_step(const MusicPlan& plan, int bar, int tick) {
  // A bar ends exactly where the next begins, whatever is rounded.
  if (tick >= plan.beats_per_bar * kBeatTicks && bar + 1 < static_cast<int>(plan.bars.size()))
    return music_step(plan, bar + 1, tick - plan.beats_per_bar * kBeatTicks);
  const MusicBar& at = plan.bars.at(static_cast<std::size_t>(bar));
  return at.start + std::llround(tick * 60.0 / (at.tempo * kBeatTicks) / kMusicStep_s);
}

const MusicSpan& span_at(const MusicPlan& plan, int bar, int beat) {
  // Spans have one length, so that a place is found by counting.
  const std::size_t per_bar = plan.chords.size() / plan.bars.size();
  const auto beats = static_cast<std::size_t>(plan.chords.front().beats);
  return plan.chords.at(static_cast<std::size_t>(bar) * per_bar + static_cast<std::size_t>(beat) / beats);
}

MusicPlan plan_music(const MusicSpec& spec, Random& rng) {
  check_spec(spec);
  for (int i = 0; i < kDraws; ++i)
    if (std::optional<MusicPlan> plan = Composer(spec, rng).compose()) return std::move(*plan);
  throw user_error("no piece meets the spec in " + std::to_string(kDraws) + " draws", "music spec",
                   "allow longer pieces, more styles or more instruments");
}

}  // namespace af2
