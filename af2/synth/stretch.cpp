#include "af2/synth/stretch.h"

#include <cmath>
#include <type_traits>

#include "af2/core/error.h"

#ifdef AF2_WITH_SOUNDTOUCH
#include <soundtouch/SoundTouch.h>
#endif

namespace af2 {

#ifdef AF2_WITH_SOUNDTOUCH

std::vector<float> shift_and_stretch(std::span<const float> x, int rate_hz, double semitones,
                                     double stretch) {
  static_assert(std::is_same_v<soundtouch::SAMPLETYPE, float>, "a SoundTouch of float samples is needed");
  if (x.empty() || (semitones == 0 && stretch == 1)) return {x.begin(), x.end()};
  soundtouch::SoundTouch touch;
  touch.setSampleRate(static_cast<unsigned>(rate_hz));
  touch.setChannels(1);
  touch.setPitchSemiTones(semitones);
  touch.setTempo(1 / stretch);
  const auto wanted = static_cast<std::size_t>(std::llround(static_cast<double>(x.size()) * stretch));
  touch.putSamples(x.data(), static_cast<unsigned>(x.size()));
  touch.flush();
  std::vector<float> y(wanted, 0.0f);
  std::size_t got = 0;
  while (got < wanted) {
    const unsigned n = touch.receiveSamples(y.data() + got, static_cast<unsigned>(wanted - got));
    if (n == 0) break;
    got += n;
  }
  return y;
}

#else

std::vector<float> shift_and_stretch(std::span<const float> x, int, double semitones, double stretch) {
  if (semitones == 0 && stretch == 1) return {x.begin(), x.end()};
  throw resource_error("this af2 was built without SoundTouch", "pitch, stretch",
                       "build it with AF2_WITH_SOUNDTOUCH, or leave both as they are");
}

#endif

}  // namespace af2
