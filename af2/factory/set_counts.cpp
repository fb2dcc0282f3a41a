#include "af2/factory/set_counts.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>

#include "af2/core/random.h"
#include "af2/data/answers.h"
#include "af2/data/text_terms.h"
#include "af2/factory/balance.h"
#include "af2/factory/checks.h"

namespace af2 {
namespace {

constexpr int kDurationBins = 10;  // of 30 s, and one for what is longer
constexpr int kUnknown = -1;

int duration_bin(double seconds) {
  if (seconds <= 0) return kUnknown;
  return static_cast<int>(std::min(seconds / 30, static_cast<double>(kDurationBins)));
}

template <class Counts>
Json json_of(const Counts& counts) {
  Json json = Json::object();
  for (const auto& [key, n] : counts) json[key] = n;
  return json;
}

template <class Key>
void add_all(std::map<Key, std::int64_t>& to, const std::map<Key, std::int64_t>& from) {
  for (const auto& [key, n] : from) to[key] += n;
}

template <class T>
void append(std::vector<T>& to, const std::vector<T>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

template <class T>
std::vector<T> unique_of(std::vector<T> list) {
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
  return list;
}

// The least number of words that a share of the texts does not exceed.
int at_share(const std::map<int, std::int64_t>& n, std::int64_t all, double share) {
  const auto rank =
      std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(share * static_cast<double>(all))));
  std::int64_t seen = 0;
  for (const auto& [words, times] : n)
    if ((seen += times) >= rank) return words;
  return 0;
}

// A mixture counts for each of its parts: "CC0 AND MIT" for both.
void count_parts(std::map<std::string, std::int64_t>& counts, const std::string& text,
                 std::string_view between) {
  std::set<std::string> parts;
  std::size_t begin = 0;
  for (std::size_t end; (end = text.find(between, begin)) != std::string::npos; begin = end + between.size())
    parts.insert(text.substr(begin, end - begin));
  parts.insert(text.substr(begin));
  for (const std::string& part : parts) ++counts[or_none(part)];
}

}  // namespace

std::string or_none(const std::string& text) {
  return text.empty() ? "none" : text;
}

TextKey text_key(std::string_view text) {
  // Two runs of one function from different states: what meets in one does not in the other.
  return {fnv1a64(text), fnv1a64("af2/text_key/1/" + std::string(text))};
}

TextKey question_key(const Item& item) {
  return text_key(item.audio + "\n" + std::to_string(std::llround(1000 * item.start)) + "\n" +
                  normal_term(item.question));
}

TextKey answer_key_of(const Item& item) {
  return text_key(normal_term(item.answer));
}

void SetCounts::Part::merge(const Part& other) {
  items += other.items;
  append(clips, other.clips);
}

std::vector<SetCounts::Clip> SetCounts::Part::unique() const {
  return unique_of(clips);
}

Json SetCounts::Lengths::json() const {
  Json list = Json::array();
  std::int64_t sum = 0, all = 0;
  for (const auto& [words, times] : n) {
    list.push_back({{"words", words}, {"items", times}});
    sum += words * times, all += times;
  }
  return {{"mean", all > 0 ? static_cast<double>(sum) / static_cast<double>(all) : 0.0},
          {"median", at_share(n, all, 0.5)},
          {"p95", at_share(n, all, 0.95)},
          {"max", n.empty() ? 0 : n.rbegin()->first},
          {"counts", list}};
}

void SetCounts::add_clip(Part& part, const std::string& clip, double seconds) {
  part.clips.push_back({text_key(clip), std::max(0.0, seconds)});
}

void SetCounts::add(const Item& item) {
  const std::string skill = or_none(skill_key(item)), clip = clip_key(item);
  Part& of_skill = skills_[skill];
  ++all_.items, ++of_skill.items;
  add_clip(all_, clip, item.duration), add_clip(of_skill, clip, item.duration);
  ++duration_items_[duration_bin(item.duration)];
  files_.push_back(text_key(item.audio));
  if (!item.group.empty()) groups_.push_back(text_key(item.group));
  asked_.emplace_back(question_key(item), answer_key_of(item));
  Type& type = types_[{skill, item.type}];
  ++type.items, ++type.levels[or_none(item.level)], ++type.forms[or_none(item.form)];
  ++levels_[or_none(item.level)], ++forms_[or_none(item.form)], ++splits_[or_none(item.split)];
  count_parts(licences_, item.licence, " AND "), count_parts(sources_, item.source, ", ");
  ++question_words_.n[word_count(item.question)], ++answer_words_.n[word_count(item.answer)];
  if (!item.options.empty() && item.answer_index >= 0)
    ++letters_[skill][std::string(1, static_cast<char>('A' + item.answer_index))];
  if (!letter_sequence(item.answer).empty()) ++sequences_[skill][item.answer];
  if (item.form == "short")
    if (const auto number = parse_count(item.answer); number && word_count(item.answer) == 1)
      ++numbers_[std::to_string(*number)];
  if (item.form == "yes_no")
    if (const auto yes = parse_yes_no(item.answer)) ++yes_no_[skill + "." + item.type][*yes ? "yes" : "no"];
}

void SetCounts::add(const Record& record, RecordClips clips) {
  ++known_.records;
  known_.events += static_cast<std::int64_t>(record.events.size());
  known_.captions += static_cast<std::int64_t>(record.captions.size());
  known_.speech += static_cast<std::int64_t>(record.speech.size());
  const RecordMusic& m = record.music;
  known_.music += m.tempo || !m.key.empty() || !m.genres.empty() || !m.instruments.empty() ||
                  !m.moods.empty() || !m.beats.empty() || !m.chords.empty() || !m.notes.empty();
  known_.stories += !record.story.recipe.empty() || !record.story.plot.empty() || !record.story.parts.empty();
  for (const RecordEvent& event : record.events) known_.labels.insert(event.label);
  known_.labels.insert(record.labels.begin(), record.labels.end());
  if (clips == RecordClips::kKnown) return;
  Item place;  // the clip as items name it
  place.audio = record.audio, place.start = record.start, place.duration = record.duration.value_or(0);
  add_clip(all_, clip_key(place), place.duration);
  files_.push_back(text_key(record.audio));
  if (!record.group.empty()) groups_.push_back(text_key(record.group));
  count_parts(licences_, record.licence, " AND "), count_parts(sources_, record.source, ", ");
}

void SetCounts::merge(const SetCounts& other) {
  all_.merge(other.all_);
  for (const auto& [skill, part] : other.skills_) skills_[skill].merge(part);
  append(files_, other.files_), append(groups_, other.groups_), append(asked_, other.asked_);
  for (const auto& [key, type] : other.types_) {
    Type& own = types_[key];
    own.items += type.items;
    add_all(own.levels, type.levels), add_all(own.forms, type.forms);
  }
  for (const auto& [to, from] :
       {std::pair(&levels_, &other.levels_), std::pair(&forms_, &other.forms_),
        std::pair(&splits_, &other.splits_), std::pair(&licences_, &other.licences_),
        std::pair(&sources_, &other.sources_), std::pair(&numbers_, &other.numbers_)})
    add_all(*to, *from);
  for (const auto& [to, from] :
       {std::pair(&letters_, &other.letters_), std::pair(&sequences_, &other.sequences_),
        std::pair(&yes_no_, &other.yes_no_)})
    for (const auto& [key, counts] : *from) add_all((*to)[key], counts);
  add_all(duration_items_, other.duration_items_);
  add_all(question_words_.n, other.question_words_.n), add_all(answer_words_.n, other.answer_words_.n);
  known_.records += other.known_.records, known_.events += other.known_.events;
  known_.captions += other.known_.captions, known_.speech += other.known_.speech;
  known_.music += other.known_.music, known_.stories += other.known_.stories;
  known_.labels.insert(other.known_.labels.begin(), other.known_.labels.end());
}

Json SetCounts::json() const {
  const auto hours_of = [](const std::vector<Clip>& clips) {
    double seconds = 0;
    for (const Clip& clip : clips) seconds += clip.seconds;
    return seconds / 3600;
  };
  const std::vector<Clip> clips = all_.unique();
  std::map<int, std::int64_t> duration_clips;
  for (const Clip& clip : clips) ++duration_clips[duration_bin(clip.seconds)];
  const auto in_bin = [](const std::map<int, std::int64_t>& bins, int bin) {
    const auto found = bins.find(bin);
    return found == bins.end() ? 0 : found->second;
  };
  Json json = {{"items", all_.items},
               {"clips", clips.size()},
               {"files", unique_of(files_).size()},
               {"groups", unique_of(groups_).size()},
               {"hours", hours_of(clips)},
               {"unknown_durations",
                {{"items", in_bin(duration_items_, kUnknown)}, {"clips", in_bin(duration_clips, kUnknown)}}}};
  json["skills"] = Json::array();
  for (const auto& [skill, part] : skills_) {
    const std::vector<Clip> own = part.unique();
    json["skills"].push_back(
        {{"skill", skill}, {"items", part.items}, {"clips", own.size()}, {"hours", hours_of(own)}});
  }
  json["types"] = Json::array();
  for (const auto& [key, type] : types_)
    json["types"].push_back({{"skill", key.first},
                             {"type", key.second},
                             {"items", type.items},
                             {"levels", json_of(type.levels)},
                             {"forms", json_of(type.forms)}});
  json["levels"] = json_of(levels_), json["forms"] = json_of(forms_), json["splits"] = json_of(splits_);
  json["licences"] = json_of(licences_), json["sources"] = json_of(sources_);
  for (const auto& [name, table] : {std::pair("letters", &letters_), std::pair("sequences", &sequences_),
                                    std::pair("yes_no", &yes_no_)}) {
    json[name] = Json::object();
    for (const auto& [key, counts] : *table) json[name][key] = json_of(counts);
  }
  json["numbers"] = json_of(numbers_);
  json["durations"] = Json::array();
  for (int b = 0; b <= kDurationBins; ++b) {
    Json bin = {{"from", 30 * b}};
    if (b < kDurationBins) bin["to"] = 30 * (b + 1);
    bin["items"] = in_bin(duration_items_, b), bin["clips"] = in_bin(duration_clips, b);
    json["durations"].push_back(bin);
  }
  json["question_words"] = question_words_.json(), json["answer_words"] = answer_words_.json();
  // Pairs stand sorted: those with one question side by side, and among them those with one answer.
  std::vector<std::pair<TextKey, TextKey>> asked = asked_;
  std::sort(asked.begin(), asked.end());
  std::int64_t same_question = 0, same_answer = 0;
  for (std::size_t i = 1; i < asked.size(); ++i) {
    same_question += asked[i].first == asked[i - 1].first;
    same_answer += asked[i] == asked[i - 1];
  }
  json["duplicates"] = {{"question", same_question}, {"question_and_answer", same_answer}};
  json["records"] = {{"records", known_.records},      {"events", known_.events},
                     {"labels", known_.labels.size()}, {"captions", known_.captions},
                     {"speech", known_.speech},        {"music", known_.music},
                     {"stories", known_.stories}};
  return json;
}

}  // namespace af2
