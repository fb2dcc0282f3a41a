// The sound of an item: checks.h.
#include "af2/audio/decode.h"
#include "af2/core/error.h"
#include "af2/factory/checks.h"

namespace af2 {

std::vector<ItemFault> audio_faults(const std::filesystem::path& file, double start_s, double duration_s,
                                    bool cut, double tolerance_s) {
  std::vector<ItemFault> faults;
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(file, ignored)) return {{"audio/missing", file.string()}};
  DecodeOptions options;
  options.start_s = start_s;
  options.duration_s = cut ? duration_s : 0;
  options.max_seconds = duration_s + 60;
  try {
    const Clip clip = decode_file(file, options);
    const double seconds = cut ? clip.seconds : clip.wanted_seconds;
    if (duration_s > 0 && (seconds < duration_s - tolerance_s || seconds > duration_s + tolerance_s))
      faults.push_back({"audio/duration", std::to_string(seconds) + " s, not " + std::to_string(duration_s)});
    if (clip.warned("silent")) faults.push_back({"audio/silent", file.string()});
    if (clip.warned("clipped")) faults.push_back({"audio/clipped", file.string()});
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kData) throw;
    faults.push_back({"audio/unreadable", error.what()});
  }
  return faults;
}

}  // namespace af2
