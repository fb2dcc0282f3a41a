#include "af2/model/clap_mel.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "af2/core/error.h"
#include "af2/core/random.h"

namespace af2 {
namespace {

constexpr float kFullScale = 32767;

// To 16 bits and back, in float32.
float quantised(float x) {
  return std::trunc(std::clamp(x, -1.0f, 1.0f) * kFullScale) / kFullScale;
}

// Sample `at` of a signal that is reflected at both ends, without repeating the end itself.
std::size_t reflected(std::int64_t at, std::int64_t n) {
  if (at < 0) at = -at;
  if (at >= n) at = 2 * (n - 1) - at;
  return static_cast<std::size_t>(at);
}

void check_samples(std::span<const float> samples) {
  if (samples.empty()) throw data_error("no samples", "clip");
  if (!std::all_of(samples.begin(), samples.end(), [](float x) { return std::isfinite(x); }))
    throw data_error("holds samples that are no numbers", "clip", "write it again from its source");
}

}  // namespace

std::array<std::int64_t, 3> crop_starts(std::int64_t n_frames, std::int64_t window_frames,
                                        std::optional<std::uint64_t> seed) {
  const std::int64_t places = n_frames - window_frames + 1;
  std::array<std::int64_t, 3> starts{};
  std::int64_t first = 0;
  for (std::int64_t part = 0; part < 3; ++part) {
    const std::int64_t size = places / 3 + (part < places % 3 ? 1 : 0);  // longer parts first
    std::int64_t within = size / 2;
    if (seed && size > 0) {
      Random draw("af2/clap/crop/" + std::to_string(*seed) + "/" + std::to_string(part));
      within = static_cast<std::int64_t>(draw.below(static_cast<std::uint64_t>(size)));
    }
    starts[static_cast<std::size_t>(part)] = size > 0 ? first + within : 0;
    first += size;
  }
  return starts;
}

torch::Tensor ClapFeatures::window(std::span<const float> samples) const {
  check_samples(samples);
  const auto length = static_cast<std::size_t>(config_.window_samples());
  const torch::Tensor padded = torch::zeros({1, config_.window_samples()});
  float* out = padded.data_ptr<float>();
  const std::size_t n = std::min(samples.size(), length), copies = std::max<std::size_t>(1, length / n);
  for (std::size_t copy = 0; copy < copies; ++copy)
    for (std::size_t i = 0; i < n; ++i) out[copy * n + i] = quantised(samples[i]);
  return logmel_(padded);
}

ClapMel ClapFeatures::operator()(std::span<const float> samples,
                                 std::optional<std::uint64_t> crop_seed) const {
  const auto n = static_cast<std::int64_t>(samples.size());
  const std::int64_t hop = config_.hop, n_frames = n / hop + 1, wanted = config_.n_frames();
  if (n <= config_.window_samples()) return {window(samples), false};
  check_samples(samples);

  // Frame t of the centred transform: samples t * hop - n_fft / 2 and on. Rows of `frames` are filled with
  // the windows of the frames `at`, which need not follow each other.
  const std::int64_t width = config_.n_fft;
  const auto mel_of = [&](const std::vector<std::int64_t>& at) {
    const torch::Tensor frames = torch::empty({static_cast<std::int64_t>(at.size()), width});
    float* out = frames.data_ptr<float>();
    for (const std::int64_t frame : at)
      for (std::int64_t i = 0; i < width; ++i)
        *out++ = quantised(samples[reflected(frame * hop - width / 2 + i, n)]);
    return logmel_.of_frames(frames);  // [n, M]
  };
  const auto run = [](std::int64_t first, std::int64_t count) {
    std::vector<std::int64_t> at(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < at.size(); ++i) at[i] = first + static_cast<std::int64_t>(i);
    return at;
  };
  if (n_frames <= wanted) return {mel_of(run(0, wanted)).unsqueeze(0), false};

  // The whole clip, resized: bilinear between frames, no antialias, corners not aligned; places in float32,
  // as the reference computes them.
  std::vector<std::int64_t> below, above;
  const torch::Tensor share = torch::empty({wanted, 1});
  for (std::int64_t row = 0; row < wanted; ++row) {
    const float scale = static_cast<float>(n_frames) / static_cast<float>(wanted);
    const float source = std::max(0.0f, scale * (static_cast<float>(row) + 0.5f) - 0.5f);
    below.push_back(std::min(static_cast<std::int64_t>(source), n_frames - 1));
    above.push_back(std::min(below.back() + 1, n_frames - 1));
    share.data_ptr<float>()[row] = source - static_cast<float>(below.back());
  }
  std::vector<torch::Tensor> channels = {mel_of(below) * (1 - share) + mel_of(above) * share};
  for (const std::int64_t start : crop_starts(n_frames, wanted, crop_seed))
    channels.push_back(mel_of(run(start, wanted)));
  return {torch::stack(channels), true};
}

}  // namespace af2
