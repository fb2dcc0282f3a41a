#include <algorithm>

#include "af2/core/text_util.h"
#include "af2/data/text_terms.h"
#include "af2/factory/rules/music_recheck.h"

namespace af2 {
namespace {

std::set<std::string> terms_of(const std::vector<std::string>& names) {
  std::set<std::string> terms;
  for (const std::string& name : names) terms.insert(normal_term(name));
  return terms;
}

// A list that names all of them and nothing else.
std::string judge_list(const Item& item, const std::vector<std::string>& names) {
  // Names may have commas of their own: then semicolons part them.
  char between = ',';
  for (const std::string& name : names)
    if (name.find(',') != std::string::npos) between = ';';
  const std::set<std::string> wanted = terms_of(names), given = terms_of(split(item.answer, between));
  if (wanted.empty()) return "nothing of it is known";
  for (const std::string& name : wanted)
    if (!given.contains(name)) return "the answer leaves out " + name;
  for (const std::string& name : given)
    if (!wanted.contains(name)) return "the answer names " + name;
  return "";
}

std::string instruments(const RecheckContext& c) {
  return judge_list(c.item, c.record.music.instruments);
}

std::string caption(const RecheckContext& c) {
  for (const RecordText& text : c.record.captions)
    if (text.text == c.item.answer) return text.end > text.start ? "the caption is of a stretch" : "";
  return "the record has no such caption";
}

std::string events(const RecheckContext& c) {
  std::vector<std::string> names;
  for (const RecordEvent& event : c.record.events)
    if (event.role != "background" && event.offset - event.onset >= c.margins.event_s &&
        event.snr.value_or(100) >= c.margins.snr_db)
      names.push_back(plain_label(event.label));
  if (names.empty())
    for (const std::string& label : c.record.labels) names.push_back(plain_label(label));
  return judge_list(c.item, names);
}

std::string tags(const RecheckContext& c) {
  std::vector<std::string> names = c.record.music.genres;
  for (const auto* more : {&c.record.music.moods, &c.record.music.instruments})
    names.insert(names.end(), more->begin(), more->end());
  return judge_list(c.item, names);
}

std::string genre(const RecheckContext& c) {
  const std::set<std::string> genres = terms_of(c.record.music.genres);
  return judge(c.item, [&](const std::string& text) { return genres.contains(normal_term(text)); });
}

std::string labelled(const RecheckContext& c) {
  const std::set<std::string> labels = terms_of(c.record.labels);
  return judge(c.item, [&](const std::string& text) { return labels.contains(normal_term(text)); });
}

}  // namespace

RecheckTable foundational_rechecks() {
  return {{"foundational.instrument", instruments},
          {"foundational.audio_caption", caption},
          {"foundational.music_caption", caption},
          {"foundational.emotion", labelled},
          {"foundational.events", events},
          {"foundational.music_tags", tags},
          {"foundational.genre", genre},
          {"foundational.sentiment", labelled}};
}

}  // namespace af2
