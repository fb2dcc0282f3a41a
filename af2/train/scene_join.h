// New scenes out of stretches of scenes that a frozen stem has heard: any sounds in any order, at the price
// of a copy.
//
// A piece is a stretch that holds whole events and begins and ends where none sounds. A stem is local in
// time, so what it hears in pieces one after the other is, but for the seams, what it would hear in their
// sounds one after the other. Not for towers that look at a whole window. Thread rule: free functions.
//
//   const std::vector<ScenePiece> pieces = pieces_of(scene, 10.0 / 128);
//   const Scene joined = join_scenes({{&scene, pieces[1]}, {&other, pieces_of(other, 10.0 / 128)[0]}});
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "af2/data/scene.h"

namespace af2 {

struct ScenePiece {
  std::int64_t first_step = 0, n_steps = 0;  // on the stem's grid
  double hop_s = 0;                          // of that grid
  std::vector<int> events;                   // of the scene, by onset

  double from_s() const { return static_cast<double>(first_step) * hop_s; }
  double seconds() const { return static_cast<double>(n_steps) * hop_s; }
};

// The pieces of a scene: its events in groups between which at least two steps are free, each with up to half
// a second of background on both sides. A scene without events has none.
std::vector<ScenePiece> pieces_of(const Scene& scene, double hop_s);

// Stretches of a scene, on the same grid, in which none of its events is heard: what is between them and
// around them, less a quarter of a second beside each. Those shorter than half a second are left out.
std::vector<ScenePiece> gaps_of(const Scene& scene, double hop_s);

// What sounds when, where the pieces follow each other; without samples, stems and energies. Its background
// label is that of the pieces; those of one scene must not have two different ones (may_follow()).
Scene join_scenes(const std::vector<std::pair<const Scene*, ScenePiece>>& pieces);

// Whether a piece of `next` may stand beside pieces whose ambience is `background_label` (-1: none).
bool may_follow(int background_label, const Scene& next);

}  // namespace af2
