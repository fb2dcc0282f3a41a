// Notes of accompaniment, bass and drums.
#include <algorithm>
#include <tuple>

#include "af2/synth/music_detail.h"
#include "af2/synth/music_instruments.h"

namespace af2 {
namespace {

constexpr int kKick = 36, kSideStick = 37, kSnare = 38, kClosedHat = 42, kPedalHat = 44, kOpenHat = 46,
              kRide = 51;
constexpr int kHalf = kBeatTicks / 2;
constexpr int kBaseVelocity = 92;

int role_level(const std::string& role) {
  if (role == "melody" || role == "canon") return 6;
  if (role == "chords") return -14;
  if (role == "pad") return -24;
  return role == "drums" ? -6 : 0;
}

bool last_bar(const MusicPlan& plan, int bar) {
  return bar + 1 == static_cast<int>(plan.bars.size());
}

// What a chord instrument does with one chord; a bass of its own only where no other part is one.
void write_chord(MusicPlan& plan, PartWriter& out, const MusicSpan& span, bool own_bass) {
  const int first = span.beat * kBeatTicks, ticks = span.beats * kBeatTicks;
  const int centre = std::clamp(60, out.low() + 5, out.high() - 6);
  const std::vector<int> chord = close_voicing(span.chord, centre, out.low(), out.high());
  const auto strike = [&](int tick, int length, int accent) {
    for (const int pitch : chord) out.note(span.bar, tick, length, pitch, accent);
  };
  const std::string& texture = plan.texture;
  if (last_bar(plan, span.bar) || texture == "sustained chords") {
    if (!last_bar(plan, span.bar) || span.beat == 0)
      strike(first, last_bar(plan, span.bar) ? plan.beats_per_bar * kBeatTicks : ticks, 0);
  } else if (texture == "broken chords") {
    // Every tone of the chord comes within a slot: up, and back through the middle.
    static const std::vector<std::vector<int>> shapes = {{0, 2, 1, 2}, {0, 2, 1, 3}};
    const std::vector<int>& shape = shapes[chord.size() > 3 ? 1 : 0];
    const int step = plan.metre == "6/8" ? kBeatTicks / 3 : kHalf;
    for (int i = 0; i * step < ticks; ++i)
      out.note(span.bar, first + i * step, step,
               chord[static_cast<std::size_t>(shape[static_cast<std::size_t>(i) % shape.size()])],
               i == 0 ? 4 : 0);
  } else if (texture == "after-beats") {
    for (int beat = span.beat; beat < span.beat + span.beats; ++beat) {
      const bool strong = beat == 0 || (plan.beats_per_bar == 4 && beat == 2);
      if (!strong) strike(beat * kBeatTicks, kHalf, -4);
      if (strong && own_bass)
        out.note(span.bar, beat * kBeatTicks, kHalf,
                 nearest_pitch(span.chord.root, centre - 12, out.low(), out.high()), 6);
    }
  } else if (texture == "off-beat chords") {
    for (int beat = span.beat; beat < span.beat + span.beats; ++beat)
      strike(beat * kBeatTicks + kHalf, kHalf - 2, 4);
  } else {
    const bool driving = plan.style == "rock";
    const int step = driving ? kHalf : kBeatTicks;
    for (int tick = 0; tick < ticks; tick += step) strike(first + tick, step - 1, tick == 0 ? 4 : -2);
  }
}

void write_chords(MusicPlan& plan, int part) {
  PartWriter out(plan, part);
  const bool own_bass =
      std::none_of(plan.parts.begin(), plan.parts.end(), [](const auto& p) { return p.role == "bass"; });
  for (const MusicSpan& span : std::vector<MusicSpan>(plan.chords)) write_chord(plan, out, span, own_bass);
}

void write_pad(MusicPlan& plan, int part) {
  PartWriter out(plan, part);
  for (const MusicSpan& span : std::vector<MusicSpan>(plan.chords))
    for (const int pitch :
         close_voicing(span.chord, std::clamp(64, out.low() + 5, out.high() - 6), out.low(), out.high()))
      out.note(span.bar, span.beat * kBeatTicks, span.beats * kBeatTicks, pitch);
}

// A tone of the chord on every beat, and before the chord changes a step towards the next root.
void walk(PartWriter& out, const MusicSpan& span, int next_root, int& pitch, Random& rng) {
  for (int i = 0; i < span.beats; ++i) {
    const int tone = i == 0 ? span.chord.root
                            : span.chord.tones[static_cast<std::size_t>(
                                  rng.range(1, static_cast<int>(span.chord.tones.size()) - 1))];
    pitch = nearest_pitch(tone, pitch, out.low(), std::min(out.high(), out.low() + 19));
    if (i + 1 == span.beats && i > 0) {
      const int goal = nearest_pitch(next_root, pitch, out.low(), out.high());
      pitch = std::clamp(goal + (goal > pitch ? -1 : 1), out.low(), out.high());
    }
    out.note(span.bar, (span.beat + i) * kBeatTicks, kBeatTicks - 1, pitch, i == 0 ? 3 : 0);
  }
}

void write_bass(MusicPlan& plan, const MusicStyle& style, int part, Random& rng) {
  PartWriter out(plan, part);
  const std::vector<MusicSpan> chords = plan.chords;
  int pitch = out.low() + 8;
  for (std::size_t i = 0; i < chords.size(); ++i) {
    const MusicSpan& span = chords[i];
    const int root = nearest_pitch(span.chord.root, out.low() + 7, out.low(), out.high());
    const int fifth = nearest_pitch(span.chord.tones[2], root + 1, out.low(), out.high());
    const int first = span.beat * kBeatTicks;
    if (last_bar(plan, span.bar)) {
      if (span.beat == 0) out.note(span.bar, 0, plan.beats_per_bar * kBeatTicks, root, 4);
    } else if (style.walking) {
      walk(out, span, chords[std::min(i + 1, chords.size() - 1)].chord.root, pitch, rng);
    } else if (style.name == "rock") {
      for (int tick = 0; tick < span.beats * kBeatTicks; tick += kHalf)
        out.note(span.bar, first + tick, kHalf - 1, root, tick == 0 ? 4 : 0);
    } else if (plan.texture == "after-beats") {
      for (int beat = 0; beat < span.beats; ++beat) {
        const int place = span.beat + beat;
        if (place == 0) out.note(span.bar, first, kBeatTicks - 2, root, 4);
        if (place == 2 && plan.beats_per_bar == 4)
          out.note(span.bar, place * kBeatTicks, kBeatTicks - 2, fifth);
      }
    } else if (plan.texture == "sustained chords" || plan.texture == "canon" || span.beats < 4) {
      out.note(span.bar, first, span.beats * kBeatTicks - 1, root);
    } else {
      out.note(span.bar, first, 2 * kBeatTicks - 2, root, 3);
      out.note(span.bar, first + 2 * kBeatTicks, kBeatTicks, root);
      out.note(span.bar, first + 3 * kBeatTicks, kBeatTicks - 2, fifth);
    }
  }
}

void write_drums(MusicPlan& plan, const MusicStyle& style, int part, Random& rng) {
  PartWriter out(plan, part);
  const auto hit = [&](int bar, int tick, int drum, int accent = 0) { out.note(bar, tick, 3, drum, accent); };
  const bool extra_kick = rng.chance(0.5);
  for (int bar = 0; bar < static_cast<int>(plan.bars.size()); ++bar) {
    if (last_bar(plan, bar)) {
      hit(bar, 0, kKick, 6), hit(bar, 0, style.drums == "ride" ? kRide : kOpenHat, 0);
      continue;
    }
    for (int beat = 0; beat < plan.beats_per_bar; ++beat) {
      const int tick = beat * kBeatTicks;
      const bool odd = beat % 2 == 1;
      if (style.drums == "backbeat" || style.drums == "shuffle") {
        hit(bar, tick, kClosedHat, -8), hit(bar, tick + kHalf, kClosedHat, -16);
        hit(bar, tick, odd ? kSnare : kKick, 4);
        if (beat == 2 && extra_kick) hit(bar, tick + kHalf, kKick, -4);
      } else if (style.drums == "ride") {
        hit(bar, tick, kRide, -4);
        if (odd) hit(bar, tick + kHalf, kRide, -12), hit(bar, tick, kPedalHat, -8);
      } else if (style.drums == "march") {
        if (!odd) hit(bar, tick, kKick, 4);
        hit(bar, tick, kSnare, odd ? 0 : -8);
        if (odd) hit(bar, tick + kHalf, kSnare, -14), hit(bar, tick + kHalf + 3, kSnare, -10);
      } else {  // one drop
        hit(bar, tick, kClosedHat, -10), hit(bar, tick + kHalf, kClosedHat, -4);
        if (beat == 2) hit(bar, tick, kKick, 6), hit(bar, tick, kSideStick, 4);
      }
    }
  }
}

}  // namespace

PartWriter::PartWriter(MusicPlan& plan, int part) : plan_(plan), part_(part) {
  const MusicPart& of = plan.parts.at(static_cast<std::size_t>(part));
  const Instrument& instrument = instrument_named(of.instrument);
  low_ = instrument.low, high_ = instrument.high;
  velocity_ = kBaseVelocity + instrument.level + role_level(of.role);
}

bool PartWriter::plays(int bar) const {
  const MusicPart& of = plan_.parts[static_cast<std::size_t>(part_)];
  return bar >= of.enter_bar && bar < of.leave_bar;
}

void PartWriter::note(int bar, int tick, int ticks, int pitch, int accent) {
  if (!plays(bar)) return;
  // Swung eighths lie on the last third of the beat.
  const auto swung = [&](int at) {
    return plan_.rhythm == "swung" && at % kBeatTicks == kHalf ? at + kBeatTicks / 6 : at;
  };
  const std::int64_t start = music_step(plan_, bar, swung(tick)),
                     end = music_step(plan_, bar, swung(tick + ticks));
  const int velocity =
      std::clamp(velocity_ + accent + plan_.bars[static_cast<std::size_t>(bar)].loudness, 16, 124);
  plan_.notes.push_back({part_, start, std::max(end, start + 10), pitch, velocity});
}

std::vector<int> scale_under(const MusicPlan& plan, const MusicSpan& span, int bar) {
  std::vector<int> scale = scale_of(plan.bars[static_cast<std::size_t>(bar)].key);
  for (const int tone : span.chord.tones) {
    if (std::find(scale.begin(), scale.end(), tone) != scale.end()) continue;
    for (int& note : scale)
      if ((note + 1) % 12 == tone || (tone + 1) % 12 == note) {
        note = tone;
        break;
      }
  }
  return scale;
}

int nearest_pitch(int pitch_class, int to, int low, int high) {
  int best = -1;
  for (int pitch = low; pitch <= high; ++pitch)
    if (pitch % 12 == pitch_class && (best < 0 || std::abs(pitch - to) < std::abs(best - to))) best = pitch;
  return best < 0 ? low : best;
}

std::vector<int> close_voicing(const MusicChord& chord, int centre, int low, int high) {
  const int base = std::clamp(centre - 5, low, std::max(low, high - 11));
  std::vector<int> pitches;
  for (const int tone : chord.tones) pitches.push_back(base + (tone - base % 12 + 12) % 12);
  std::sort(pitches.begin(), pitches.end());
  return pitches;
}

void write_parts(MusicPlan& plan, const MusicStyle& style, Random& rng) {
  for (int part = 0; part < static_cast<int>(plan.parts.size()); ++part) {
    const std::string role = plan.parts[static_cast<std::size_t>(part)].role;
    if (role == "melody") write_melody(plan, style, part, rng);
    if (role == "chords") write_chords(plan, part);
    if (role == "pad") write_pad(plan, part);
    if (role == "bass") write_bass(plan, style, part, rng);
    if (role == "drums") write_drums(plan, style, part, rng);
  }
  if (plan.texture == "canon") write_canon(plan, style, rng);
  if (plan.texture == "voices together") write_voices(plan, rng);
  std::sort(plan.notes.begin(), plan.notes.end(), [](const MusicNote& a, const MusicNote& b) {
    return std::tie(a.start, a.part, a.pitch, a.end) < std::tie(b.start, b.part, b.pitch, b.end);
  });
}

}  // namespace af2
