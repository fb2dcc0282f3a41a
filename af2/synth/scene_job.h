// Many scenes as a folder: sound, records, JAMS and DCASE labels; a run that is cut goes on where it was
// (docs/spec/data.md sections 5 and 8).
//
// OUT/audio/000000.wav ..., OUT/records.jsonl, OUT/labels.tsv (the words for all labels),
// OUT/jams/000000.jams ..., OUT/events.tsv, OUT/config.json; OUT/stems/000000/ on request; OUT/parts
// (finished parts). Every scene is a function of seed, split and number, so that the bytes depend on neither
// threads nor cuts. Thread rule: one job a folder.
//
//   SceneJob job{.out = "data/scenes", .spec = read_scene_spec("spec.yaml"), .n = 100, .threads = 2};
//   const SceneJobResult result = run_scene_job(library, job);
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "af2/synth/recipe.h"
#include "af2/synth/scene_plan.h"

namespace af2 {

struct SceneJob {
  std::filesystem::path out;
  SceneSpec spec;                      // where there are no recipes
  std::vector<const Recipe*> recipes;  // taken in turn
  RecipeOptions recipe_options;
  Split split = Split::kTrain;
  std::int64_t n = 0, seed = 0;
  int threads = 1;
  bool labels_only = false, stems = false;
  std::string format = "wav";  // wav, flac
  int part_scenes = 16;
};

struct SceneJobResult {
  std::int64_t scenes = 0, events = 0;
  std::int64_t audio_kept = 0;  // files of an earlier run
  double hours = 0;
  double planning_s = 0, rendering_s = 0;  // of all threads together, in this run
  std::string stopped;                     // why it stopped before its end; empty: it is whole
};

// Scene `number` of the job.
ScenePlan plan_of_job(const SoundLibrary& library, const SceneJob& job, std::int64_t number);
// What fixes the result, as config.json has it.
Json config_of(const SoundLibrary& library, const SceneJob& job);
// Throws kUser, naming keys, where the folder holds another job; what planning throws, naming the scene.
SceneJobResult run_scene_job(const SoundLibrary& library, const SceneJob& job);
// The sound of some scenes of a finished job that was made with labels alone, as the job would have written
// it. What is there stays. Throws kUser for a number that the job has not; else as run_scene_job().
SceneJobResult render_scenes_of(const SoundLibrary& library, const SceneJob& job,
                                const std::vector<std::int64_t>& numbers);

}  // namespace af2
