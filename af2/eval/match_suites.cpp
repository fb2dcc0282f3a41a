// Rules for answers that have a form of their own: fields between marks, JSON with times, music measures,
// instructions that are followed or not.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>

#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/data/json_shape.h"
#include "af2/eval/answer_text.h"
#include "af2/eval/constraint_checks.h"
#include "af2/eval/match_detail.h"
#include "af2/eval/spans.h"

namespace af2::match_detail {
namespace {

// A field's value as a set of labels: "bright, reverb", ["bright", "reverb"], none.
std::set<std::string> field_set(const std::string& text) {
  std::set<std::string> parts;
  const auto add = [&](const std::string& part) {
    const std::string label = label_answer(part);
    if (!label.empty() && label != "none") parts.insert(label);
  };
  const std::string trimmed = trim(text);
  if (starts_with(trimmed, "[")) {
    const Json list = Json::parse(trimmed, nullptr, false);
    if (list.is_array()) {
      for (const Json& entry : list) add(entry.is_string() ? entry.get<std::string>() : entry.dump());
      return parts;
    }
  }
  for (const std::string& part : split(trimmed, ',')) {
    std::string bare = trim(part);
    if (starts_with(bare, "and ")) bare = bare.substr(4);
    add(bare);
  }
  return parts;
}

Json json_or_null(const std::string& text) {
  try {
    return json_in_reply(text);
  } catch (const Error&) {
    return nullptr;
  }
}

// A number, or the number that stands in a text or in the only member of a table.
std::optional<double> number_of(const Json& json, const std::string& text) {
  if (json.is_number()) return json.get<double>();
  if (json.is_string()) return first_number(json.get<std::string>());
  if (json.is_object()) {
    std::vector<double> numbers;
    for (const auto& [key, value] : json.items())
      if (value.is_number()) numbers.push_back(value.get<double>());
    if (numbers.size() == 1) return numbers.front();
    return std::nullopt;
  }
  return json.is_null() ? first_number(text) : std::nullopt;
}

std::optional<double> time_of(const Json& entry, std::initializer_list<const char*> keys) {
  for (const char* key : keys)
    if (entry.contains(key)) return number_of(entry.at(key), "");
  return std::nullopt;
}

// Spans of a list, or of the only list in a table; nothing where the value has none.
std::optional<std::vector<TimeSpan>> spans_of(const Json& json) {
  if (json.is_object()) {
    for (const auto& [key, value] : json.items())
      if (value.is_array()) return spans_of(value);
    return std::nullopt;
  }
  if (!json.is_array()) return std::nullopt;
  std::vector<TimeSpan> spans;
  for (const Json& entry : json) {
    std::optional<double> begin, end;
    if (entry.is_array() && entry.size() == 2) {
      begin = number_of(entry[0], ""), end = number_of(entry[1], "");
    } else if (entry.is_object()) {
      begin = time_of(entry, {"start", "begin", "onset", "start_time"});
      end = time_of(entry, {"end", "stop", "offset", "end_time"});
    }
    if (!begin || !end) return std::nullopt;
    spans.push_back({*begin, *end});
  }
  return spans;
}

void take_spans(Match& match, const SpanCounts& counts) {
  match.parsed = true;
  match.numbers = {{"known", static_cast<double>(counts.known)},
                   {"found", static_cast<double>(counts.found)},
                   {"matched", static_cast<double>(counts.matched)},
                   {"onset_error_s", counts.onset_error_s}};
  match.score = counts.f1();
  match.right = match.score >= 1;
}

std::vector<double> times_in(const std::string& text) {
  std::vector<double> times;
  for (const char* p = text.c_str(); *p;) {
    char* end = nullptr;
    const bool digit = *p >= '0' && *p <= '9';
    const double value = digit ? std::strtod(p, &end) : 0;
    if (digit)
      times.push_back(value), p = end;
    else
      ++p;
  }
  return times;
}

struct MusicKey {
  int tonic = 0;  // 0 is C
  bool minor = false;
};

// "c# minor", "Bbm", "the key is E flat major".
std::optional<MusicKey> music_key(const std::string& text) {
  const std::vector<std::string> words = answer_words(text);
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::string word = words[i];
    const std::string next = i + 1 < words.size() ? words[i + 1] : "";
    if (word.empty() || word[0] < 'a' || word[0] > 'g') continue;
    constexpr int kSteps[] = {9, 11, 0, 2, 4, 5, 7};  // a to g
    int tonic = kSteps[word[0] - 'a'];
    std::size_t at = 1, used = i + 1;
    if (word.compare(at, 1, "#") == 0)
      ++tonic, ++at;
    else if (word.compare(at, 3, "\u266D") == 0)
      --tonic, at += 3;
    else if (word.size() > 1 && word[1] == 'b')
      --tonic, ++at;
    else if (word.size() == 1 && next == "sharp")
      ++tonic, ++used;
    else if (word.size() == 1 && next == "flat")
      --tonic, ++used;
    const std::string mode = at < word.size() ? word.substr(at) : used < words.size() ? words[used] : "";
    const bool minor = mode == "m" || mode == "min" || mode == "minor";
    const bool major = mode == "maj" || mode == "major";
    // "a" alone is mostly an article.
    if (!minor && !major && !(words.size() == 1 && mode.empty())) continue;
    return MusicKey{(tonic + 12) % 12, minor};
  }
  return std::nullopt;
}

// mir_eval's weights: the same 1, a fifth above .5, relative .3, parallel .2.
double key_score(const MusicKey& gold, const MusicKey& given) {
  if (gold.minor == given.minor) {
    if (gold.tonic == given.tonic) return 1;
    return given.tonic == (gold.tonic + 7) % 12 ? 0.5 : 0;
  }
  if (given.tonic == gold.tonic) return 0.2;
  return given.tonic == (gold.tonic + (gold.minor ? 3 : 9)) % 12 ? 0.3 : 0;
}

bool name_holds(const std::string& name, std::initializer_list<const char*> parts) {
  return std::any_of(parts.begin(), parts.end(),
                     [&](const char* part) { return name.find(part) != std::string::npos; });
}

std::string suite_task(const EvalItem& item) {
  const auto found = item.groups.find("task");
  return plain_answer(found == item.groups.end() ? item.task : found->second);
}

}  // namespace

Match marked_fields(const MatchCase& c) {
  Match match;
  const std::string text = plain_answer(c.output);
  const Json marks = c.rule.more.value("marks", Json::array());
  if (marks.empty()) throw user_error("marked_fields without marks", c.benchmark.path.string());
  std::size_t right = 0;
  for (const Json& mark : marks) {
    const std::string field = mark.at("field").get<std::string>();
    const std::string after = mark.at("after").get<std::string>();
    const std::string until = mark.at("until").get<std::string>();
    const std::size_t at = text.find(after);
    if (at == std::string::npos) continue;
    const std::size_t begin = at + after.size();
    const std::size_t end = until == "<end>" ? text.size() : std::min(text.find(until, begin), text.size());
    const std::string value = exact_answer(text.substr(begin, end - begin));
    match.fields[field] = value;
    const auto gold = c.item.fields.find(field);
    // One value may have a comma of its own only at the end of the answer, where a list may stand.
    if (gold != c.item.fields.end() && field_set(gold->second) == field_set(value)) {
      match.values.push_back(field);
      ++right;
    }
  }
  match.parsed = !match.fields.empty();
  match.score = static_cast<double>(right) / static_cast<double>(marks.size());
  match.right = right == marks.size();
  match.why = match.parsed ? "marks" : text.empty() ? "empty" : "no mark found";
  return match;
}

Match blab(const MatchCase& c) {
  Match match;
  const Json given = json_or_null(c.output), gold = json_or_null(c.item.answer());
  match.value = given.is_null() ? c.output : given.dump();
  match.why = c.output.empty() ? "empty" : "no JSON of the form asked for";
  if (const auto known = spans_of(gold)) {
    const auto found = spans_of(given);
    // What is known stays in the total, whatever the answer is.
    match.numbers["known"] = static_cast<double>(known->size());
    if (!found) return match;
    take_spans(match, match_spans(*known, *found, 0.5));
    match.why = "spans";
    return match;
  }
  if (const auto wanted = number_of(gold, c.item.answer()); wanted && !gold.is_string()) {
    const auto number = number_of(given, c.output);
    if (!number || c.output.empty()) return match;
    const double tolerance =
        name_holds(suite_task(c.item), {"duration"}) ? c.rule.more.value("tolerance_s", 2.0) : 0;
    match.parsed = true;
    match.numbers["difference"] = std::abs(*number - *wanted);
    match.numbers["exact"] = *number == *wanted ? 1 : 0;
    match.right = match.numbers["difference"] <= tolerance;
    match.score = match.right ? 1 : 0;
    match.why = "number";
    return match;
  }
  const std::string text = given.is_string() ? given.get<std::string>() : c.output;
  const std::string right = gold.is_string() ? gold.get<std::string>() : c.item.answer();
  match.parsed = !exact_answer(text).empty();
  match.right = match.parsed && (given.is_null() || gold.is_null()
                                     ? exact_answer(text) == exact_answer(right)
                                     : given == gold || exact_answer(text) == exact_answer(right));
  match.numbers["exact"] = match.right ? 1 : 0;
  match.score = match.right ? 1 : 0;
  if (match.parsed) match.why = "text";
  return match;
}

Match per_task(const MatchCase& c) {
  Match match;
  const std::string task = suite_task(c.item), gold = c.item.answer();
  match.value = c.output;
  match.why = c.output.empty() ? "empty" : "not understood";
  if (c.output.empty()) return match;
  if (name_holds(task, {"key"})) {
    const auto wanted = music_key(gold), given = music_key(c.output);
    match.parsed = given.has_value();
    if (wanted && given) match.score = key_score(*wanted, *given), match.why = "key";
    match.right = match.score >= 1;
  } else if (name_holds(task, {"tempo", "bpm"})) {
    const auto wanted = first_number(gold), given = first_number(c.output);
    match.parsed = given.has_value();
    if (wanted && given) {
      match.numbers["difference"] = std::abs(*given - *wanted);
      match.right = std::abs(*given - *wanted) <= 0.04 * *wanted;  // accuracy 1 of tempo estimation
      match.score = match.right ? 1 : 0;
      match.why = "tempo within 4 %";
    }
  } else if (name_holds(task, {"beat"})) {
    const std::vector<double> known = times_in(gold), found = times_in(c.output);
    match.numbers["known"] = static_cast<double>(known.size());
    if (!found.empty()) take_spans(match, match_times(known, found, 0.07)), match.why = "beats";
  } else if (name_holds(task, {"pitch"})) {
    return first_int(c);
  } else if (name_holds(task, {"tag", "mtt", "mtg"})) {
    const std::set<std::string> wanted = field_set(gold), given = field_set(c.output);
    match.parsed = !given.empty();
    const auto both =
        std::count_if(given.begin(), given.end(), [&](const auto& tag) { return wanted.count(tag) > 0; });
    if (match.parsed)
      match.score = 2.0 * static_cast<double>(both) / static_cast<double>(given.size() + wanted.size());
    match.right = match.parsed && given == wanted;
    match.values.assign(given.begin(), given.end());
    match.why = "tags";
  } else if (name_holds(task, {"caption", "description", "lyric"})) {
    return reference_overlap(c);
  } else {
    return exact_norm(c);
  }
  return match;
}

Match constraint(const MatchCase& c) {
  const auto field = [&](const char* role) {
    const auto found = c.item.fields.find(role);
    return found == c.item.fields.end() ? std::string() : trim(found->second);
  };
  const std::string identifier = field("constraint"), written = field("arguments");
  Json arguments = Json::object();
  if (!written.empty()) arguments = Json::parse(written, nullptr, false);
  if (!arguments.is_object())
    return not_scored("the constraint's arguments are no JSON object: " + printable(written));
  arguments["prompt_transcription"] = c.item.question;
  const ConstraintVerdict verdict = check_constraint(identifier, arguments, c.output);
  if (!verdict.known) return not_scored(verdict.why);
  Match match;
  match.value = identifier;
  match.parsed = true;
  match.right = verdict.met;
  match.score = verdict.met ? 1 : 0;
  match.why = verdict.why;
  return match;
}

}  // namespace af2::match_detail
