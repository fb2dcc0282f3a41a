// Notes of melodies: one over an accompaniment, canons, voices that move together.
#include <algorithm>

#include "af2/synth/music_detail.h"

namespace af2 {
namespace {

struct MelodyNote {
  int bar = 0, tick = 0, ticks = 0, pitch = 60;
};

// Steps through the scale: `steps` up or down from a pitch.
int scale_step(const std::vector<int>& scale, int pitch, int steps, int low, int high) {
  const int way = steps < 0 ? -1 : 1;
  int at = pitch;
  for (int left = std::abs(steps); left > 0;) {
    at += way;
    if (at < low || at > high) return pitch;
    if (std::find(scale.begin(), scale.end(), at % 12) != scale.end()) --left;
  }
  return at;
}

// A line for the bars [first, first + rhythms.size()) over their chords: tones of the chord on beats that are
// long or strong, steps of the scale between.
std::vector<MelodyNote> compose_line(const MusicPlan& plan, int first,
                                     const std::vector<std::vector<int>>& rhythms, int low, int high,
                                     int& pitch, Random& rng) {
  std::vector<MelodyNote> line;
  for (std::size_t i = 0; i < rhythms.size(); ++i) {
    const int bar = first + static_cast<int>(i);
    int tick = 0;
    for (const int ticks : rhythms[i]) {
      const MusicSpan& span = span_at(plan, bar, tick / kBeatTicks);
      const bool strong = tick % (2 * kBeatTicks) == 0 || (ticks >= kBeatTicks && tick % kBeatTicks == 0);
      if (strong) {
        const int aim = std::clamp(pitch + rng.range(-5, 5), low, high);
        pitch = nearest_pitch(rng.pick(span.chord.tones), aim, low, high);
      } else {
        pitch = scale_step(scale_under(plan, span, bar), pitch,
                           rng.pick(std::vector<int>{-1, 1, -1, 1, 2, -2}), low, high);
      }
      line.push_back({bar, tick, ticks, pitch});
      tick += ticks;
    }
  }
  return line;
}

void play(PartWriter& out, const std::vector<MelodyNote>& line, int later_bars = 0, int higher = 0) {
  for (const MelodyNote& note : line)
    out.note(note.bar + later_bars, note.tick, note.ticks - (note.ticks > 6 ? 1 : 0), note.pitch + higher,
             note.tick == 0 ? 4 : 0);
}

}  // namespace

std::vector<int> melody_rhythm(const MusicPlan& plan, const MusicStyle& style, Random& rng) {
  constexpr int b = kBeatTicks, h = kBeatTicks / 2, t = kBeatTicks / 3;
  if (style.name == "ambient")
    return plan.beats_per_bar == 3
               ? std::vector<int>{3 * b}
               : rng.pick(std::vector<std::vector<int>>{{4 * b}, {2 * b, 2 * b}, {3 * b, b}});
  if (plan.metre == "6/8")
    return rng.pick(std::vector<std::vector<int>>{
        {2 * t, t, 2 * t, t}, {t, t, t, 2 * t, t}, {b, t, t, t}, {2 * t, t, b}, {t, t, t, t, t, t}});
  static const std::vector<std::vector<int>> twos = {{2 * b},   {b + h, h}, {b, b},
                                                     {h, h, b}, {b, h, h},  {h, h, h, h}};
  static const std::vector<std::vector<int>> ones = {{b}, {h, h}};
  std::vector<int> rhythm;
  for (int beat = 0; beat < plan.beats_per_bar;) {
    const bool two = plan.beats_per_bar - beat >= 2;
    const std::vector<int>& cell = rng.pick(two ? twos : ones);
    rhythm.insert(rhythm.end(), cell.begin(), cell.end());
    beat += two ? 2 : 1;
  }
  return rhythm;
}

void write_melody(MusicPlan& plan, const MusicStyle& style, int part, Random& rng) {
  PartWriter out(plan, part);
  const int centre = std::clamp(74, out.low() + 7, out.high() - 7);
  const int low = std::max(out.low(), centre - 9), high = std::min(out.high(), centre + 9);
  const int n = static_cast<int>(plan.bars.size());
  // The rhythm of a phrase comes back in the next one, so that it is a melody and no string of notes.
  std::vector<std::vector<int>> phrase;
  for (int i = 0; i < 4; ++i) phrase.push_back(melody_rhythm(plan, style, rng));
  if (rng.chance(0.5)) phrase[2] = phrase[0];
  std::vector<std::vector<int>> rhythms;
  for (int bar = 0; bar + 1 < n; ++bar) rhythms.push_back(phrase[static_cast<std::size_t>(bar % 4)]);
  int pitch = centre;
  std::vector<MelodyNote> line = compose_line(plan, 0, rhythms, low, high, pitch, rng);
  const MusicChord& last = plan.chords.back().chord;
  line.push_back({n - 1, 0, plan.beats_per_bar * kBeatTicks, nearest_pitch(last.root, pitch, low, high)});
  play(out, line);
}

// Over a ground that comes round and round, what one voice plays in a round the next plays one round later,
// note for note.
void write_canon(MusicPlan& plan, const MusicStyle& style, Random& rng) {
  const int per_bar = plan.beats_per_bar / plan.chords.front().beats, cycle = 4 / per_bar;
  const int n = static_cast<int>(plan.bars.size());
  std::vector<std::vector<int>> rhythms;
  for (int bar = 0; bar < n - 1; ++bar) rhythms.push_back(melody_rhythm(plan, style, rng));
  int leader = -1;
  std::vector<MelodyNote> line;
  for (int part = 0; part < static_cast<int>(plan.parts.size()); ++part) {
    const MusicPart& of = plan.parts[static_cast<std::size_t>(part)];
    if (of.role != "canon") continue;
    PartWriter out(plan, part);
    const int centre = std::clamp(72, out.low() + 8, out.high() - 8);
    if (leader < 0) {
      leader = part;
      int pitch = centre;
      line = compose_line(plan, 0, rhythms, centre - 8, centre + 8, pitch, rng);
      play(out, line);
    } else {
      // The followers end where the last bar begins; octaves bring them into their range.
      std::vector<MelodyNote> rest;
      for (const MelodyNote& note : line)
        if (note.bar + of.enter_bar < n - 1) rest.push_back(note);
      int lowest = 127, highest = 0, octaves = 0;
      for (const MelodyNote& note : line)
        lowest = std::min(lowest, note.pitch), highest = std::max(highest, note.pitch);
      while (lowest + 12 * octaves < out.low() && highest + 12 * (octaves + 1) <= out.high()) ++octaves;
      while (highest + 12 * octaves > out.high() && lowest + 12 * (octaves - 1) >= out.low()) --octaves;
      play(out, rest, of.enter_bar, 12 * octaves);
    }
    const MusicChord& last = plan.chords.back().chord;
    const std::size_t tone = static_cast<std::size_t>(of.enter_bar / cycle) % last.tones.size();
    out.note(n - 1, 0, plan.beats_per_bar * kBeatTicks,
             nearest_pitch(last.tones[tone], centre, out.low(), out.high()));
  }
}

// Every chord in all voices at once, on each beat or held: the top sings, the bass has the root.
void write_voices(MusicPlan& plan, Random& rng) {
  const int n_parts = static_cast<int>(plan.parts.size());
  const bool one_player = plan.parts.front().role == "voices";
  const int n_bars = static_cast<int>(plan.bars.size());
  int top = 71;
  for (int bar = 0; bar < n_bars; ++bar) {
    const bool last = bar + 1 == n_bars;
    for (int beat = 0; beat < plan.beats_per_bar;) {
      const MusicSpan span = span_at(plan, bar, beat);
      const int room = plan.beats_per_bar - beat;
      const int beats = last ? room : room >= 2 && beat % 2 == 0 && rng.chance(0.3) ? 2 : 1;
      const int until = std::min(beats, last ? room : span.beat + span.beats - beat);
      // One player has all tones; of three the upper two share third and seventh, or third and fifth.
      std::vector<int> tones = span.chord.tones;
      if (!one_player) tones = {tones[1], tones.back()};
      const std::size_t place = rng.below(tones.size());
      top = nearest_pitch(tones[place], std::clamp(top + rng.range(-3, 3), 66, 77), 64, 79);
      // From the top down, each below the one before; the root lies at the bottom.
      std::vector<int> pitches = {top};
      for (std::size_t i = 1; i < tones.size(); ++i)
        pitches.push_back(nearest_pitch(tones[(place + i) % tones.size()], pitches.back() - 5,
                                        pitches.back() - 11, pitches.back() - 1));
      pitches.push_back(nearest_pitch(span.chord.root, 50, 43, std::min(58, pitches.back() - 1)));
      for (std::size_t i = 0; i < pitches.size(); ++i) {
        PartWriter out(plan, one_player ? 0
                                        : static_cast<int>(std::min<std::size_t>(
                                              i, static_cast<std::size_t>(n_parts) - 1)));
        int pitch = pitches[i];
        while (pitch < out.low()) pitch += 12;
        while (pitch > out.high()) pitch -= 12;
        out.note(bar, beat * kBeatTicks, until * kBeatTicks - 1, pitch, beat == 0 ? 3 : 0);
      }
      beat += until;
    }
  }
}

}  // namespace af2
