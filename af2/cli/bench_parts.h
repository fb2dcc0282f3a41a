// What the measurements of `af2 bench` share.
#pragma once

#include <string>
#include <vector>

#include "af2/audio/decode.h"
#include "af2/cli/clip_flags.h"

namespace af2 {

// Two tones and noise: what sounds does not change the time.
Clip synthetic_clip(double seconds, int rate_hz);
double peak_mib();
double median(std::vector<double> values);

// AF-CLAP: vectors of clips of each length and of texts, one at a time, and of windows of one long clip. A
// table, or JSON lines.
void time_clap(const ClipFlags& clips, const std::string& text_model, const std::vector<double>& seconds,
               int reps);

}  // namespace af2
