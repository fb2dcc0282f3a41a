// Scores an AF-CLAP on held-out recordings of the sound bank: the figures of the model card.
//
//   clap_test --bank bank --split val --out runs/clap-val.json -m models/mini
//
// Zero-shot labels of recordings, retrieval of recordings by label, retrieval of scenes by captions that
// differ and the other way round, a caption against the same one with its sounds in the other order, and
// events with times in scenes whose labels are exact. Each figure stands beside its chance level and what a
// clip of silence gives in place of every sound; intervals (95 %) are clustered by the recordings' source.
// Thresholds of `events` come from scenes of --calibrate-split, which no figure is made of.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <numeric>
#include <set>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/log.h"
#include "af2/core/progress.h"
#include "af2/data/captions.h"
#include "af2/data/label_hits.h"
#include "af2/data/statistics.h"
#include "af2/events/event_score.h"
#include "af2/events/label_scores.h"
#include "af2/generate/clap_engine.h"

namespace af2 {
namespace {

struct Flags {
  std::string bank = "bank", split = "val", calibrate_split = "train", model, out;
  int recordings = 0, scenes = 500, event_scenes = 100, calibrate_scenes = 200, seed = 1, threads = 0;
  double window_s = 1, hop_s = 0.25;
};

Json estimate_json(const Estimate& e, double chance, double silence) {
  return {{"value", e.value},       {"low", e.low},     {"high", e.high},      {"n", e.n},
          {"clusters", e.clusters}, {"chance", chance}, {"audio_off", silence}};
}

class Scorer {
 public:
  Scorer(const Flags& flags, const ClapEngine& clap, const SoundBank& bank)
      : flags_(flags), clap_(clap), bank_(bank), writer_(bank), split_(split_from_name(flags.split)) {
    for (const LabelInfo& label : bank_.labels())
      labels_.push_back(clap_.text("the sound of " + label.short_name));
    silence_ = clap_.audio(std::vector<float>(static_cast<std::size_t>(clap_.config().audio.sample_rate)));
  }

  Json score() {
    hear_recordings();
    Json figures = zero_shot();
    figures["retrieval_by_label"] = by_label();
    figures["scenes"] = scenes();
    figures["events"] = events();
    return figures;
  }

 private:
  struct Heard {
    int label;
    std::string source;
    Vector vector;
  };

  void hear_recordings() {
    std::vector<int> recordings = bank_.recordings(split_);
    if (flags_.recordings > 0 && flags_.recordings < static_cast<int>(recordings.size())) {
      Random("af2/clap_test/recordings/1").shuffle(recordings);
      recordings.resize(static_cast<std::size_t>(flags_.recordings));
    }
    ProgressBar bar(static_cast<std::int64_t>(recordings.size()));
    for (const int recording : recordings) {
      const Sound& sound = bank_.sound(recording);
      const Recording& info = bank_.recordings()[static_cast<std::size_t>(recording)];
      heard_.push_back({info.label, info.group, clap_.audio(sound.to_float(sound.audible))});
      bar.update(static_cast<std::int64_t>(heard_.size()), "recordings");
    }
    bar.clear();
  }

  std::array<double, 3> hits(const Vector& sound, int label) const {
    std::vector<float> scores;
    for (const Vector& text : labels_) scores.push_back(cosine(sound, text));
    return LabelHits::of(bank_, scores, label);
  }

  Json zero_shot() const {
    std::array<std::vector<Outcome>, 3> outcomes, silent;
    std::set<int> labels;
    for (const Heard& h : heard_) {
      const auto hit = hits(h.vector, h.label), off = hits(silence_, h.label);
      labels.insert(h.label);
      for (std::size_t k = 0; k < 3; ++k) {
        outcomes[k].push_back({hit[k], h.source, bank_.labels()[static_cast<std::size_t>(h.label)].name});
        silent[k].push_back({off[k], h.source, bank_.labels()[static_cast<std::size_t>(h.label)].name});
      }
    }
    const double n = static_cast<double>(labels_.size());
    const std::array<double, 3> chance = {1 / n, 5 / n, 0.25};
    const std::array<const char*, 3> names = {"top1", "top5", "of_four"};
    Json figures = {
        {"recordings", heard_.size()}, {"labels", labels.size()}, {"labels_to_choose_from", labels_.size()}};
    for (std::size_t k = 0; k < 3; ++k)
      figures[names[k]] =
          estimate_json(macro_accuracy(outcomes[k]), chance[k], macro_accuracy(silent[k]).value);
    return figures;
  }

  // A label as query, recordings as answers: any of the label's is right.
  Json by_label() const {
    std::set<int> labels;
    for (const Heard& h : heard_) labels.insert(h.label);
    std::vector<Outcome> average_precision;
    std::array<std::vector<Outcome>, 3> recall;
    std::array<double, 3> chance = {};
    double chance_precision = 0;
    Random rng("af2/clap_test/chance/1");
    for (const int label : labels) {
      std::vector<std::pair<float, bool>> ranked;
      for (const Heard& h : heard_)
        ranked.emplace_back(cosine(labels_[static_cast<std::size_t>(label)], h.vector), h.label == label);
      std::sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) {
        return a.first > b.first || (a.first == b.first && a.second < b.second);
      });
      const std::string& name = bank_.labels()[static_cast<std::size_t>(label)].name;
      average_precision.push_back({precision_of(ranked), name, name});
      const std::array<std::size_t, 3> depths = {1, 5, 10};
      const auto right = static_cast<double>(
          std::count_if(ranked.begin(), ranked.end(), [](const auto& r) { return r.second; }));
      const auto all = static_cast<double>(ranked.size());
      for (std::size_t k = 0; k < 3; ++k) {
        const bool found = std::any_of(
            ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(std::min(depths[k], ranked.size())),
            [](const auto& r) { return r.second; });
        recall[k].push_back({found ? 1.0 : 0.0, name, name});
        double none = 1;
        for (std::size_t i = 0; i < depths[k]; ++i)
          none *= std::max(0.0, 1 - right / (all - static_cast<double>(i)));
        chance[k] += (1 - none) / static_cast<double>(labels.size());
      }
      constexpr int kShuffles = 50;
      for (int i = 0; i < kShuffles; ++i) {
        rng.shuffle(ranked);
        chance_precision += precision_of(ranked) / kShuffles / static_cast<double>(labels.size());
      }
    }
    Json figures = {{"queries", labels.size()}, {"recordings", heard_.size()}};
    figures["map"] = estimate_json(accuracy(average_precision), chance_precision, chance_precision);
    const std::array<const char*, 3> names = {"r1", "r5", "r10"};
    for (std::size_t k = 0; k < 3; ++k)
      figures[names[k]] = estimate_json(accuracy(recall[k]), chance[k], chance[k]);
    return figures;
  }
  static double precision_of(const std::vector<std::pair<float, bool>>& ranked) {
    double sum = 0, right = 0;
    for (std::size_t i = 0; i < ranked.size(); ++i)
      if (ranked[i].second) sum += ++right / static_cast<double>(i + 1);
    return right > 0 ? sum / right : 0;
  }

  // Scenes of the split with captions that differ, and a caption in the wrong order where there is one.
  Json scenes() const {
    std::vector<Vector> clips, captions;
    std::vector<std::string> clusters;
    std::vector<Outcome> order;
    double silent_order = 0;
    std::set<std::string> seen;
    SceneOptions options;
    options.min_seconds = 6, options.max_seconds = 10, options.max_events = 3;
    ProgressBar bar(flags_.scenes);
    for (int k = 0; static_cast<int>(clips.size()) < flags_.scenes && k < 6 * flags_.scenes; ++k) {
      Random rng("af2/clap_test/scene/1/" + std::to_string(flags_.seed) + "/" + flags_.split + "/" +
                 std::to_string(k));
      const Scene scene = make_scene(bank_, split_, rng, options);
      CaptionOptions wanted;
      wanted.positives = 1, wanted.negatives = 4;
      const ClapTexts texts = writer_.texts(scene, rng, wanted);
      if (texts.captions.empty() || !seen.insert(texts.captions[0]).second) continue;
      clips.push_back(clap_.audio(scene.samples));
      captions.push_back(clap_.text(texts.captions[0]));
      clusters.push_back(source_of(scene));
      for (const auto& negative : texts.negatives[0]) {
        if (negative.kind != "order") continue;
        const Vector swapped = clap_.text(negative.text);
        const bool right = cosine(clips.back(), captions.back()) > cosine(clips.back(), swapped);
        order.push_back({right ? 1.0 : 0.0, clusters.back(), "order"});
        silent_order += cosine(silence_, captions.back()) > cosine(silence_, swapped);
        break;
      }
      bar.update(static_cast<std::int64_t>(clips.size()), "scenes with captions");
    }
    bar.clear();
    Json figures = {{"scenes", clips.size()}};
    const auto recall = [&](const std::vector<Vector>& queries, const std::vector<Vector>& answers,
                            const std::string& way) {
      std::vector<std::size_t> rank(queries.size());
      for (std::size_t i = 0; i < queries.size(); ++i) {
        const float own = cosine(queries[i], answers[i]);
        for (std::size_t j = 0; j < answers.size(); ++j)
          rank[i] += j != i && cosine(queries[i], answers[j]) >= own;
      }
      for (const std::size_t k : {1, 5, 10}) {
        std::vector<Outcome> outcomes;
        for (std::size_t i = 0; i < rank.size(); ++i)
          outcomes.push_back({rank[i] < k ? 1.0 : 0.0, clusters[i], ""});
        const double chance = static_cast<double>(k) / static_cast<double>(rank.size());
        figures[way + "_r" + std::to_string(k)] = estimate_json(accuracy(outcomes), chance, chance);
      }
    };
    recall(clips, captions, "audio_to_text");
    recall(captions, clips, "text_to_audio");
    if (!order.empty())
      figures["order"] =
          estimate_json(accuracy(order), 0.5, silent_order / static_cast<double>(order.size()));
    return figures;
  }
  std::string source_of(const Scene& scene) const {
    return scene.events.empty() ? std::string("none") : scene.events[0].recording_id;
  }

  struct EventScene {
    Scene scene;
    std::vector<TimedEvent> known;
    std::vector<StretchScores> stretches;
  };
  EventScene event_scene(Split split, const std::string& name, const std::vector<Vector>& background) const {
    Random rng("af2/clap_test/events/1/" + name);
    SceneOptions options;
    options.min_seconds = 8, options.max_seconds = 15, options.max_events = 4, options.weight_ambience = 0;
    EventScene made;
    made.scene = make_scene(bank_, split, rng, options);
    for (const SceneEvent& e : made.scene.events)
      made.known.push_back({e.onset_s, e.offset_s, bank_.labels()[static_cast<std::size_t>(e.label)].name});
    for (const auto& s : clap_.stretches(made.scene.samples, flags_.window_s, flags_.hop_s)) {
      std::vector<float> labels, nothing;
      for (const Vector& text : labels_) labels.push_back(cosine(s.vector, text));
      for (const Vector& text : background) nothing.push_back(cosine(s.vector, text));
      made.stretches.push_back(
          {s.start_s, s.end_s, label_scores(labels, nothing, clap_.logit_scale(), LabelScoring::kCompeting)});
    }
    return made;
  }

  Json events() const {
    const std::vector<Vector> background = {clap_.text("the sound of silence"),
                                            clap_.text("the sound of background noise")};
    std::vector<std::string> names;
    for (const LabelInfo& label : bank_.labels()) names.push_back(label.name);
    TimelineOptions timeline;
    timeline.merge_gap_s = 0.25;
    std::vector<LabelledStretches> tuning;
    std::map<std::string, int> common;
    ProgressBar bar(flags_.calibrate_scenes + flags_.event_scenes);
    int done = 0;
    for (int k = 0; k < flags_.calibrate_scenes; ++k) {
      EventScene made = event_scene(split_from_name(flags_.calibrate_split),
                                    flags_.calibrate_split + "/" + std::to_string(k), background);
      for (const TimedEvent& e : made.known) ++common[e.label];
      tuning.push_back({std::move(made.stretches), std::move(made.known)});
      bar.update(++done, "scenes with events");
    }
    TimelineOptions calibrated = timeline;
    calibrated.thresholds = calibrated_thresholds(tuning, names, timeline.threshold);
    const std::string most = std::max_element(common.begin(), common.end(), [](const auto& a, const auto& b) {
                               return a.second < b.second;
                             })->first;
    // What is found at the threshold that `af2 events` has by itself, at calibrated ones, and the guess that
    // the most common label sounds all the time; in silence nothing is found, and F1 is 0.
    std::array<std::vector<EventCounts>, 3> by_event, by_segment;
    for (int k = 0; k < flags_.event_scenes; ++k) {
      const EventScene made = event_scene(split_, flags_.split + "/" + std::to_string(k), background);
      const std::array<std::vector<TimedEvent>, 3> answers = {
          find_events(made.stretches, names, timeline), find_events(made.stretches, names, calibrated),
          std::vector<TimedEvent>{{0, made.scene.seconds, most}}};
      for (std::size_t i = 0; i < answers.size(); ++i) {
        by_event[i].push_back(match_events(made.known, answers[i]));
        by_segment[i].push_back(match_segments(made.known, answers[i], made.scene.seconds));
      }
      bar.update(++done, "scenes with events");
    }
    bar.clear();
    Json figures = {{"scenes", flags_.event_scenes},
                    {"window_s", flags_.window_s},
                    {"hop_s", flags_.hop_s},
                    {"labels", names.size()},
                    {"guess", most},
                    {"calibration_split", flags_.calibrate_split},
                    {"calibration_scenes", flags_.calibrate_scenes}};
    const std::array<const char*, 3> ways = {"threshold", "calibrated", "guess"};
    for (std::size_t i = 0; i < ways.size(); ++i)
      figures[std::string("by_") + ways[i]] = {{"event_f1", f1_json(by_event[i])},
                                               {"segment_f1", f1_json(by_segment[i])}};
    figures["threshold"] = timeline.threshold;
    return figures;
  }

  // Of all scenes together; the interval is of resamples of scenes.
  static Json f1_json(const std::vector<EventCounts>& scenes) {
    EventCounts counts;
    for (const EventCounts& scene : scenes) counts += scene;
    constexpr int kResamples = 2000;
    Random rng("af2/clap_test/f1/1");
    std::vector<double> f1;
    for (int i = 0; i < kResamples && !scenes.empty(); ++i) {
      EventCounts drawn;
      for (std::size_t k = 0; k < scenes.size(); ++k) drawn += rng.pick(scenes);
      f1.push_back(drawn.f1());
    }
    std::sort(f1.begin(), f1.end());
    const auto at = [&](double share) {
      return f1.empty() ? 0 : f1[static_cast<std::size_t>(share * static_cast<double>(f1.size() - 1))];
    };
    return {{"value", counts.f1()},  {"low", at(0.025)},        {"high", at(0.975)},
            {"right", counts.right}, {"missed", counts.missed}, {"wrong", counts.wrong}};
  }

  Flags flags_;
  const ClapEngine& clap_;
  const SoundBank& bank_;
  CaptionWriter writer_;
  Split split_;
  std::vector<Vector> labels_;
  Vector silence_;
  std::vector<Heard> heard_;
};

int run(const Flags& flags) {
  SoundBank bank = SoundBank::open(flags.bank);
  bank.load(split_from_name(flags.split), 2);
  bank.load(split_from_name(flags.calibrate_split), 2);
  ClapEngineOptions options;
  options.threads = flags.threads;
  const ClapEngine clap = ClapEngine::load(flags.model, options);
  Json report = {{"model", clap.config().name}, {"split", flags.split}, {"seed", flags.seed}};
  report.update(Scorer(flags, clap, bank).score());
  const std::string text = report.dump(2) + "\n";
  if (flags.out.empty())
    std::fputs(text.c_str(), stdout);
  else
    write_file_atomic(flags.out, text);
  return 0;
}

}  // namespace
}  // namespace af2

int main(int argc, char** argv) {
  af2::Flags flags;
  CLI::App app("scores an AF-CLAP on held-out recordings of the sound bank");
  app.add_option("-m,--model", flags.model, "model folder with an AF-CLAP");
  app.add_option("--bank", flags.bank, "sound bank (tools/sound_bank)");
  app.add_option("--split", flags.split, "recordings that are scored: val, test");
  app.add_option("--calibrate-split", flags.calibrate_split,
                 "recordings that choose the thresholds of events");
  app.add_option("--recordings", flags.recordings, "at most so many of the split's recordings; 0: all");
  app.add_option("--scenes", flags.scenes, "scenes with captions that differ");
  app.add_option("--event-scenes", flags.event_scenes, "scenes whose events are looked for");
  app.add_option("--calibrate-scenes", flags.calibrate_scenes, "scenes that choose the thresholds")
      ->check(CLI::PositiveNumber);
  app.add_option("--window", flags.window_s, "events: seconds heard at once");
  app.add_option("--hop", flags.hop_s, "events: seconds from one window to the next");
  app.add_option("--seed", flags.seed, "of the scenes");
  app.add_option("-t,--threads", flags.threads, "threads");
  app.add_option("--out", flags.out, "report (JSON); else to stdout");
  CLI11_PARSE(app, argc, argv);
  try {
    return af2::run(flags);
  } catch (const af2::Error& e) {
    af2::log_line(af2::LogLevel::kError, e.what());
    return e.exit_code();
  }
}
