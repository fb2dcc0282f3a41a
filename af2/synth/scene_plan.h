// A scene, planned: which sounds it has, from where to where in samples, how loud, in which room
// (docs/spec/data.md section 5). Everything is fixed here; what renders it (scene_render.h) draws nothing,
// and what describes it (scene_record.h) needs no rendering.
//
// Not for the words of a scene (recipe.h). Thread rule: a plan is a plain value; planning reads the library
// alone.
//
//   Random rng("af2/synth/scene/1/42/train/17");
//   const ScenePlan plan = plan_scene(library, Split::kTrain, spec, rng);
//   const Record record = record_of(plan, library, "000017", "audio/000017.wav");
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "af2/core/random.h"
#include "af2/data/record.h"
#include "af2/synth/room.h"
#include "af2/synth/scene_spec.h"
#include "af2/synth/sound_library.h"

namespace af2 {

struct PlanEvent {
  int take = 0;
  std::string label, name;  // name: of the spec's event
  int spec = 0;             // its place among the spec's events
  int group = 0;            // groups are counted in the order in which they were drawn
  int repeat = 0;           // 0: the first of its group

  // What of the take's audible span, and what becomes of it.
  std::int64_t take_begin = 0, take_length = 0;
  double semitones = 0, stretch = 1, ramp_db = 0;
  std::int64_t fade = 0;
  int room = -1;  // into ScenePlan::rooms; -1: dry
  double pan = 0;

  // In the scene. The tail of the room lies behind the label's end.
  std::int64_t onset = 0, length = 0, tail = 0;
  double asked_snr_db = 0;
  double reference_lufs = -35;  // of the background that was asked for where it is
  double gain = 1;              // factor, that of the whole included

  // Measured of its own signal as mixed, over the label's span.
  double lkfs = 0;
  std::optional<double> snr_db;  // none where there is no background
  double change_db = 0;
  std::optional<double> pitch_hz;
  float peak = 0;

  std::string maker, purpose;

  std::int64_t end() const { return onset + length; }
};

struct PlanBackground {
  int take = 0;
  std::int64_t take_begin = 0;  // where in its loop it begins
  std::int64_t begin = 0, end = 0, fade_in = 0, fade_out = 0, crossfade = 0;
  double lufs = -35;
  double gain = 1;
};

struct ScenePlan {
  int rate_hz = 16000, channels = 1;
  Split split = Split::kTrain;
  std::int64_t length = 0;  // samples
  std::vector<PlanBackground> backgrounds;
  std::vector<PlanEvent> events;  // by onset
  std::vector<std::shared_ptr<const Room>> rooms;
  double scale = 1;  // of the whole, so that nothing is above full scale
  // Of a recipe; the places in relations are those of `events`.
  RecordStory story;
  std::vector<RecordText> captions;

  double seconds() const { return static_cast<double>(length) / rate_hz; }
};

// Draws everything. Throws kUser for a spec that is impossible after its number of redraws, naming what could
// not be met and how often; kData where the library lacks a label.
ScenePlan plan_scene(const SoundLibrary& library, Split split, const SceneSpec& spec, Random& rng);

// The two halves of it: what is where, and how loud. Scenes that are joined are drafts until then.
ScenePlan draft_scene(const SoundLibrary& library, Split split, const SceneSpec& spec, Random& rng);
void set_levels(const SoundLibrary& library, ScenePlan& plan);

// Puts `part` behind the plan's end so that their backgrounds overlap by `crossfade` samples, and returns
// where it begins. Both are drafts; rate, channels and split are the same.
std::int64_t append_scene(ScenePlan& plan, const ScenePlan& part, std::int64_t crossfade);

}  // namespace af2
