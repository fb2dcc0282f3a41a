#include "af2/synth/music_job.h"

#include <fmt/format.h>

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "af2/audio/wav.h"
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

namespace af2 {
namespace fs = std::filesystem;
namespace {

void check_job(const MusicJob& job) {
  if (job.out.empty()) throw user_error("is missing", "--out", "name a folder");
  if (job.n < 1) throw user_error("must be at least 1", "--n", "say how many pieces");
  if (job.threads < 1) throw user_error("must be at least 1", "--threads");
  if (job.format != "wav" && job.format != "wav_float")
    throw user_error("is no format: " + job.format, "--format", "write wav or wav_float");
  if (!job.labels_only && job.soundfont.empty())
    throw user_error("is missing", "--soundfont", "name a .sf2 file, or ask for --labels-only");
}

// What fixes the result: other values are another job.
Json config_of(const MusicJob& job) {
  MusicSpec spec = job.spec;
  Json config = {{"made_by", "af2 data music"},
                 {"n", job.n},
                 {"seed", job.seed},
                 {"spec", to_json(spec)},
                 {"licence", job.licence},
                 {"attribution", job.attribution}};
  if (job.labels_only)
    config["labels_only"] = true;
  else
    config["sound"] = {{"soundfont", job.soundfont.filename().string()},
                       {"sha256", sha256_file(job.soundfont)},
                       {"rate", job.sound.rate_hz},
                       {"channels", job.sound.channels},
                       {"format", job.format}};
  return config;
}

MusicPlan plan_of_piece(const MusicJob& job, std::int64_t i) {
  Random rng(fmt::format("af2/music/1/{}/{}", job.seed, i));
  MusicPlan plan = plan_music(job.spec, rng);
  plan.id = fmt::format("{:06}", i);
  return plan;
}

void write_piece(const MusicJob& job, MusicRenderer& renderer, const MusicPlan& plan, const fs::path& file) {
  std::vector<float> samples = renderer.render(plan, job.sound);
  limit_peak(samples);
  write_wav(file, samples,
            {.rate_hz = job.sound.rate_hz,
             .channels = job.sound.channels,
             .format = job.format == "wav" ? WavFormat::kInt16 : WavFormat::kFloat32});
}

std::string make_piece(const MusicJob& job, MusicRenderer* renderer, std::int64_t i) {
  const MusicPlan plan = plan_of_piece(job, i);
  Record record = record_of(plan);
  record.group = fmt::format("af2 music {} {}", job.seed, plan.id);
  record.licence = job.licence, record.attribution = job.attribution;
  if (renderer) write_piece(job, *renderer, plan, job.out / record.audio);
  return record_line(record);
}

// One renderer for each thread that asks, used again: loading a soundfont takes longer than a piece.
class Renderers {
 public:
  explicit Renderers(fs::path soundfont) : soundfont_(std::move(soundfont)) {}

  std::unique_ptr<MusicRenderer> take() {
    {
      const std::lock_guard lock(mutex_);
      if (!free_.empty()) {
        std::unique_ptr<MusicRenderer> one = std::move(free_.back());
        free_.pop_back();
        return one;
      }
    }
    return std::make_unique<MusicRenderer>(soundfont_);
  }
  void give_back(std::unique_ptr<MusicRenderer> one) {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(one));
  }

 private:
  fs::path soundfont_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<MusicRenderer>> free_;
};

}  // namespace

MusicJobResult run_music_job(const MusicJob& job) {
  check_job(job);
  const PartJob parts{.out = job.out,
                      .config = config_of(job),
                      .n_items = job.n,
                      .threads = job.threads,
                      .part_items = job.part_items,
                      .unit = "pieces"};
  open_part_job(parts);
  if (!job.labels_only) fs::create_directories(job.out / "audio");
  Renderers renderers(job.soundfont);
  const PartJobResult run = run_part_job(parts, [&](std::int64_t i) -> Json {
    if (job.labels_only) return make_piece(job, nullptr, i);
    std::unique_ptr<MusicRenderer> renderer = renderers.take();
    Json record = make_piece(job, renderer.get(), i);
    renderers.give_back(std::move(renderer));
    return record;
  });
  MusicJobResult result;
  result.made = run.done;
  result.stopped = run.stopped;
  if (!run.stopped.empty()) return result;
  write_label_table(job.out / "labels.tsv", music_labels());
  AtomicFile records(job.out / "records.jsonl");
  for_each_made(parts, [&](const Json& line) {
    records.write(line.get<std::string>() + "\n");
    result.seconds += parse_json(line.get<std::string>(), "parts").at("duration").get<double>();
  });
  records.commit();
  return result;
}

MusicJobResult render_pieces_of(const MusicJob& job, const std::vector<std::int64_t>& numbers) {
  check_job(job);
  reopen_job_folder(job.out, config_of(job), {"labels_only", "sound"});
  for (const std::int64_t number : numbers)
    if (number < 0 || number >= job.n)
      throw user_error(fmt::format("has no piece {}, only 0 to {}", number, job.n - 1), job.out.string());
  fs::create_directories(job.out / "audio");
  Renderers renderers(job.soundfont);
  std::mutex mutex;
  MusicJobResult result;
  ProgressBar bar(static_cast<std::int64_t>(numbers.size()));
  try {
    for_each_by(job.threads, numbers.size(), [&](std::size_t i) {
      if (stop_signal() != 0) throw Stopped{"a signal came"};
      const MusicPlan plan = plan_of_piece(job, numbers[i]);
      const Record record = record_of(plan);
      if (!fs::exists(job.out / record.audio)) {
        std::unique_ptr<MusicRenderer> renderer = renderers.take();
        write_piece(job, *renderer, plan, job.out / record.audio);
        renderers.give_back(std::move(renderer));
      }
      const std::lock_guard lock(mutex);
      result.seconds += record.duration.value_or(0);
      bar.update(++result.made, "pieces");
    });
  } catch (const Stopped& stopped) {
    result.stopped = stopped.reason;
  }
  return result;
}

}  // namespace af2
