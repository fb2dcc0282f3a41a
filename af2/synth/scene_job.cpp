#include "af2/synth/scene_job.h"

#include <fmt/format.h>

#include <atomic>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "af2/audio/sound_writer.h"
#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/options.h"
#include "af2/core/progress.h"
#include "af2/core/signal.h"
#include "af2/data/job_folder.h"
#include "af2/io/atomic_file.h"
#include "af2/synth/scene_record.h"
#include "af2/synth/scene_render.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

std::string number_name(std::int64_t i) {
  return fmt::format("{:06}", i);
}

fs::path part_path(const SceneJob& job, std::int64_t part) {
  return job.out / "parts" / (number_name(part) + ".json");
}

// What one scene leaves behind besides its files.
struct Made {
  std::string record, dcase;
  std::int64_t events = 0;
  double seconds = 0, planning_s = 0, rendering_s = 0;
  bool kept = false;
};

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
        if (stop_signal() != 0) throw resource_error("a signal came", path.string());
        writer.write(block);
      },
      stems ? stems->sinks() : StemSinks());
  if (stems) stems->finish();
  writer.finish();  // last: where the sound is, its stems are, too
}

Made make_scene(const SoundLibrary& library, const SceneJob& job, std::int64_t number) {
  const std::string name = number_name(number), audio = "audio/" + name + "." + job.format;
  Made made;
  const double began = steady_seconds();
  const ScenePlan plan = plan_of_job(library, job, number);
  Record record = record_of(plan, library, name, audio);
  made.planning_s = steady_seconds() - began;
  made.record = record_line(record);
  made.dcase = dcase_lines(plan, library, name + "." + job.format);
  made.events = static_cast<std::int64_t>(plan.events.size()), made.seconds = plan.seconds();
  write_file_atomic(job.out / "jams" / (name + ".jams"), jams_of(plan, library, name));
  if (job.labels_only) return made;
  made.kept = fs::exists(job.out / audio);
  const double rendering = steady_seconds();
  if (!made.kept) write_audio(library, job, plan, name, job.out / audio);
  made.rendering_s = steady_seconds() - rendering;
  return made;
}

Json part_of(const std::vector<Made>& made) {
  Json part = {{"records", Json::array()}, {"dcase", Json::array()}, {"events", 0}, {"seconds", 0.0}};
  std::int64_t events = 0;
  double seconds = 0;
  for (const Made& one : made) {
    part["records"].push_back(one.record);
    part["dcase"].push_back(one.dcase);
    events += one.events, seconds += one.seconds;
  }
  part["events"] = events, part["seconds"] = seconds;
  return part;
}

// Makes the scenes [first, last) with all threads. Returns false where a signal stopped it.
bool make_part(const SoundLibrary& library, const SceneJob& job, std::int64_t first, std::int64_t last,
               std::vector<Made>& made, SceneJobResult& result) {
  made.assign(static_cast<std::size_t>(last - first), {});
  std::atomic<std::int64_t> next = first;
  std::atomic<bool> stop = false;
  std::mutex mutex;
  std::exception_ptr failure;
  const auto work = [&] {
    while (!stop) {
      const std::int64_t i = next++;
      if (i >= last) return;
      if (stop_signal() != 0) stop = true;
      if (stop) return;
      try {
        made[static_cast<std::size_t>(i - first)] = make_scene(library, job, i);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
        stop = true;
      }
    }
  };
  {
    std::vector<std::jthread> threads;
    for (int t = 1; t < job.threads; ++t) threads.emplace_back(work);
    work();
  }
  if (stop_signal() != 0) {
    result.stopped = "a signal came";
    return false;
  }
  if (failure) std::rethrow_exception(failure);
  for (const Made& one : made) {
    result.planning_s += one.planning_s, result.rendering_s += one.rendering_s;
    result.audio_kept += one.kept;
  }
  return true;
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
  open_job_folder(job.out, config_of(library, job));
  for (const char* folder : {"parts", "jams", "audio"})
    if (!job.labels_only || folder != std::string("audio")) fs::create_directories(job.out / folder);
  SceneJobResult result;
  const std::int64_t parts = (job.n + job.part_scenes - 1) / job.part_scenes;
  ProgressBar bar(job.n);
  for (std::int64_t p = 0; p < parts; ++p) {
    const std::int64_t first = p * job.part_scenes, last = std::min(job.n, first + job.part_scenes);
    if (!fs::exists(part_path(job, p))) {
      std::vector<Made> made;
      if (!make_part(library, job, first, last, made, result)) return result;
      write_file_atomic(part_path(job, p), part_of(made).dump() + "\n");
    }
    bar.update(last, fmt::format("{}/{} scenes", last, job.n));
  }
  AtomicFile records(job.out / "records.jsonl"), dcase(job.out / "events.tsv");
  dcase.write(std::string_view(kDcaseHeader));
  for (std::int64_t p = 0; p < parts; ++p) {
    const Json part = parse_json(read_file(part_path(job, p)), part_path(job, p).string());
    for (const Json& line : part.at("records")) records.write(line.get<std::string>() + "\n");
    for (const Json& lines : part.at("dcase")) dcase.write(lines.get<std::string>());
    result.scenes += static_cast<std::int64_t>(part.at("records").size());
    result.events += part.at("events").get<std::int64_t>();
    result.hours += part.at("seconds").get<double>() / 3600;
  }
  dcase.commit();
  records.commit();  // last: where it is, the rest is whole
  return result;
}

}  // namespace af2
