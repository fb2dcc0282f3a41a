#include "af2/data/record.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>

#include "af2/core/error.h"
#include "af2/core/options.h"
#include "af2/core/random.h"
#include "af2/core/text_util.h"

namespace af2 {
namespace {

constexpr double kPastTheEnd_s = 0.1;  // data.md section 8

bool is_nothing(const Json& value) {
  return value.is_null() || ((value.is_object() || value.is_array()) && value.empty()) ||
         (value.is_string() && value.get_ref<const std::string&>().empty());
}

// Takes away, from the inside out, what says nothing.
void leave_out_nothing(Json& json) {
  if (json.is_array())
    for (Json& item : json) leave_out_nothing(item);
  if (!json.is_object()) return;
  Json kept = Json::object();
  for (auto& [key, value] : json.items()) {
    leave_out_nothing(value);
    if (!is_nothing(value)) kept[key] = std::move(value);
  }
  json = std::move(kept);
}

// Drops what has times that cannot be. `start` and `end` are members of the things.
template <class T>
void tidy_times(std::vector<T>& things, double T::*start, double T::*end,
                const std::optional<double>& duration, const std::string& what, const std::string& where,
                RecordCounts& counts) {
  std::vector<T> kept;
  for (T& thing : things) {
    double& from = thing.*start;
    double& to = thing.*end;
    const auto drop = [&](const char* why) { counts.drop(what + "_" + why, where); };
    if (!std::isfinite(from) || !std::isfinite(to) || from < 0) {
      drop("negative_time");
    } else if (to <= from) {
      drop("ends_before_it_begins");
    } else if (duration && to > *duration + kPastTheEnd_s) {
      drop("past_the_end");
    } else {
      if (duration) to = std::min(to, *duration);
      if (to > from)
        kept.push_back(std::move(thing));
      else
        drop("past_the_end");
    }
  }
  std::stable_sort(kept.begin(), kept.end(), [&](const T& a, const T& b) { return a.*start < b.*start; });
  things = std::move(kept);
}

template <class T>
void drop_empty(std::vector<T>& things, std::string T::*text, const std::string& what,
                const std::string& where, RecordCounts& counts) {
  std::erase_if(things, [&](T& thing) {
    thing.*text = trim(thing.*text);
    if (!(thing.*text).empty()) return false;
    counts.drop(what + "_empty", where);
    return true;
  });
}

// An event and its place among the events, which relations name.
struct PlacedEvent : RecordEvent {
  int place = 0;
};

// Sorts and drops events; relations follow them, and go with them.
void tidy_events(Record& record, const std::string& where, RecordCounts& counts) {
  std::vector<PlacedEvent> events;
  for (RecordEvent& event : record.events)
    events.push_back({std::move(event), static_cast<int>(events.size())});
  for (const RecordRelation& relation : record.story.relations)
    for (const int place : {relation.first, relation.second})
      if (place < 0 || place >= static_cast<int>(events.size()))
        throw data_error("relation " + relation.kind + " names event " + std::to_string(place) + " of " +
                             std::to_string(events.size()),
                         where, "events are counted from 0");
  drop_empty<PlacedEvent>(events, &PlacedEvent::label, "event", where, counts);
  tidy_times<PlacedEvent>(events, &PlacedEvent::onset, &PlacedEvent::offset, record.duration, "event", where,
                          counts);
  std::map<int, int> now;
  for (const PlacedEvent& event : events) now.emplace(event.place, static_cast<int>(now.size()));
  std::erase_if(record.story.relations, [&](RecordRelation& relation) {
    if (!now.contains(relation.first) || !now.contains(relation.second)) {
      counts.drop("relation_without_event", where);
      return true;
    }
    relation.first = now.at(relation.first), relation.second = now.at(relation.second);
    return false;
  });
  record.events.assign(std::make_move_iterator(events.begin()), std::make_move_iterator(events.end()));
}

}  // namespace

std::string record_line(const Record& record) {
  Record copy = record;
  Json json = to_json(copy);
  if (copy.start == 0) json.erase("start");
  if (!copy.all_labelled) json.erase("all_labelled");
  if (!copy.music.changes_known) json["music"].erase("changes_known");
  for (Json& speech : json["speech"])
    if (speech["no_speech"] == 0.0) speech.erase("no_speech");
  for (const char* key : {"captions", "visual", "action"})
    for (Json& text : json[key])
      if (text["end"] == 0.0) text.erase("start"), text.erase("end");
  leave_out_nothing(json);
  return json.dump();
}

Record record_from_json(const Json& json, const std::string& where) {
  Record record;
  try {
    from_json(json, record, where);
  } catch (const Error& error) {
    throw data_error(error.problem(), error.where(), error.hint());
  }
  if (trim(record.id).empty()) throw data_error("has no id", where, "give each record an id of its own");
  if (trim(record.audio).empty()) throw data_error("names no audio", where + " key audio", "give its file");
  return record;
}

void RecordCounts::add(const RecordCounts& more) {
  for (const auto& [reason, n] : more.dropped) {
    if (!first.contains(reason)) first[reason] = more.first.at(reason);
    dropped[reason] += n;
  }
}

void tidy(Record& record, const std::string& where, RecordCounts& counts) {
  drop_empty(record.captions, &RecordText::text, "caption", where, counts);
  drop_empty(record.speech, &RecordSpeech::text, "speech", where, counts);
  for (auto* texts : {&record.captions, &record.visual, &record.action}) {
    std::vector<RecordText> whole;
    std::erase_if(*texts, [&](RecordText& text) {
      if (text.start == 0 && text.end == 0) whole.push_back(text);
      return text.start == 0 && text.end == 0;
    });
    tidy_times(*texts, &RecordText::start, &RecordText::end, record.duration, "caption", where, counts);
    texts->insert(texts->begin(), whole.begin(), whole.end());
  }
  std::erase_if(record.music.beats, [&](const RecordBeat& beat) {
    const bool good = std::isfinite(beat.at) && beat.at >= 0 &&
                      (!record.duration || beat.at <= *record.duration + kPastTheEnd_s);
    if (!good) counts.drop("beat_outside_the_clip", where);
    return !good;
  });
  std::stable_sort(record.music.beats.begin(), record.music.beats.end(),
                   [](const RecordBeat& a, const RecordBeat& b) { return a.at < b.at; });
  tidy_events(record, where, counts);
  tidy_times(record.story.parts, &RecordPart::start, &RecordPart::end, record.duration, "part", where,
             counts);
  tidy_times(record.speech, &RecordSpeech::start, &RecordSpeech::end, record.duration, "speech", where,
             counts);
  tidy_times(record.music.chords, &RecordChord::start, &RecordChord::end, record.duration, "chord", where,
             counts);
  tidy_times(record.music.notes, &RecordNote::start, &RecordNote::end, record.duration, "note", where,
             counts);
  for (std::string& label : record.labels) label = trim(label);
  std::erase_if(record.labels, [](const std::string& label) { return label.empty(); });
}

Split split_of_group(const std::string& group, const SplitShares& shares) {
  const double all = shares.train + shares.val + shares.test;
  if (shares.train < 0 || shares.val < 0 || shares.test < 0 || !(all > 0) || !std::isfinite(all))
    throw user_error("shares of splits must be 0 or above, one of them above 0", "split shares",
                     "correct the shares");
  const double at = Random("af2/data/split/1/" + group).uniform() * all;
  if (at < shares.train) return Split::kTrain;
  return at < shares.train + shares.val ? Split::kVal : Split::kTest;
}

}  // namespace af2
