// A clip of named noise, for tests of the engine.
#pragma once

#include <string>

#include "af2/audio/decode.h"
#include "named_weights.h"

namespace af2::test {

inline Clip noise_clip(const std::string& name, int seconds) {
  Clip clip;
  const torch::Tensor sound = sound_like(name, 1, seconds * 16000)[0].contiguous();
  clip.samples.assign(sound.data_ptr<float>(), sound.data_ptr<float>() + sound.numel());
  clip.rate_hz = 16000;
  clip.seconds = clip.wanted_seconds = clip.file_seconds = seconds;
  return clip;
}

}  // namespace af2::test
