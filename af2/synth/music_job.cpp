#include "af2/synth/music_job.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>

#include "af2/audio/wav.h"
#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/options.h"
#include "af2/core/progress.h"
#include "af2/core/signal.h"
#include "af2/io/atomic_file.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

fs::path part_path(const MusicJob& job, std::int64_t part) {
  return job.out / "parts" / fmt::format("{:06}.jsonl", part);
}

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

void open_folder(const MusicJob& job) {
  const Json config = config_of(job);
  fs::create_directories(job.out / "parts");
  if (!job.labels_only) fs::create_directories(job.out / "audio");
  const fs::path path = job.out / "config.json";
  if (!fs::exists(path)) {
    write_file_atomic(path, config.dump(2) + "\n");
    return;
  }
  const Json before = parse_json(read_file(path), path.string());
  if (before == config) return;
  std::string keys;
  for (const Json& change : Json::diff(before, config))
    keys += (keys.empty() ? "" : ", ") + change.at("path").get<std::string>().substr(1);
  throw user_error("was begun with other settings: " + keys, job.out.string(),
                   "take the changes back, or name another folder");
}

std::string make_piece(const MusicJob& job, const MusicRenderer* renderer, std::int64_t i) {
  Random rng(fmt::format("af2/music/1/{}/{}", job.seed, i));
  MusicPlan plan = plan_music(job.spec, rng);
  plan.id = fmt::format("{:06}", i);
  Record record = record_of(plan);
  record.group = fmt::format("af2 music {} {}", job.seed, plan.id);
  record.licence = job.licence, record.attribution = job.attribution;
  if (renderer) {
    std::vector<float> samples = renderer->render(plan, job.sound);
    limit_peak(samples);
    write_wav(job.out / record.audio, samples,
              {.rate_hz = job.sound.rate_hz,
               .channels = job.sound.channels,
               .format = job.format == "wav" ? WavFormat::kInt16 : WavFormat::kFloat32});
  }
  return record_line(record) + "\n";
}

// Makes pieces [first, last); false when a signal came.
bool make_part(const MusicJob& job, std::vector<std::optional<MusicRenderer>>& renderers, std::int64_t first,
               std::int64_t last, std::vector<std::string>& lines) {
  lines.assign(static_cast<std::size_t>(last - first), "");
  std::atomic<std::int64_t> next = first;
  std::atomic<bool> stop = false;
  std::mutex mutex;
  std::exception_ptr failure;
  const auto work = [&](std::size_t thread) {
    try {
      if (!job.labels_only && !renderers[thread]) renderers[thread].emplace(job.soundfont);
      const MusicRenderer* renderer = job.labels_only ? nullptr : &*renderers[thread];
      for (std::int64_t i = next++; i < last && !stop; i = next++) {
        if (stop_signal() != 0) stop = true;
        if (!stop) lines[static_cast<std::size_t>(i - first)] = make_piece(job, renderer, i);
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
      stop = true;
    }
  };
  std::vector<std::thread> threads;
  for (int t = 1; t < job.threads; ++t) threads.emplace_back(work, static_cast<std::size_t>(t));
  work(0);
  for (std::thread& thread : threads) thread.join();
  if (failure) std::rethrow_exception(failure);
  return !stop;
}

}  // namespace

MusicJobResult run_music_job(const MusicJob& job) {
  check_job(job);
  open_folder(job);
  MusicJobResult result;
  const std::int64_t parts = (job.n + job.part_items - 1) / job.part_items;
  std::vector<std::optional<MusicRenderer>> renderers(static_cast<std::size_t>(job.threads));
  {
    ProgressBar bar(job.n);
    for (std::int64_t part = 0; part < parts; ++part) {
      const std::int64_t first = part * job.part_items, last = std::min(job.n, first + job.part_items);
      if (!fs::exists(part_path(job, part))) {
        std::vector<std::string> lines;
        if (!make_part(job, renderers, first, last, lines)) {
          result.stopped = true;
          return result;
        }
        std::string all;
        for (const std::string& line : lines) all += line;
        write_file_atomic(part_path(job, part), all);
      }
      result.made = last;
      bar.update(last, fmt::format("{}/{} pieces", last, job.n));
    }
  }
  std::string labels = "label\tphrase\tshort\tsentence\tfamily\n";
  for (const LabelInfo& label : music_labels())
    labels += label.name + "\t" + label.phrase + "\t" + label.short_name + "\t" + label.sentence + "\t" +
              label.family + "\n";
  write_file_atomic(job.out / "labels.tsv", labels);
  AtomicFile records(job.out / "records.jsonl");
  for (std::int64_t part = 0; part < parts; ++part) {
    const std::string lines = read_file(part_path(job, part));
    records.write(lines);
    for (std::size_t at = 0; at < lines.size();) {
      const std::size_t end = std::min(lines.find('\n', at), lines.size());
      const Json record =
          parse_json(std::string_view(lines).substr(at, end - at), part_path(job, part).string());
      result.seconds += record.at("duration").get<double>();
      at = end + 1;
    }
  }
  records.commit();
  return result;
}

}  // namespace af2
