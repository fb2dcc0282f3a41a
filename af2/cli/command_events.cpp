// `af2 events`: which of given sounds are heard when, by AF-CLAP over sliding windows.
#include <fmt/format.h>

#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "af2/cli/clap_flags.h"
#include "af2/core/file.h"
#include "af2/core/log.h"
#include "af2/core/text_util.h"
#include "af2/data/tsv.h"
#include "af2/events/event_formats.h"
#include "af2/events/label_scores.h"

namespace af2 {
namespace {

struct EventsFlags {
  ClapFlags clap;
  std::string labels, labels_file, form = "This is a sound of {label}.";
  std::string background = "silence|background noise";
  double window_s = 2, hop_s = 0.5;
  bool independent = false;
  TimelineOptions timeline;
  std::string format, svg, calibrate;
  std::vector<std::string> known_labels;  // of --calibrate, where no others are given
};

// Labels, and the thresholds of those lines of the file that give one behind a tab.
std::vector<std::string> labels_of(EventsFlags& flags) {
  if (!flags.known_labels.empty()) return flags.known_labels;
  if (flags.labels_file.empty()) return label_list(flags.labels, "");
  std::vector<std::string> labels;
  bool own = false;
  int number = 0;
  for (const auto& line : split(read_file(flags.labels_file), '\n')) {
    ++number;
    if (trim(line).empty()) continue;
    const std::vector<std::string> parts = split(line, '\t');
    double threshold = flags.timeline.threshold;
    if (parts.size() > 1) {
      std::size_t used = 0;
      const std::string text = trim(parts[1]);
      try {
        threshold = std::stod(text, &used);
      } catch (const std::exception&) {
        used = 0;
      }
      if (used == 0 || used != text.size() || !std::isfinite(threshold))
        throw data_error("is no threshold: \"" + text + "\"",
                         flags.labels_file + " line " + std::to_string(number),
                         "give label<TAB>threshold, or the label alone");
      own = true;
    }
    labels.push_back(trim(parts[0]));
    flags.timeline.thresholds.push_back(threshold);
  }
  if (!own) flags.timeline.thresholds.clear();
  check_labels(labels, flags.labels_file);
  return labels;
}

// What labels and background sound like, and how they score in each stretch of a clip.
class Scorer {
 public:
  Scorer(const EventsFlags& flags, const std::vector<std::string>& labels)
      : flags_(flags),
        clap_(load_clap(flags.clap)),
        labels_(label_vectors(clap_, labels, flags.form)),
        background_(label_vectors(clap_, split(flags.background, '|'), flags.form)) {}

  // The clip, without its samples, and the scores of its stretches.
  std::pair<HeardClip, std::vector<StretchScores>> operator()(const ClipItem& item) const {
    HeardWindows all = read_clap_windows(clap_, flags_.clap, item, flags_.window_s, flags_.hop_s);
    tell_warnings(all.heard, {});
    std::vector<StretchScores> scores;
    for (const auto& s : all.windows)
      scores.push_back(
          {all.heard.start_s + s.start_s, all.heard.start_s + s.end_s,
           label_scores(cosines(s.vector, labels_), cosines(s.vector, background_), clap_.logit_scale(),
                        flags_.independent ? LabelScoring::kIndependent : LabelScoring::kCompeting)});
    return {std::move(all.heard), std::move(scores)};
  }

 private:
  static std::vector<float> cosines(const Vector& stretch, const std::vector<Vector>& texts) {
    std::vector<float> all;
    for (const Vector& text : texts) all.push_back(cosine(stretch, text));
    return all;
  }

  const EventsFlags& flags_;
  ClapEngine clap_;
  std::vector<Vector> labels_, background_;
};

Json settings_json(const EventsFlags& flags) {
  return {{"window", flags.window_s},
          {"hop", flags.hop_s},
          {"threshold", flags.timeline.threshold},
          {"keep", flags.timeline.keep},
          {"min_dur", flags.timeline.min_seconds},
          {"merge_gap", flags.timeline.merge_gap_s},
          {"template", flags.form},
          {"background", flags.background},
          {"independent", flags.independent}};
}

int run_events(EventsFlags flags) {
  const std::vector<std::string> labels = labels_of(flags);
  std::optional<EventFormat> format;
  if (flags.clap.clips.json) format = EventFormat::kJson;
  if (!flags.format.empty()) format = event_format(flags.format, "--format");
  if (flags.timeline.keep < 0 || flags.timeline.keep > 1) throw user_error("must be from 0 to 1", "--keep");
  const std::size_t n_clips = list_clips(flags.clap.clips).size();
  const bool one_file = !format || *format == EventFormat::kTsv || *format == EventFormat::kJson;
  if (n_clips > 1 && (!one_file || !flags.svg.empty()))
    throw user_error("holds the events of one clip", flags.svg.empty() ? "--format " + flags.format : "--svg",
                     "run it clip by clip, or use tsv or json");
  const Scorer scorer(flags, labels);
  if (!flags.clap.out.empty()) set_output_file(flags.clap.out);
  std::vector<ClipEvents> all;
  ClipFlags clips = flags.clap.clips;
  clips.json = format == EventFormat::kJson && n_clips > 1;
  const int code = for_each_clip(clips, [&](int, const ClipItem& item) {
    const auto [heard, scores] = scorer(item);
    ClipEvents found{heard.path, heard.clip.file_seconds, find_events(scores, labels, flags.timeline)};
    found.settings = settings_json(flags);
    found.audio = audio_json(heard);
    if (found.events.empty()) notice("{}: no event", heard.path);
    if (!flags.svg.empty()) write_file_atomic(flags.svg, write_svg(found));
    if (!format) {
      for (const TimedEvent& e : found.events)
        print_line(
            (n_clips > 1 ? one_line(heard.path) + "\t" : "") +
            fmt::format("{:.3f}\t{:.3f}\t{:.2f}\t{}", e.onset_s, e.offset_s, e.score, one_line(e.label)));
    } else if (*format == EventFormat::kTsv) {
      all.push_back(std::move(found));
    } else {
      print_raw(write_events(*format, found, AF2_VERSION));
    }
  });
  if (format == EventFormat::kTsv) print_raw(write_tsv(all));
  return code;
}

// The events of each file that --calibrate names, by file name.
std::map<std::string, std::vector<TimedEvent>> read_events(const std::string& path) {
  const TsvTable table = TsvTable::read(path, {"filename", "onset", "offset", "event_label"});
  std::map<std::string, std::vector<TimedEvent>> events;
  constexpr double kLongest_s = 1e7;
  for (std::size_t row = 0; row < table.rows(); ++row)
    events[std::filesystem::path(table.text(row, "filename")).filename().string()].push_back(
        {table.number(row, "onset", 0, kLongest_s), table.number(row, "offset", 0, kLongest_s),
         table.text(row, "event_label")});
  return events;
}

// Each label with the threshold that parts best what sounds in these clips from what does not.
int run_calibration(EventsFlags flags) {
  const auto known = read_events(flags.calibrate);
  if (flags.labels.empty() && flags.labels_file.empty()) {
    std::set<std::string> named;
    for (const auto& [file, events] : known)
      for (const TimedEvent& event : events) named.insert(event.label);
    flags.known_labels.assign(named.begin(), named.end());
  }
  const std::vector<std::string> labels = labels_of(flags);
  const Scorer scorer(flags, labels);
  if (!flags.clap.out.empty()) set_output_file(flags.clap.out);
  std::vector<LabelledStretches> clips;
  std::size_t named = 0;
  const int code = for_each_clip(flags.clap.clips, [&](int, const ClipItem& item) {
    auto [heard, scores] = scorer(item);
    const auto found = known.find(std::filesystem::path(heard.path).filename().string());
    named += found != known.end();
    clips.push_back({std::move(scores), found == known.end() ? std::vector<TimedEvent>{} : found->second});
  });
  if (named == 0)
    throw data_error("names none of the clips", flags.calibrate,
                     "its column filename must hold the names of the given files");
  if (named < clips.size())
    notice("{} of {} clips are not in {}: taken as clips in which no label sounds", clips.size() - named,
           clips.size(), flags.calibrate);
  const std::vector<double> thresholds = calibrated_thresholds(clips, labels, flags.timeline.threshold);
  for (std::size_t i = 0; i < labels.size(); ++i)
    print_line(fmt::format("{}\t{:.4f}", labels[i], thresholds[i]));
  return code;
}

}  // namespace

void add_events(CLI::App& app, const CommonFlags&, CommandRunner& runner) {
  auto flags = std::make_shared<EventsFlags>();
  CLI::App* verb = app.add_subcommand("events", "which of given sounds are heard when, by AF-CLAP");
  add_clap_flags(*verb, flags->clap);
  verb->add_option("--labels", flags->labels, "a,b,c");
  verb->add_option("--labels-file", flags->labels_file,
                   "a file with one label a line, and behind a tab its own threshold if it has one")
      ->excludes("--labels");
  verb->add_option("--template", flags->form, "the text that stands for a label, with {label} in it");
  verb->add_option(
      "--background", flags->background,
      "what stands for none of the labels, a|b: a score is a label's share beside these and all labels");
  verb->add_flag("--independent", flags->independent,
                 "a score is a label's share beside the background alone: labels that sound at once do not "
                 "take from each other, alike ones are not told apart");
  verb->add_option("--window", flags->window_s, "seconds that are heard at once");
  verb->add_option("--hop", flags->hop_s, "seconds from one window to the next");
  verb->add_option("--threshold", flags->timeline.threshold, "score that begins an event");
  verb->add_option("--keep", flags->timeline.keep, "share of the threshold above which it goes on");
  verb->add_option("--min-dur", flags->timeline.min_seconds, "shorter events are dropped, seconds");
  verb->add_option("--merge-gap", flags->timeline.merge_gap_s,
                   "events of a label with less between them become one, seconds");
  verb->add_option("--format", flags->format, "srt, vtt, csv, tsv, audacity, jams or json");
  verb->add_option("--svg", flags->svg, "a picture of the timeline into this file");
  verb->add_option(
      "--calibrate", flags->calibrate,
      "events of the clips as DCASE tsv (filename, onset, offset, event_label): writes each label's best "
      "threshold as a --labels-file, instead of events");
  take_flags_from_environment(*verb);
  verb->footer("example: af2 events --labels \"dog,car horn\" --format srt -o street.srt street.mp3");
  verb->callback([flags, &runner] {
    runner = [flags] { return flags->calibrate.empty() ? run_events(*flags) : run_calibration(*flags); };
  });
}

}  // namespace af2
