// Figures of sets, manifests and records side by side, with a total: for a look at data before and after a
// mix. Each is read through once (twice with its sounds); no item is kept.
//
// Not for what is wrong in a set (`data check`) or for a page to look at (report.h). Thread rule: one call at
// a time.
//
//   const SetStats stats = stats_of({"sets/a", "clotho/train.json"}, {.sounds = true});
//   print(stats_table(stats));
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "af2/core/json.h"
#include "af2/data/manifest_formats.h"

namespace af2 {

struct StatsOptions {
  bool sounds = false;     // open every sound once
  int threads = 2;         // sounds opened at once
  std::size_t listed = 5;  // sounds of each path that are named where they cannot be read
  ManifestRead read = {};
};

struct SetStats {
  // Keys: path, form, those of SetCounts::json(), left_out (lines of a manifest by reason), and with sounds
  // `sounds`: files, missing, unreadable, listed [{path, problem}]. With sounds, a duration that is not known
  // is the file's.
  std::vector<Json> inputs;
  Json total;           // the same of all together: form "total", clips and files that several have once
  bool faults = false;  // lines were left out, or sounds cannot be read
};
// Throws kUser for a path named twice, kData for what set_input.h refuses. `tell`: told how many sounds of
// how many have been opened.
SetStats stats_of(const std::vector<std::string>& paths, const StatsOptions& options,
                  const std::function<void(std::size_t done, std::size_t all)>& tell = nullptr);

// One column a path and, where there are several, the total; a row a figure. Ends in a line end.
std::string stats_table(const SetStats& stats);

}  // namespace af2
