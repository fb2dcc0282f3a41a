// JAMS, Audacity's label tracks, and subtitles: one file a clip.
#include <cmath>
#include <cstdio>
#include <optional>

#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/data/record_detail.h"
#include "af2/data/table.h"

namespace af2::detail {
namespace {

constexpr double kWholeClip = 0.99;  // a tag over this share of a clip has no times of its own
constexpr double kA4_hz = 440, kA4_midi = 69;

Record record_beside(const std::filesystem::path& path) {
  Record record;
  record.id = path.stem().string();
  record.audio = record.id;  // whatever file has that name
  return record;
}

// ---- JAMS
// ----------------------------------------------------------------------------------------------------

struct Observation {
  double time = 0, duration = 0;
  Json value;
};

double number_at(const Json& json, const char* key, const std::string& where) {
  if (!json.contains(key) || json[key].is_null()) return 0;
  if (!json[key].is_number())
    throw data_error(std::string("`") + key + "` is no number", where, "correct the file");
  return json[key].get<double>();
}

// A list of observations, or, as sparse annotations of JAMS 0.2 have them, an object of lists.
std::vector<Observation> observations_of(const Json& data, const std::string& where) {
  std::vector<Observation> list;
  if (data.is_array()) {
    for (const Json& item : data) {
      if (!item.is_object()) throw data_error("an observation is no object", where, "correct the file");
      list.push_back({number_at(item, "time", where), number_at(item, "duration", where),
                      item.contains("value") ? item["value"] : Json()});
    }
    return list;
  }
  if (!data.is_object() || !data.contains("time") || !data["time"].is_array())
    throw data_error("`data` is neither a list nor lists of times and values", where, "correct the file");
  const Json& times = data["time"];
  for (const char* key : {"duration", "value"})
    if (!data.contains(key) || !data[key].is_array() || data[key].size() != times.size())
      throw data_error(std::string("`data.") + key + "` has not as many entries as `data.time`", where,
                       "correct the file");
  for (std::size_t i = 0; i < times.size(); ++i) {
    if (!times[i].is_number() || !data["duration"][i].is_number())
      throw data_error("an observation has a time that is no number", where, "correct the file");
    list.push_back({times[i].get<double>(), data["duration"][i].get<double>(), data["value"][i]});
  }
  return list;
}

std::string text_in(const Json& value, const std::string& where) {
  if (value.is_string()) return value.get<std::string>();
  throw data_error("a value is no text: " + printable(value.dump(), 40), where, "correct the file");
}

// A value that is an object with labels and levels, as scaper writes it.
void take_scaper(const Observation& seen, Record& record, const std::string& where) {
  if (!seen.value.is_object()) throw data_error("a value of scaper is no object", where, "correct the file");
  RecordEvent event;
  event.label = text_in(seen.value.contains("label") ? seen.value["label"] : Json(), where + " value.label");
  event.onset = seen.time, event.offset = seen.time + seen.duration;
  if (seen.value.contains("role") && seen.value["role"] == "background")
    event.role = "background";
  else if (seen.value.contains("snr") && seen.value["snr"].is_number())
    event.snr = seen.value["snr"].get<double>();
  record.events.push_back(std::move(event));
}

void take_tag(const Observation& seen, Record& record, const std::string& where) {
  const std::string label = text_in(seen.value, where);
  if (seen.duration <= 0 || (record.duration && seen.duration >= kWholeClip * *record.duration))
    record.labels.push_back(label);
  else
    record.events.push_back({label, seen.time, seen.time + seen.duration});
}

void take_annotation(const Json& annotation, Record& record, const std::string& where, RecordCounts& counts) {
  const std::string space = annotation.contains("namespace") && annotation["namespace"].is_string()
                                ? annotation["namespace"].get<std::string>()
                                : std::string();
  if (space.empty()) throw data_error("an annotation has no namespace", where, "correct the file");
  const std::string here = where + " " + space;
  if (!annotation.contains("data")) throw data_error("an annotation has no data", here, "correct the file");
  std::string instrument;
  if (annotation.contains("sandbox") && annotation["sandbox"].is_object() &&
      annotation["sandbox"].contains("instrument") && annotation["sandbox"]["instrument"].is_string())
    instrument = annotation["sandbox"]["instrument"].get<std::string>();
  for (const Observation& seen : observations_of(annotation["data"], here)) {
    if (space == "scaper") {
      take_scaper(seen, record, here);
    } else if (space == "segment_open" || space == "segment_tut") {
      record.events.push_back({text_in(seen.value, here), seen.time, seen.time + seen.duration});
    } else if (starts_with(space, "tag_")) {
      take_tag(seen, record, here);
    } else if (space == "beat") {
      record.music.beats.push_back(
          {seen.time, seen.value.is_number() ? static_cast<int>(std::lround(seen.value.get<double>())) : 0});
    } else if (space == "beat_position") {
      record.music.beats.push_back(
          {seen.time, static_cast<int>(std::lround(number_at(seen.value, "position", here)))});
    } else if (space == "chord" || space == "chord_harte") {
      if (const std::string name = chord_name(text_in(seen.value, here)); !name.empty())
        record.music.chords.push_back({name, seen.time, seen.time + seen.duration});
    } else if (space == "key_mode") {
      std::string key = text_in(seen.value, here);
      if (const std::size_t colon = key.find(':'); colon != std::string::npos) key[colon] = ' ';
      if (record.music.key.empty()) record.music.key = key;
    } else if (space == "tempo") {
      if (seen.value.is_number() && !record.music.tempo) record.music.tempo = seen.value.get<double>();
    } else if (space == "note_midi" || space == "pitch_midi" || space == "note_hz" || space == "pitch_hz") {
      if (!seen.value.is_number()) throw data_error("a note is no number", here, "correct the file");
      double pitch = seen.value.get<double>();
      if (space.ends_with("_hz")) {
        if (pitch <= 0) continue;  // unvoiced
        pitch = kA4_midi + 12 * std::log2(pitch / kA4_hz);
      }
      record.music.notes.push_back({instrument, seen.time, seen.time + seen.duration, pitch});
    } else if (starts_with(space, "lyrics")) {
      record.speech.push_back({text_in(seen.value, here), seen.time, seen.time + seen.duration, "", 0});
    } else {
      counts.drop("jams_namespace_" + space, where);
      return;
    }
  }
}

// ---- subtitles
// -------------------------------------------------------------------------------------------------

// "01:02:03.500", "02:03.500" or with a comma -> seconds.
std::optional<double> clock_seconds(std::string text) {
  for (char& c : text)
    if (c == ',') c = '.';
  int hours = 0, minutes = 0, used = 0;
  double seconds = 0;
  if (std::sscanf(text.c_str(), "%d:%d:%lf%n", &hours, &minutes, &seconds, &used) != 3 ||
      used != static_cast<int>(text.size())) {
    hours = 0;
    if (std::sscanf(text.c_str(), "%d:%lf%n", &minutes, &seconds, &used) != 2 ||
        used != static_cast<int>(text.size()))
      return std::nullopt;
  }
  if (hours < 0 || minutes < 0 || minutes > 59 || !(seconds >= 0) || seconds >= 60) return std::nullopt;
  return hours * 3600.0 + minutes * 60.0 + seconds;
}

// Without <c.colour>, <00:00:01.000>, </i> ...
std::string without_tags(const std::string& text) {
  std::string plain;
  bool inside = false;
  for (const char c : text) {
    if (c == '<') inside = true;
    if (!inside) plain += c;
    if (c == '>') inside = false;
  }
  return plain;
}

}  // namespace

Record record_of_jams(const std::string& text, const std::filesystem::path& path, RecordCounts& counts) {
  const std::string where = path.string();
  const Json json = parse_json(text, where);
  if (!json.is_object() || !json.contains("annotations") || !json["annotations"].is_array())
    throw data_error("has no list of annotations: not a JAMS file", where, "give a file that JAMS wrote");
  Record record = record_beside(path);
  if (json.contains("file_metadata") && json["file_metadata"].is_object()) {
    const double duration = number_at(json["file_metadata"], "duration", where + " file_metadata");
    if (duration > 0) record.duration = duration;
  }
  for (const Json& annotation : json["annotations"]) {
    if (!annotation.is_object()) throw data_error("an annotation is no object", where, "correct the file");
    take_annotation(annotation, record, where, counts);
  }
  record.music.metre = metre_of(record.music.beats);
  return record;
}

Record record_of_audacity(const std::string& text, const std::filesystem::path& path) {
  Record record = record_beside(path);
  std::size_t number = 0;
  for (const auto& line : split(text, '\n')) {
    const std::string here = path.string() + ":" + std::to_string(++number);
    // A line that begins with a backslash holds the frequencies of a spectral selection.
    if (trim(line).empty() || starts_with(line, "\\")) continue;
    const auto cells = split(line, '\t');
    if (cells.size() < 3)
      throw data_error("has no begin, end and label parted by tabs", here,
                       "export the labels from Audacity again");
    record.events.push_back(
        {trim(cells[2]), number_in(cells[0], "begin", here), number_in(cells[1], "end", here)});
  }
  if (number == 0 || record.events.empty())
    throw data_error("has no labels", path.string(), "give begin, end and label");
  return record;
}

Record record_of_subtitles(const std::string& text, const std::filesystem::path& path) {
  Record record = record_beside(path);
  const auto lines = split(text, '\n');
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::size_t arrow = lines[i].find("-->");
    if (arrow == std::string::npos) continue;  // a number, a name, a note, the heading
    const std::string here = path.string() + ":" + std::to_string(i + 1);
    // Behind the end may stand settings: "align:start".
    const std::string rest = trim(lines[i].substr(arrow + 3));
    const auto from = clock_seconds(trim(lines[i].substr(0, arrow))), to = clock_seconds(split(rest, ' ')[0]);
    if (!from || !to)
      throw data_error("is no time of a subtitle: " + printable(trim(lines[i]), 60), here,
                       "as 00:00:01.000 --> 00:00:02.500");
    std::vector<std::string> words;
    while (i + 1 < lines.size() && !trim(lines[i + 1]).empty())
      words.push_back(trim(without_tags(lines[++i])));
    record.speech.push_back({trim(join(words, " ")), *from, *to, "", 0});
  }
  if (record.speech.empty()) throw data_error("has no subtitles", path.string(), "give a .vtt or .srt file");
  return record;
}

}  // namespace af2::detail
