#include "af2/synth/scene_job.h"

#include <fmt/format.h>

#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "af2/audio/sound_writer.h"
#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/options.h"
#include "af2/core/progress.h"
#include "af2/core/signal.h"
#include "af2/core/workers.h"
#include "af2/data/job_folder.h"
#include "af2/data/part_job.h"
#include "af2/data/vocabulary.h"
#include "af2/io/atomic_file.h"
#include "af2/synth/scene_record.h"
#include "af2/synth/scene_render.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

std::string number_name(std::int64_t i) {
  return fmt::format("{:06}", i);
}

// One file an event from its onset to the end of its tail, and the background's; all mono, 32-bit floats.
class StemFiles {
 public:
  StemFiles(const fs::path& folder, const ScenePlan& plan) : folder_(folder), plan_(plan) {
    fs::create_directories(folder);
    background_ = std::make_unique<SoundWriter>(
        folder / "background.wav",
        SoundWriterOptions{.format = "wav_float", .rate_hz = plan.rate_hz, .frames = plan.length});
  }
  StemSinks sinks() {
    StemSinks sinks;
    sinks.background = [this](std::span<const float> x) { background_->write(x); };
    sinks.event = [this](int event, std::int64_t, std::span<const float> x) {
      const PlanEvent& e = plan_.events[static_cast<std::size_t>(event)];
      const std::int64_t frames = std::min(plan_.length, e.end() + e.tail) - e.onset;
      Open& open = open_[event];
      if (!open.writer) {
        std::string label = e.label;
        for (char& c : label)
          if (c == ' ' || c == '/') c = '_';
        open.writer = std::make_unique<SoundWriter>(
            folder_ / fmt::format("{:04}_{}.wav", event, label),
            SoundWriterOptions{.format = "wav_float", .rate_hz = plan_.rate_hz, .frames = frames});
        open.left = frames;
      }
      open.writer->write(x);
      open.left -= static_cast<std::int64_t>(x.size());
      if (open.left > 0) return;
      open.writer->finish();
      open_.erase(event);
    };
    return sinks;
  }
  void finish() { background_->finish(); }

 private:
  struct Open {
    std::unique_ptr<SoundWriter> writer;
    std::int64_t left = 0;
  };
  fs::path folder_;
  const ScenePlan& plan_;
  std::unique_ptr<SoundWriter> background_;
  std::map<int, Open> open_;
};

void write_audio(const SoundLibrary& library, const SceneJob& job, const ScenePlan& plan,
                 const std::string& name, const fs::path& path) {
  SoundWriter writer(
      path,
      {.format = job.format, .rate_hz = plan.rate_hz, .channels = plan.channels, .frames = plan.length});
  std::optional<StemFiles> stems;
  if (job.stems) stems.emplace(job.out / "stems" / name, plan);
  render_scene(
      library, plan,
      [&](std::span<const float> block) {
        if (stop_signal() != 0) throw Stopped{"a signal came"};
        writer.write(block);
      },
      stems ? stems->sinks() : StemSinks());
  if (stems) stems->finish();
  writer.finish();  // last: where the sound is, its stems are, too
}

// What of a run is not of its result: time, and what was there already.
struct RunFacts {
  std::mutex mutex;
  double planning_s = 0, rendering_s = 0;
  std::int64_t kept = 0;
};

// Writes a scene's files; what the folder's own files say of it.
Json make_scene(const SoundLibrary& library, const SceneJob& job, std::int64_t number, RunFacts& run) {
  const std::string name = number_name(number), audio = "audio/" + name + "." + job.format;
  const double began = steady_seconds();
  const ScenePlan plan = plan_of_job(library, job, number);
  const Json made = {{"record", record_line(record_of(plan, library, name, audio))},
                     {"dcase", dcase_lines(plan, library, name + "." + job.format)},
                     {"events", plan.events.size()},
                     {"seconds", plan.seconds()}};
  const double planned = steady_seconds();
  write_file_atomic(job.out / "jams" / (name + ".jams"), jams_of(plan, library, name));
  const bool kept = !job.labels_only && fs::exists(job.out / audio);
  const double rendering = steady_seconds();
  if (!job.labels_only && !kept) write_audio(library, job, plan, name, job.out / audio);
  const std::lock_guard lock(run.mutex);
  run.planning_s += planned - began, run.rendering_s += steady_seconds() - rendering;
  run.kept += kept ? 1 : 0;
  return made;
}

}  // namespace

ScenePlan plan_of_job(const SoundLibrary& library, const SceneJob& job, std::int64_t number) {
  Random rng(fmt::format("af2/synth/scene/1/{}/{}/{}", job.seed, split_name(job.split), number));
  const Recipe* recipe =
      job.recipes.empty() ? nullptr : job.recipes[static_cast<std::size_t>(number) % job.recipes.size()];
  try {
    if (!recipe) return plan_scene(library, job.split, job.spec, rng);
    return plan_recipe(library, job.split, *recipe, job.recipe_options, rng);
  } catch (const Error& error) {
    throw Error(
        error.kind(), error.problem(),
        fmt::format("scene {}{}, {}", number, recipe ? " by recipe " + recipe->name : "", error.where()),
        error.hint());
  }
}

Json config_of(const SoundLibrary& library, const SceneJob& job) {
  SceneJob copy = job;
  Json config = {{"made_by", "af2 data scenes"},
                 {"n", job.n},
                 {"seed", job.seed},
                 {"split", split_name(job.split)},
                 {"labels_only", job.labels_only},
                 {"stems", job.stems},
                 {"format", job.format},
                 {"rate", library.rate_hz()},
                 {"sounds", library.fingerprint()}};
  if (job.recipes.empty()) {
    config["spec"] = to_json(copy.spec);
    return config;
  }
  config["channels"] = job.recipe_options.channels, config["part_seconds"] = job.recipe_options.part_seconds;
  // A chain depends on the recipes of its parts.
  for (const Recipe* recipe : job.recipes) {
    Recipe one = *recipe;
    config["recipes"][one.name] = fmt::format("{:016x}", fnv1a64(to_json(one).dump()));
    if (!one.is_long()) continue;
    std::string all;
    for (const auto& [name, text] : embedded_recipes()) all += name + text;
    config["parts_of_chains"] = fmt::format("{:016x}", fnv1a64(all));
  }
  return config;
}

SceneJobResult run_scene_job(const SoundLibrary& library, const SceneJob& job) {
  if (job.n < 1) throw user_error("must be at least 1", "--n", "give --n 100");
  if (job.threads < 1) throw user_error("must be at least 1", "--threads");
  if (job.format != "wav" && job.format != "flac")
    throw user_error("unknown format `" + job.format + "`", "--format", "wav or flac");
  const PartJob parts{.out = job.out,
                      .config = config_of(library, job),
                      .n_items = job.n,
                      .threads = job.threads,
                      .part_items = job.part_scenes,
                      .unit = "scenes"};
  open_part_job(parts);
  fs::create_directories(job.out / "jams");
  if (!job.labels_only) fs::create_directories(job.out / "audio");
  RunFacts run;
  SceneJobResult result;
  result.stopped =
      run_part_job(parts, [&](std::int64_t i) { return make_scene(library, job, i, run); }).stopped;
  result.planning_s = run.planning_s, result.rendering_s = run.rendering_s, result.audio_kept = run.kept;
  if (!result.stopped.empty()) return result;
  write_label_table(job.out / "labels.tsv", library.words().labels());
  AtomicFile records(job.out / "records.jsonl"), dcase(job.out / "events.tsv");
  dcase.write(std::string_view(kDcaseHeader));
  for_each_made(parts, [&](const Json& made) {
    records.write(made.at("record").get<std::string>() + "\n");
    dcase.write(made.at("dcase").get<std::string>());
    ++result.scenes;
    result.events += made.at("events").get<std::int64_t>();
    result.hours += made.at("seconds").get<double>() / 3600;
  });
  dcase.commit();
  records.commit();  // last: where it is, the rest is whole
  return result;
}

SceneJobResult render_scenes_of(const SoundLibrary& library, const SceneJob& job,
                                const std::vector<std::int64_t>& numbers) {
  reopen_job_folder(job.out, config_of(library, job), {"labels_only", "stems"});
  for (const std::int64_t number : numbers)
    if (number < 0 || number >= job.n)
      throw user_error(fmt::format("has no scene {}, only 0 to {}", number, job.n - 1), job.out.string());
  fs::create_directories(job.out / "audio");
  SceneJobResult result;
  RunFacts run;
  ProgressBar bar(static_cast<std::int64_t>(numbers.size()));
  try {
    for_each_by(job.threads, numbers.size(), [&](std::size_t i) {
      if (stop_signal() != 0) throw Stopped{"a signal came"};
      const std::string name = number_name(numbers[i]);
      const fs::path audio = job.out / "audio" / (name + "." + job.format);
      const bool kept = fs::exists(audio);
      const double began = steady_seconds();
      if (!kept) write_audio(library, job, plan_of_job(library, job, numbers[i]), name, audio);
      const std::lock_guard lock(run.mutex);
      run.rendering_s += steady_seconds() - began, run.kept += kept ? 1 : 0;
      bar.update(++result.scenes, "scenes");
    });
  } catch (const Stopped& stopped) {
    result.stopped = stopped.reason;
  }
  result.rendering_s = run.rendering_s, result.audio_kept = run.kept;
  return result;
}

}  // namespace af2
