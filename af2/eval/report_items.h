// Single items in report.html: the order from worst to best, cards with sound and picture, a table to search
// in.
//
// What the owner of the data does not allow to be passed on is left out here, whatever scores.jsonl holds:
// texts_allowed() and sounds_allowed() of report_figures.h decide. All texts are escaped. Thread rule: free
// functions; they read sounds from disk.
//
//   const auto order = worst_first(scores);
//   html += item_card(scores[order.front()], summary, {.where = ReportSounds::kInside, .root = "audio"});
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "af2/core/json.h"

namespace af2 {

struct ReportSounds {
  // kInside: a 16-bit WAV within the page; kBeside: the page names the file where it lies; kNone: neither
  // player nor spectrogram.
  enum Where { kNone, kInside, kBeside };
  Where where = kNone;
  std::filesystem::path root;  // what the items' paths are below
  std::string prefix;          // kBeside: from the page's folder to `root`, "" or ending in '/'
  // Of items that are a part of their file, by id: start and duration in seconds (duration 0: to the end).
  std::map<std::string, std::pair<double, double>> stretches;
  double seconds = 10;       // at most so much of each sound is put into the page, and drawn
  int worst = 10, best = 5;  // cards
};

// Places in `scores` from the worst item to the best: by score; of equal scores the wrong answer that the
// model was surest of (logprob_mean) is worst, and the right one that it was surest of is best; then by id.
std::vector<std::size_t> worst_first(const std::vector<Json>& scores);

// failed, no answer, left out, wrong, right, partly, scored (no right or wrong in this benchmark), or no mark
// (none that the judge gave could be read).
std::string item_state(const Json& row);

std::string item_card(const Json& row, const Json& summary, const ReportSounds& sounds);

// The rows at `places`, for the filter of the page.
std::string item_table(const std::vector<Json>& scores, const std::vector<std::size_t>& places,
                       const Json& summary);

// Items of which two runs think differently, at most 200: scores and answers of both.
std::string flipped_table(const Json& flipped, const std::vector<Json>& scores, const Json& summary);

}  // namespace af2
