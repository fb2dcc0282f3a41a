#include "af2/factory/fingerprint.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>

#include "af2/audio/fft.h"
#include "af2/audio/resample.h"

namespace af2 {
namespace {

constexpr int kRateHz = 8000, kWindow = 1024, kHop = 256;
// Bins between 94 and 3500 Hz: what telephone codecs and filters leave.
constexpr int kLowBin = 12, kHighBin = 448, kBins = kHighBin - kLowBin;
constexpr int kNearBins = 10, kNearFrames = 4;  // a peak is the highest so far around
constexpr float kFloor = 1e-4f;                 // magnitude: rounding of silence makes no peaks
constexpr int kBack = 2, kBlock = 2048;
constexpr int kPairs = 3, kMostFrames = 63, kMostBins = 100;

struct Peak {
  int frame, bin;
};

// Frames by bins, with as many zeros around as a peak looks to, so that every window lies inside.
struct Map {
  static constexpr std::size_t kWidth = kBins + 2 * kNearBins;
  int frames = 0;
  std::vector<float> values;

  explicit Map(int n) : frames(n), values((static_cast<std::size_t>(n) + 2 * kNearFrames) * kWidth, 0.0f) {}
  float* row(int frame) {
    return &values[(static_cast<std::size_t>(frame) + kNearFrames) * kWidth + kNearBins];
  }
};

// values[i] becomes the highest of values[i + k * step], k < span: doubled, then two windows that overlap.
void highest_ahead(std::vector<float>& values, std::size_t span, std::size_t step) {
  const auto raise = [&](std::size_t by) {
    for (std::size_t i = 0; i + by < values.size(); ++i) values[i] = std::max(values[i], values[i + by]);
  };
  std::size_t have = 1;
  for (; 2 * have <= span; have *= 2) raise(have * step);
  if (have < span) raise((span - have) * step);
}

// Magnitudes of frames [first, first + map.frames), two at a time in one transform.
void fill_magnitudes(std::span<const float> x, int first, Map& map) {
  static const Fft fft(kWindow);
  static const std::vector<float> window = [] {
    std::vector<float> w(kWindow);
    for (int i = 0; i < kWindow; ++i)
      w[static_cast<std::size_t>(i)] =
          0.5f - 0.5f * std::cos(2 * std::numbers::pi_v<float> * static_cast<float>(i) / kWindow);
    return w;
  }();
  std::vector<std::complex<float>> z(kWindow);
  for (int f = 0; f < map.frames; f += 2) {
    for (std::size_t i = 0; i < kWindow; ++i) {
      const std::size_t at = static_cast<std::size_t>(first + f) * kHop + i;
      z[i] = {at < x.size() ? x[at] * window[i] : 0.0f,
              at + kHop < x.size() ? x[at + kHop] * window[i] : 0.0f};
    }
    fft.forward(z.data());
    const bool second = f + 1 < map.frames;
    for (int b = 0; b < kBins; ++b) {
      const std::complex<float> p = z[static_cast<std::size_t>(b + kLowBin)],
                                q = std::conj(z[static_cast<std::size_t>(kWindow - b - kLowBin)]);
      map.row(f)[b] = 0.5f * std::sqrt(std::norm(p + q));
      if (second) map.row(f + 1)[b] = 0.5f * std::sqrt(std::norm(p - q));
    }
  }
}

// Peaks in frames [begin, end) of the map, whose first frame is number `first`.
void add_peaks(Map& map, int first, int begin, int end, std::vector<Peak>& peaks) {
  Map high = map;
  highest_ahead(high.values, 2 * kNearBins + 1, 1);
  highest_ahead(high.values, 2 * kNearFrames + 1, Map::kWidth);
  for (int f = begin; f < end; ++f)
    for (int b = 0; b < kBins; ++b) {
      const float own = map.row(f)[b];
      // The window around (f, b) begins kNearFrames before and kNearBins below.
      if (own > kFloor && own >= *(high.row(f - kNearFrames) + b - kNearBins))
        peaks.push_back({first + f, b});
    }
}

// How much louder each bin is than two frames before: where tones begin, which have no peak while they last.
Map rises_of(Map& map) {
  Map rises(map.frames);
  for (int f = kBack; f < map.frames; ++f)
    for (int b = 0; b < kBins; ++b) rises.row(f)[b] = std::max(0.0f, map.row(f)[b] - map.row(f - kBack)[b]);
  return rises;
}

void pair_up(const std::vector<Peak>& peaks, int kind, std::vector<Landmark>& marks) {
  for (std::size_t i = 0; i < peaks.size(); ++i) {
    int pairs = 0;
    for (std::size_t k = i + 1; k < peaks.size() && pairs < kPairs; ++k) {
      const int later = peaks[k].frame - peaks[i].frame, higher = peaks[k].bin - peaks[i].bin;
      if (later > kMostFrames) break;
      if (later == 0 || std::abs(higher) > kMostBins) continue;
      marks.push_back({static_cast<std::uint32_t>((kind << 23) | (peaks[i].bin << 14) |
                                                  ((higher + kMostBins) << 6) | later),
                       static_cast<std::uint32_t>(peaks[i].frame)});
      ++pairs;
    }
  }
}

}  // namespace

std::vector<Landmark> landmarks(std::span<const float> samples, int shift) {
  std::vector<float> x = resample(samples, 16000, kRateHz);
  const auto skip = std::min(x.size(), static_cast<std::size_t>(shift * kHop / kLandmarkShifts));
  x.erase(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(skip));
  if (x.size() < kHop) return {};
  const int n_frames = static_cast<int>((x.size() + kHop - 1) / kHop);
  // In blocks, so that an hour takes no more memory than a minute; each knows what its borders look to.
  std::vector<Peak> peaks, rises;
  for (int begin = 0; begin < n_frames; begin += kBlock) {
    const int end = std::min(n_frames, begin + kBlock), first = std::max(0, begin - kNearFrames - kBack),
              last = std::min(n_frames, end + kNearFrames);
    Map map(last - first);
    fill_magnitudes(x, first, map);
    add_peaks(map, first, begin - first, end - first, peaks);
    Map risen = rises_of(map);
    add_peaks(risen, first, begin - first, end - first, rises);
  }
  std::vector<Landmark> marks;
  pair_up(peaks, 0, marks);
  pair_up(rises, 1, marks);
  std::sort(marks.begin(), marks.end(), [](const Landmark& a, const Landmark& b) {
    return a.frame != b.frame ? a.frame < b.frame : a.hash < b.hash;
  });
  return marks;
}

}  // namespace af2
