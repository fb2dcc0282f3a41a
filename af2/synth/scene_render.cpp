#include "af2/synth/scene_render.h"

#include <algorithm>

#include "af2/synth/scene_mix.h"

namespace af2 {

void render_scene(const SoundLibrary& library, const ScenePlan& plan, const SceneSink& sink,
                  const StemSinks& stems, std::int64_t block) {
  if (block <= 0) block = plan.rate_hz;
  SceneMixer mixer(library, plan);
  std::vector<float> out, background;
  for (std::int64_t begin = 0; begin < plan.length; begin += block) {
    const auto n = static_cast<std::size_t>(std::min(block, plan.length - begin));
    out.resize(n * static_cast<std::size_t>(plan.channels));
    if (stems.background) background.resize(n);
    mixer.mix(begin, out, stems.event, background);
    sink(out);
    if (stems.background) stems.background(background);
  }
}

std::vector<float> render_whole(const SoundLibrary& library, const ScenePlan& plan) {
  std::vector<float> all;
  render_scene(library, plan, [&](std::span<const float> x) { all.insert(all.end(), x.begin(), x.end()); });
  return all;
}

}  // namespace af2
