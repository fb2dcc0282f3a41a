#include "af2/cli/stretches.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "af2/core/error.h"

namespace af2 {
namespace {

constexpr double kBlock_s = 300;  // read at once, or one stretch where that is longer

// Cuts one block into stretches.
void cut_block(HeardClip& block, double seconds, const std::function<void(HeardClip&)>& body) {
  const double rate = block.clip.rate_hz;
  const auto step = std::max<std::size_t>(1, static_cast<std::size_t>(std::llround(seconds * rate)));
  const std::vector<float> samples = std::move(block.clip.samples);
  const double start_s = block.start_s;
  for (std::size_t first = 0; first < samples.size(); first += step) {
    const std::size_t last = std::min(samples.size(), first + step);
    block.clip.samples.assign(samples.begin() + static_cast<std::ptrdiff_t>(first),
                              samples.begin() + static_cast<std::ptrdiff_t>(last));
    block.clip.seconds = block.clip.wanted_seconds = static_cast<double>(last - first) / rate;
    block.start_s = start_s + static_cast<double>(first) / rate;
    body(block);
    block.clip.notes.clear();  // said once
  }
}

}  // namespace

void for_each_stretch(const Engine& engine, const ClipFlags& flags, const ClipItem& item, double seconds,
                      const std::function<void(HeardClip& part)>& body) {
  if (item.paths.size() > 1 || item.paths[0] == "-") {
    HeardClip whole = read_clip(engine, flags, item, Cap::kNone);
    cut_block(whole, seconds, body);
    return;
  }
  const double block_s = std::max(seconds, std::floor(kBlock_s / seconds) * seconds);
  const double asked = item.duration_s.value_or(flags.duration_s);
  double at = item.start_s.value_or(flags.start_s),
         left = asked > 0 ? asked : std::numeric_limits<double>::infinity();
  std::set<std::string> said;
  double file_seconds = 0;
  for (bool first = true;; first = false) {
    ClipItem part = item;
    part.start_s = at;
    part.duration_s = std::min(block_s, left);
    HeardClip block;
    try {
      block = read_clip(engine, flags, part, Cap::kNone);
    } catch (const Error& error) {
      // A block that ended with the file is known only when nothing comes after it.
      if (!first && error.kind() == ErrorKind::kData && at >= file_seconds - 0.05) return;
      throw;
    }
    file_seconds = block.clip.file_seconds;
    std::erase_if(block.clip.notes, [&](const std::string& note) { return !said.insert(note).second; });
    const double got = block.clip.seconds;
    cut_block(block, seconds, body);
    at += *part.duration_s;
    left -= *part.duration_s;
    if (left <= 0 || got < *part.duration_s - 0.5 / engine.config().audio.sample_rate) return;
  }
}

}  // namespace af2
