#include "af2/factory/llm/llm_prompts.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/data/llm_template.h"
#include "af2/data/text_terms.h"

namespace af2 {
namespace {

constexpr double kSpoken = 0.5;  // most probability that nobody speaks
constexpr std::size_t kMostChords = 200;

bool has_word(const std::string& text, const std::string& word) {
  std::string lower = text;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower.find(word) != std::string::npos;
}

bool english(const std::string& language) {
  return language.empty() || language == "en" || starts_with(language, "en-") ||
         has_word(language, "english");
}

std::string note_name(double pitch) {
  static const char* const kNames[] = {"C",       "C sharp", "D",      "E flat", "E",      "F",
                                       "F sharp", "G",       "A flat", "A",      "B flat", "B"};
  const int number = static_cast<int>(std::lround(pitch));
  return std::string(kNames[((number % 12) + 12) % 12]) + " " + std::to_string(number / 12 - 1);
}

// What a record has that templates need.
struct Known {
  std::size_t counted = 0, labels = 0;
  bool texts = false, speech = false, music = false, harmony = false, texture = false, rhythm = false;
};

Known known_of(const Record& record, const Margins& margins) {
  Known known;
  std::set<std::string> labels;
  for (const int place : counted_events(record, margins)) {
    ++known.counted;
    labels.insert(record.events[static_cast<std::size_t>(place)].label);
  }
  known.labels = labels.size();
  known.texts = !record.captions.empty() || !record.labels.empty();
  known.speech = !speech_view(record).empty();
  const RecordMusic& m = record.music;
  known.harmony = !m.chords.empty() || !m.key.empty();
  known.texture = !m.instruments.empty() || !m.notes.empty();
  known.rhythm = m.tempo || !m.beats.empty() || !m.metre.empty();
  known.music = known.harmony || known.texture || known.rhythm || !m.genres.empty() || !m.moods.empty();
  return known;
}

// Which of the three ways of speaking about music suits a record: by the sets that data.md names them for,
// else by what is known.
std::string music_talk(const Record& record) {
  if (has_word(record.source, "fma")) return "skill_music_dialogue";
  if (has_word(record.source, "musicnet")) return "skill_music_description";
  if (has_word(record.source, "jamendo")) return "skill_music_complex";
  return !record.music.notes.empty()                                   ? "skill_music_description"
         : !record.music.genres.empty() && !record.music.moods.empty() ? "skill_music_complex"
                                                                       : "skill_music_dialogue";
}

bool told_as_recap(const Record& record) {
  return !record.action.empty() || has_word(record.source, "recap");
}

bool allowed_short(const std::string& name, const Record& record, const Known& known) {
  if (name == "skill_temporal") return known.counted >= 2 && known.labels >= 2;
  // Two of its options must be absent for sure.
  if (name == "skill_duration") return known.labels >= 3 && record.all_labelled;
  if (name == "skill_attribute") return known.counted >= 1;
  if (name == "skill_context_open" || name == "skill_context_choice" || name == "skill_source")
    return known.labels >= 2 || known.texts;
  if (name == "skill_context_fact") return known.labels >= 1 || known.texts;
  if (name == "skill_speech") return known.speech && (known.labels >= 1 || known.texts);
  if (name == "skill_harmony") return known.harmony;
  if (name == "skill_texture") return known.texture;
  if (name == "skill_rhythm") return known.rhythm;
  if (starts_with(name, "skill_music_")) return known.music && name == music_talk(record);
  return known.labels >= 2 || known.texts || known.music;  // general
}

bool allowed_long(const std::string& name, const Record& record, const Known& known,
                  const std::vector<Segment>& stretches) {
  const auto ends = [&](const std::string& with) {
    return name.size() >= with.size() && name.compare(name.size() - with.size(), with.size(), with) == 0;
  };
  if (ends("_recap") && !told_as_recap(record)) return false;
  if (ends("_mira") && told_as_recap(record)) return false;
  const auto told = std::count_if(stretches.begin(), stretches.end(),
                                  [](const Segment& one) { return !one.captions.empty(); });
  if (name == "long_temporal") return known.labels >= 2 || told >= 3;
  if (name == "long_needle" || starts_with(name, "long_subscene")) return told >= 3;
  return told >= 1 || known.labels >= 2 || known.texts;
}

Json text_json(const RecordText& text) {
  if (text.end <= text.start) return text.text;
  return {{"from", text.start}, {"to", text.end}, {"text", text.text}};
}

Json whole_texts(const Record& record) {
  Json whole = Json::object();
  const auto add = [&](const char* key, const std::vector<RecordText>& texts) {
    for (const RecordText& text : texts) {
      if (text.end > text.start) continue;
      const std::string name = text.origin.empty() ? key : std::string(key) + ", " + text.origin;
      whole[name].push_back(text.text);
    }
  };
  add("heard", record.captions);
  add("seen", record.visual);
  add("done", record.action);
  return whole;
}

}  // namespace

const std::vector<LlmKind>& llm_kinds() {
  static const std::vector<LlmKind> all = {
      {"skill_temporal", "temporal", false, "", "open"},
      {"skill_duration", "temporal", false, "", "open"},
      {"skill_attribute", "attribute", false, "", "short"},
      {"skill_context_open", "contextual_sound", false, "told_open", "open"},
      {"skill_context_choice", "contextual_sound", false, "told_cause", "open"},
      {"skill_context_fact", "contextual_sound", false, "", "short"},
      {"skill_speech", "contextual_speech", false, "told_purpose", "open"},
      {"skill_source", "information", false, "told_source", "open"},
      {"skill_harmony", "information", false, "told_harmony", "open"},
      {"skill_texture", "information", false, "told_texture", "open"},
      {"skill_rhythm", "information", false, "told_rhythm", "open"},
      {"skill_music_dialogue", "information", false, "told_music", "open"},
      {"skill_music_description", "information", false, "told_music", "open"},
      {"skill_music_complex", "information", false, "told_music", "open"},
      {"skill_general", "general", false, "told_general", "open"},
      {"long_captioning_mira", "captioning", true, "told_caption", "open"},
      {"long_captioning_recap", "captioning", true, "told_caption", "open"},
      {"long_plot", "plot", true, "told_plot", "open"},
      {"long_needle", "needle", true, "told_needle", "open"},
      {"long_subscene_mira", "subscene", true, "told_subscene", "open"},
      {"long_subscene_recap", "subscene", true, "told_subscene", "open"},
      {"long_temporal", "temporal", true, "", "open"},
      {"long_general_mira", "general", true, "told_general", "open"},
      {"long_general_recap", "general", true, "told_general", "open"},
  };
  return all;
}

std::vector<Segment> llm_segments(const Record& record, const LlmPromptOptions& options) {
  if (record.duration.value_or(0) <= options.long_from_s) return {};
  if (options.segment_s > 0) return segments_of(record, options.segment_s);
  return segments_of(record, told_as_recap(record) ? kActionSegment_s : kSegment_s);
}

std::vector<LlmCall> record_calls(const Record& record, const std::vector<Segment>& stretches,
                                  const Vocabulary&, const Margins& margins,
                                  const LlmPromptOptions& options) {
  for (const std::string& name : options.only) {
    std::vector<std::string> names;
    for (const LlmKind& kind : llm_kinds()) names.emplace_back(kind.name);
    if (std::find(names.begin(), names.end(), name) == names.end())
      throw user_error("is no template: " + name, "--only",
                       "did you mean " + nearest_word(name, names) + "?");
  }
  const bool is_long = record.duration.value_or(0) > options.long_from_s;
  std::vector<LlmCall> calls;
  if (record.events.size() > static_cast<std::size_t>(options.most_events) ||
      stretches.size() > static_cast<std::size_t>(options.most_segments))
    return calls;
  const Known known = known_of(record, margins);
  std::map<std::string, std::string> slots = {
      {"events", data_json(events_view(record, margins))},
      {"captions", data_json(captions_view(record.captions))},
      {"speech", data_json(speech_view(record))},
      {"music", data_json(music_view(record.music))},
      {"segments", data_json(stretches_view(stretches))},
      {"whole", data_json(whole_texts(record))},
      {"duration", record.duration ? Json(*record.duration).dump() : "unknown"}};
  for (const LlmKind& kind : llm_kinds()) {
    if (kind.is_long != is_long) continue;
    if (!options.only.empty() &&
        std::find(options.only.begin(), options.only.end(), kind.name) == options.only.end())
      continue;
    if (is_long ? allowed_long(kind.name, record, known, stretches) : allowed_short(kind.name, record, known))
      calls.push_back({&kind, slots});
  }
  return calls;
}

Json events_view(const Record& record, const Margins& margins) {
  Json view = Json::array();
  for (std::size_t i = 0; i < record.events.size(); ++i) {
    const RecordEvent& event = record.events[i];
    if (event.offset - event.onset < margins.event_s) continue;
    Json one = {
        {"event", i + 1}, {"sound", plain_label(event.label)}, {"from", event.onset}, {"to", event.offset}};
    if (event.role == "background") one["background"] = true;
    if (event.level) one["level"] = *event.level;
    if (event.pitch) one["pitch"] = *event.pitch;
    if (event.reverb) one["reverb"] = *event.reverb;
    if (event.change) one["change"] = *event.change;
    if (!event.maker.empty()) one["maker"] = event.maker;
    if (!event.purpose.empty()) one["purpose"] = event.purpose;
    view.push_back(std::move(one));
  }
  for (const std::string& label : record.labels) view.push_back({{"sound", plain_label(label)}});
  return view;
}

Json captions_view(const std::vector<RecordText>& texts) {
  Json view = Json::array();
  for (const RecordText& text : texts) view.push_back(text_json(text));
  return view;
}

Json speech_view(const Record& record) {
  Json view = Json::array();
  for (const RecordSpeech& speech : record.speech) {
    if (!english(speech.lang) || speech.no_speech > kSpoken || words_of(speech.text).size() < 2) continue;
    Json one = {{"from", speech.start}, {"to", speech.end}, {"text", speech.text}};
    if (!speech.speaker.empty()) one["speaker"] = speech.speaker;
    view.push_back(std::move(one));
  }
  return view;
}

Json music_view(const RecordMusic& music) {
  Json view = Json::object();
  if (!music.genres.empty()) view["genres"] = music.genres;
  if (!music.instruments.empty()) view["instruments"] = music.instruments;
  if (!music.moods.empty()) view["moods"] = music.moods;
  if (music.tempo) view["tempo"] = *music.tempo;
  if (!music.key.empty()) view["key"] = music.key;
  if (!music.metre.empty()) view["metre"] = music.metre;
  if (!music.cadence.empty()) view["cadence"] = music.cadence;
  for (std::size_t i = 0; i < std::min(kMostChords, music.chords.size()); ++i)
    view["chords"].push_back(
        {{"name", music.chords[i].name}, {"from", music.chords[i].start}, {"to", music.chords[i].end}});
  Json bars = Json::array();
  for (const RecordBeat& beat : music.beats)
    if (beat.number == 1) bars.push_back(beat.at);
  if (!bars.empty() && bars.size() <= kMostChords) view["bars_begin"] = bars;
  // Thousands of notes say little to a reader of text: when each instrument plays, and how high.
  std::map<std::string, Json> parts;
  std::map<std::string, std::pair<double, double>> range;
  for (const RecordNote& note : music.notes) {
    auto [place, fresh] = parts.try_emplace(
        note.instrument,
        Json{{"instrument", note.instrument}, {"from", note.start}, {"to", note.end}, {"notes", 0}});
    auto& [low, high] = range.try_emplace(note.instrument, note.pitch, note.pitch).first->second;
    Json& part = place->second;
    part["notes"] = part["notes"].get<int>() + 1;
    part["from"] = std::min(part["from"].get<double>(), note.start);
    part["to"] = std::max(part["to"].get<double>(), note.end);
    low = std::min(low, note.pitch), high = std::max(high, note.pitch);
  }
  for (auto& [instrument, part] : parts) {
    part["lowest"] = note_name(range[instrument].first);
    part["highest"] = note_name(range[instrument].second);
    view["parts"].push_back(part);
  }
  return view;
}

Json stretches_view(const std::vector<Segment>& stretches) {
  Json view = Json::array();
  for (std::size_t i = 0; i < stretches.size(); ++i) {
    Json one = {{"segment", i + 1}, {"from", stretches[i].start}, {"to", stretches[i].end}};
    if (!stretches[i].captions.empty()) one["heard"] = stretches[i].captions;
    if (!stretches[i].visual.empty()) one["seen"] = stretches[i].visual;
    if (!stretches[i].action.empty()) one["done"] = stretches[i].action;
    view.push_back(std::move(one));
  }
  return view;
}

Json record_view(const Record& record, const std::vector<Segment>& stretches, const Margins& margins) {
  Json view = Json::object();
  const auto add = [&](const char* key, Json part) {
    if (!part.empty()) view[key] = std::move(part);
  };
  if (record.duration) view["seconds"] = *record.duration;
  add("sounds", events_view(record, margins));
  if (stretches.empty()) {
    add("heard", captions_view(record.captions));
    add("seen", captions_view(record.visual));
  } else {
    add("segments", stretches_view(stretches));
    add("whole", whole_texts(record));
  }
  add("said", speech_view(record));
  add("music", music_view(record.music));
  return view;
}

}  // namespace af2
