// A sound file of any length as AF-CLAP's vectors of windows, with the memory of a few minutes.
//
// The windows are those of ClapEngine::stretches: every `hop_s` seconds, the last one ends where the file
// ends, a file shorter than a window is one. Hides torch. Thread rule: a free function; the engine may be
// shared.
//
//   for_each_window(clap, "night.flac", options, [&](double start_s, double end_s, Vector v) { return true;
//   });
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "af2/generate/clap_engine.h"

namespace af2 {

struct ClapWindowOptions {
  double window_s = 10, hop_s = 5;
  DecodeOptions decode;  // of the engine; start and duration are not for this
  double block_s = 300;  // read at once, at least a window
};

struct ClapWindowReport {
  double seconds = 0;       // heard: all of the file
  double file_seconds = 0;  // as the file declares it
  int source_rate_hz = 0, source_channels = 0;
  std::vector<std::string> warnings, notes;  // each once
  bool stopped = false;
};

// Calls `body` with each window; false from it stops. `file_seconds` is known from the first call on. Throws
// as decode_file and ClapEngine::stretches.
ClapWindowReport for_each_window(const ClapEngine& clap, const std::filesystem::path& path,
                                 const ClapWindowOptions& options,
                                 const std::function<bool(const ClapWindowReport& so_far, double start_s,
                                                          double end_s, Vector vector)>& body);

}  // namespace af2
