#include "af2/generate/clap_windows.h"

#include <algorithm>
#include <cmath>

#include "af2/core/error.h"

namespace af2 {
namespace {

constexpr double kAlmost = 0.05;  // seconds that a file may end before its declared end

void add_new(std::vector<std::string>& all, const std::vector<std::string>& more) {
  for (const auto& text : more)
    if (std::find(all.begin(), all.end(), text) == all.end()) all.push_back(text);
}

// Reads a file block by block.
class Blocks {
 public:
  Blocks(const std::filesystem::path& path, const ClapWindowOptions& options, ClapWindowReport& report)
      : path_(path), decode_(options.decode), block_s_(options.block_s), report_(report) {
    decode_.duration_s = block_s_;
  }

  // Appends the next block; false when there is none.
  bool read(std::vector<float>& samples) {
    if (at_end_) return false;
    Clip clip;
    try {
      decode_.start_s = static_cast<double>(n_blocks_) * block_s_;
      clip = decode_file(path_, decode_);
    } catch (const Error& error) {
      at_end_ = true;
      // That a block ended with the file is known only when nothing comes after it.
      if (n_blocks_ > 0 && error.kind() == ErrorKind::kData &&
          decode_.start_s >= report_.file_seconds - kAlmost)
        return false;
      throw;
    }
    ++n_blocks_;
    report_.file_seconds = clip.file_seconds;
    report_.source_rate_hz = clip.source_rate_hz, report_.source_channels = clip.source_channels;
    add_new(report_.warnings, clip.warnings);
    add_new(report_.notes, clip.notes);
    at_end_ = clip.seconds < block_s_ - 0.5 / clip.rate_hz;
    samples.insert(samples.end(), clip.samples.begin(), clip.samples.end());
    return true;
  }

 private:
  std::filesystem::path path_;
  DecodeOptions decode_;
  double block_s_;
  ClapWindowReport& report_;
  std::size_t n_blocks_ = 0;
  bool at_end_ = false;
};

}  // namespace

ClapWindowReport for_each_window(const ClapEngine& clap, const std::filesystem::path& path,
                                 const ClapWindowOptions& options,
                                 const std::function<bool(const ClapWindowReport& so_far, double start_s,
                                                          double end_s, Vector vector)>& body) {
  clap.check_stretches(options.window_s, options.hop_s);
  const double rate = clap.config().audio.sample_rate;
  ClapWindowOptions whole = options;
  whole.block_s = std::max(options.block_s, options.window_s);
  ClapWindowReport report;
  Blocks blocks(path, whole, report);
  const auto window = static_cast<std::size_t>(std::llround(options.window_s * rate));
  std::vector<float> samples;                                // of the file, from `first` on
  std::size_t first = 0, k = 0;                              // the next window begins at k hops
  std::size_t heard_to = 0;                                  // where the last window ended
  std::vector<std::pair<std::size_t, std::size_t>> waiting;  // windows to be heard together
  const auto hear = [&] {
    std::vector<std::span<const float>> parts;
    for (const auto& [from, to] : waiting)
      parts.push_back(std::span(samples).subspan(from - first, to - from));
    std::vector<Vector> vectors = clap.windows(parts);
    for (std::size_t i = 0; i < parts.size() && !report.stopped; ++i) {
      const auto [from, to] = waiting[i];
      heard_to = to;
      report.stopped = !body(report, static_cast<double>(from) / rate, static_cast<double>(to) / rate,
                             std::move(vectors[i]));
    }
    waiting.clear();
    return !report.stopped;
  };
  const auto begin_of = [&](std::size_t index) {
    return static_cast<std::size_t>(std::llround(static_cast<double>(index) * options.hop_s * rate));
  };
  while (blocks.read(samples)) {
    const std::size_t end = first + samples.size();
    for (; begin_of(k) + window <= end; ++k) {
      waiting.emplace_back(begin_of(k), begin_of(k) + window);
      if (waiting.size() == ClapEngine::kAtOnce && !hear()) return report;
    }
    if (!hear()) return report;
    // What the next window, or one that ends with the file, can still need.
    const std::size_t keep = std::min(begin_of(k), end > window ? end - window : 0);
    if (keep > first) {
      samples.erase(samples.begin(),
                    samples.begin() + static_cast<std::ptrdiff_t>(std::min(keep, end) - first));
      first = std::min(keep, end);
    }
  }
  const std::size_t end = first + samples.size();
  report.seconds = static_cast<double>(end) / rate;
  if (heard_to < end) {
    waiting.emplace_back(end > window ? end - window : 0, end);
    hear();
  }
  return report;
}

}  // namespace af2
