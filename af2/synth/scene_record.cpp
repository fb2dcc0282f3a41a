#include "af2/synth/scene_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <set>

#include "af2/audio/signal.h"
#include "af2/core/text_util.h"

namespace af2 {
namespace {

constexpr int kMostDecimals = 9;

double rounded(double value, int decimals) {
  const double scale = std::pow(10, decimals);
  return std::round(value * scale) / scale;
}

// What is written of one sound: an event, or a recorded background.
struct ToldEvent {
  std::int64_t onset = 0, offset = 0;
  const Take* take = nullptr;
  std::string label;
  const PlanEvent* event = nullptr;  // one of the two
  const PlanBackground* background = nullptr;
};

// By onset, backgrounds first; place[i] is where event i of the plan stands.
std::vector<ToldEvent> all_told(const ScenePlan& plan, const SoundLibrary& library, std::vector<int>* place) {
  std::vector<ToldEvent> all;
  for (const PlanBackground& b : plan.backgrounds)
    if (!library.is_noise(b.take))
      all.push_back({b.begin, b.end, &library.take(b.take), library.take(b.take).label, nullptr, &b});
  for (const PlanEvent& e : plan.events)
    all.push_back({e.onset, e.end(), &library.take(e.take), e.label, &e, nullptr});
  std::stable_sort(all.begin(), all.end(),
                   [](const ToldEvent& a, const ToldEvent& b) { return a.onset < b.onset; });
  if (place) {
    place->assign(plan.events.size(), -1);
    for (std::size_t i = 0; i < all.size(); ++i)
      if (all[i].event)
        (*place)[static_cast<std::size_t>(all[i].event - plan.events.data())] = static_cast<int>(i);
  }
  return all;
}

std::string joined(const std::set<std::string>& parts, const char* separator) {
  return join({parts.begin(), parts.end()}, separator);
}

}  // namespace

std::string time_text(std::int64_t sample, int rate_hz) {
  const double seconds = static_cast<double>(sample) / rate_hz;
  for (int decimals = 0;; ++decimals) {
    std::string text = fmt::format("{:.{}f}", seconds, decimals);
    if (decimals == kMostDecimals || std::llround(std::strtod(text.c_str(), nullptr) * rate_hz) == sample)
      return text;
  }
}

double time_of(std::int64_t sample, int rate_hz) {
  return std::strtod(time_text(sample, rate_hz).c_str(), nullptr);
}

Record record_of(const ScenePlan& plan, const SoundLibrary& library, const std::string& id,
                 const std::string& audio) {
  Record record;
  record.id = id, record.audio = audio;
  record.duration = time_of(plan.length, plan.rate_hz);
  record.all_labelled = true;
  std::vector<int> place;
  std::set<std::string> groups, sources, licences, attributions;
  for (const ToldEvent& told : all_told(plan, library, &place)) {
    const Take& take = *told.take;
    RecordEvent event;
    event.label = told.label, event.recording = take.id;
    event.onset = time_of(told.onset, plan.rate_hz), event.offset = time_of(told.offset, plan.rate_hz);
    if (told.event) {
      const PlanEvent& e = *told.event;
      if (e.snr_db) event.snr = rounded(*e.snr_db, 2);
      event.level = rounded(e.lkfs, 2);
      if (e.pitch_hz) event.pitch = rounded(*e.pitch_hz, 1);
      if (e.room >= 0) event.reverb = rounded(plan.rooms[static_cast<std::size_t>(e.room)]->rt60, 2);
      event.change = rounded(e.change_db, 2);
      event.maker = e.maker, event.purpose = e.purpose;
      if (!take.words.empty()) {
        RecordSpeech speech;
        speech.text = take.words, speech.start = event.onset, speech.end = event.offset;
        speech.lang = take.lang, speech.voice = take.voice, speech.speaker = take.speaker;
        record.speech.push_back(std::move(speech));
      }
    } else {
      event.role = "background";
      event.level = rounded(told.background->lufs + to_db(plan.scale), 2);
    }
    record.events.push_back(std::move(event));
    for (const auto& [text, into] :
         {std::pair{&take.group, &groups}, std::pair{&take.source, &sources},
          std::pair{&take.licence, &licences}, std::pair{&take.attribution, &attributions}})
      if (!text->empty()) into->insert(*text);
  }
  record.story = plan.story;
  for (RecordRelation& relation : record.story.relations) {
    relation.first = place.at(static_cast<std::size_t>(relation.first));
    relation.second = place.at(static_cast<std::size_t>(relation.second));
  }
  record.captions = plan.captions;
  const auto to_sample = [&](double& seconds) {
    seconds = time_of(std::llround(seconds * plan.rate_hz), plan.rate_hz);
  };
  for (RecordPart& part : record.story.parts) to_sample(part.start), to_sample(part.end);
  for (RecordText& caption : record.captions) to_sample(caption.start), to_sample(caption.end);
  record.source = joined(sources, ", "), record.licence = joined(licences, " AND ");
  record.attribution = joined(attributions, "; "), record.group = joined(groups, "+");
  return record;
}

std::string jams_of(const ScenePlan& plan, const SoundLibrary& library, const std::string& id) {
  Json data = Json::array();
  for (const ToldEvent& told : all_told(plan, library, nullptr)) {
    const PlanEvent* e = told.event;
    const std::int64_t from = e ? e->take_begin : told.background->take_begin;
    Json value = {
        {"label", told.label},
        {"source_file", told.take->path.empty() ? told.take->id : told.take->path.filename().string()},
        {"source_time", time_of(from, plan.rate_hz)},
        {"event_time", time_of(told.onset, plan.rate_hz)},
        {"event_duration", time_of(told.offset - told.onset, plan.rate_hz)},
        {"snr", e && e->snr_db ? Json(rounded(*e->snr_db, 2)) : Json(e ? Json(nullptr) : Json(0))},
        {"role", e ? "foreground" : "background"},
        {"pitch_shift", e && e->semitones != 0 ? Json(e->semitones) : Json(nullptr)},
        {"time_stretch", e && e->stretch != 1 ? Json(e->stretch) : Json(nullptr)}};
    data.push_back({{"time", time_of(told.onset, plan.rate_hz)},
                    {"duration", time_of(told.offset - told.onset, plan.rate_hz)},
                    {"value", std::move(value)},
                    {"confidence", 1.0}});
  }
  const double duration = time_of(plan.length, plan.rate_hz);
  const Json nobody = {{"name", ""}, {"email", ""}};
  const Json annotation = {
      {"annotation_metadata",
       {{"curator", nobody},
        {"annotator", Json::object()},
        {"version", ""},
        {"corpus", "af2 scenes"},
        {"annotation_tools", "af2 data scenes"},
        {"annotation_rules", ""},
        {"validation", ""},
        {"data_source", "synthetic"}}},
      {"namespace", "scaper"},
      {"data", std::move(data)},
      {"sandbox", {{"n_channels", plan.channels}, {"sr", plan.rate_hz}, {"scale", plan.scale}}},
      {"time", 0.0},
      {"duration", duration}};
  const Json jams = {{"annotations", Json::array({annotation})},
                     {"file_metadata",
                      {{"title", id},
                       {"artist", ""},
                       {"release", ""},
                       {"duration", duration},
                       {"identifiers", Json::object()},
                       {"jams_version", "0.3.4"}}},
                     {"sandbox", Json::object()}};
  return jams.dump(1) + "\n";
}

std::string dcase_lines(const ScenePlan& plan, const SoundLibrary& library, const std::string& filename) {
  std::string lines;
  for (const ToldEvent& told : all_told(plan, library, nullptr))
    lines += fmt::format("{}\t{}\t{}\t{}\n", filename, time_text(told.onset, plan.rate_hz),
                         time_text(told.offset, plan.rate_hz), told.label);
  return lines;
}

}  // namespace af2
