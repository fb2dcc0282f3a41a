#include "af2/audio/loudness.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "af2/core/error.h"

#ifdef AF2_WITH_EBUR128
#include <ebur128.h>
#endif

namespace af2 {

#ifdef AF2_WITH_EBUR128

double loudness_lkfs(std::span<const float> samples, int rate_hz) {
  constexpr double kBlock_s = 0.4;
  if (samples.empty()) return kSilenceLkfs;
  const auto close = [](ebur128_state* state) { ebur128_destroy(&state); };
  const std::unique_ptr<ebur128_state, decltype(close)> state(
      ebur128_init(1, static_cast<unsigned long>(rate_hz), EBUR128_MODE_I), close);
  if (!state)
    throw resource_error("no memory for a loudness meter, or a rate it does not know",
                         std::to_string(rate_hz) + " Hz");
  // One channel in the middle counts as one of a pair's: the standard's weight of 1.
  ebur128_set_channel(state.get(), 0, EBUR128_LEFT);
  const auto block = static_cast<std::size_t>(std::ceil(kBlock_s * rate_hz));
  double loudness = 0;
  ebur128_add_frames_float(state.get(), samples.data(), samples.size());
  if (samples.size() < block) {
    const std::vector<float> rest(block - samples.size(), 0.0f);
    ebur128_add_frames_float(state.get(), rest.data(), rest.size());
  }
  if (ebur128_loudness_global(state.get(), &loudness) != EBUR128_SUCCESS || !std::isfinite(loudness))
    return kSilenceLkfs;
  if (samples.size() < block)
    loudness += 10 * std::log10(static_cast<double>(block) / static_cast<double>(samples.size()));
  return std::max(loudness, kSilenceLkfs);
}

#else

double loudness_lkfs(std::span<const float>, int) {
  throw resource_error("this af2 was built without libebur128", "loudness", "build it with AF2_WITH_EBUR128");
}

#endif

}  // namespace af2
