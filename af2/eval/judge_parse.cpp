#include "af2/eval/judge_parse.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/text/unicode.h"

namespace af2 {
namespace {

// Behind the thoughts of a reasoning model, without marks of bold type.
std::string judge_reply_body(const std::string& reply) {
  std::string text = reply;
  if (const std::size_t end = text.rfind("</think>"); end != std::string::npos) text.erase(0, end + 8);
  return trim(text);
}

std::string without_stars(std::string text) {
  std::erase_if(text, [](char c) { return c == '*' || c == '`' || c == '#'; });
  return text;
}

std::string mark_words(double value) {
  Json json = value;
  if (value == std::floor(value) && std::abs(value) < 1e9) json = static_cast<std::int64_t>(value);
  return json.dump();
}

std::string scale_words(const MarkForm& form) {
  return mark_words(form.low) + " to " + mark_words(form.high);
}

std::optional<double> mark_number(std::string_view text) {
  double value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

// "7", "7.5", "7/10": the number before the stroke, where what stands behind it is the scale's end.
std::optional<double> mark_in(const MarkForm& form, const std::string& text) {
  const auto parts = split(text, '/');
  if (parts.size() > 2) return std::nullopt;
  const auto value = mark_number(trim(parts[0]));
  if (parts.size() == 2) {
    const auto most = mark_number(trim(parts[1]));
    if (!most || *most != form.high) return std::nullopt;
  }
  return value;
}

std::string scale_problem(const MarkForm& form, double value, const std::string& what) {
  if (value >= form.low && value <= form.high) return "";
  return what + " is " + mark_words(value) + ", not in " + scale_words(form);
}

double mean_mark(const std::map<std::string, double>& axes) {
  if (const auto overall = axes.find("overall"); overall != axes.end()) return overall->second;
  double sum = 0;
  for (const auto& [name, value] : axes) sum += value;
  return sum / static_cast<double>(axes.size());
}

ReplyMarks unread_marks(std::string problem) {
  ReplyMarks marks;
  marks.problem = std::move(problem);
  return marks;
}

ReplyMarks read_criteria_scores(const MarkForm& form, const Json& list) {
  const std::string key = "\"" + form.keys[0] + "\"";
  if (!list.is_array()) return unread_marks(key + " is no list");
  if (list.size() != form.criteria.size())
    return unread_marks(key + " has " + std::to_string(list.size()) + " entries, not " +
                        std::to_string(form.criteria.size()));
  ReplyMarks marks;
  double points = 0, most = 0;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const JudgeCriterion& criterion = form.criteria[i];
    const Json& entry = list[i];
    const Json score = entry.is_object() && entry.contains("score") ? entry["score"] : entry;
    const std::string place = key + "[" + std::to_string(i) + "]";
    if (!score.is_number()) return unread_marks(place + " has no number as its score");
    const double value = score.get<double>();
    if (std::find(criterion.choices.begin(), criterion.choices.end(), value) == criterion.choices.end())
      return unread_marks(place + " has the score " + mark_words(value) + ", which is none of those allowed");
    points += value, most += criterion.choices.back();
    marks.axes[std::to_string(i + 1) + " " + criterion.name] = value;
  }
  marks.mark = form.low + (most > 0 ? points / most : 0) * (form.high - form.low);
  return marks;
}

ReplyMarks read_json_marks(const MarkForm& form, const std::string& text) {
  const Json object = first_json_object(text);
  if (object.is_null()) return unread_marks("it has no JSON object");
  ReplyMarks marks;
  for (const auto& key : form.keys) {
    if (!object.contains(key)) return unread_marks("its JSON object lacks \"" + key + "\"");
    const Json& value = object[key];
    if (!form.criteria.empty()) return read_criteria_scores(form, value);
    std::optional<double> mark;
    if (value.is_number()) mark = value.get<double>();
    if (value.is_string()) mark = mark_in(form, value.get<std::string>());
    if (!mark) return unread_marks("\"" + key + "\" is no number from " + scale_words(form));
    if (auto problem = scale_problem(form, *mark, "\"" + key + "\""); !problem.empty())
      return unread_marks(problem);
    marks.axes[key] = *mark;
  }
  marks.mark = mean_mark(marks.axes);
  if (form.keys.size() == 1) marks.axes.clear();
  return marks;
}

// The first line that says something holds two numbers and nothing else.
ReplyMarks read_two_numbers(const MarkForm& form, const std::string& text) {
  std::string line;
  for (const auto& one : split(without_stars(text), '\n'))
    if (!(line = trim(one)).empty()) break;
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c == ',' || c == ';' || c == '\t'; }, ' ');
  std::vector<double> numbers;
  for (const auto& word : split(line, ' ')) {
    if (word.empty()) continue;
    const auto value = mark_in(form, word);
    if (!value) return unread_marks("its first line is not two numbers alone");
    numbers.push_back(*value);
  }
  if (numbers.size() != 2) return unread_marks("its first line is not two numbers alone");
  for (const double value : numbers)
    if (auto problem = scale_problem(form, value, "one of its numbers"); !problem.empty())
      return unread_marks(problem);
  ReplyMarks marks;
  marks.mark = numbers[0], marks.second = numbers[1];
  return marks;
}

// The first word of a text, by the table of words.
ReplyMarks read_verdict(const MarkForm& form, const std::string& text, const std::string& place) {
  const std::string lower = lower_case(text);
  const auto is_letter = [](unsigned char c) { return std::isalpha(c) || c >= 0x80; };
  const auto begin = std::find_if(lower.begin(), lower.end(), is_letter);
  const std::string word(begin, std::find_if_not(begin, lower.end(), is_letter));
  const auto found = form.words.find(word);
  if (found == form.words.end()) {
    std::string known;
    for (const auto& [name, mark] : form.words) known += (known.empty() ? "" : " or ") + name;
    return unread_marks(place + " is not " + known);
  }
  ReplyMarks marks;
  marks.mark = found->second;
  return marks;
}

ReplyMarks read_verdict_line(const MarkForm& form, const std::string& text) {
  const std::string plain = without_stars(text);
  const std::string lower = lower_case(plain), wanted = lower_case(form.after);
  // The verdict comes last: an explanation before it may speak of the verdict too.
  const std::size_t at = lower.rfind(wanted);
  if (at == std::string::npos) return unread_marks("it has no line with \"" + form.after + "\"");
  const std::size_t from = at + wanted.size();
  return read_verdict(form, lower.substr(from, lower.find('\n', from) - from),
                      "the word behind \"" + form.after + "\"");
}

ReplyMarks read_labelled(const MarkForm& form, const std::string& text) {
  ReplyMarks marks;
  for (const auto& raw : split(without_stars(text), '\n')) {
    const std::string line = lower_case(raw);
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    std::string label = trim(line.substr(0, colon));
    label.erase(0, std::min(label.find_first_not_of("-0123456789.) "), label.size()));
    const auto key = std::find(form.keys.begin(), form.keys.end(), label);
    if (key == form.keys.end()) continue;
    std::string value = trim(line.substr(colon + 1));
    if (value.ends_with('.')) value.pop_back();
    const auto mark = mark_in(form, value);
    if (!mark) return unread_marks("no number stands behind \"" + *key + ":\"");
    if (auto problem = scale_problem(form, *mark, *key); !problem.empty()) return unread_marks(problem);
    const auto [place, fresh] = marks.axes.emplace(*key, *mark);
    if (!fresh && place->second != *mark) return unread_marks("it says " + *key + " twice, differently");
  }
  for (const auto& key : form.keys)
    if (!marks.axes.contains(key)) return unread_marks("it has no line \"" + key + ": n\"");
  marks.mark = mean_mark(marks.axes);
  return marks;
}

}  // namespace

MarkForm mark_form(const Json& parse, const std::vector<std::string>& axes, double low, double high,
                   const std::string& where) {
  const auto need = [&](bool ok, const std::string& what) {
    if (!ok) throw user_error(what, where, "see docs/spec/evaluation.md section 5");
  };
  need(low < high, "has a scale that does not rise");
  need(parse.is_object() && parse.contains("format") && parse["format"].is_string(), "says no reply format");
  MarkForm form;
  form.format = parse["format"].get<std::string>();
  form.low = low, form.high = high;
  const auto read_verdict_words = [&] {
    need(parse.contains("map") && parse["map"].is_object() && !parse["map"].empty(),
         "has no map from words to marks");
    for (const auto& [word, mark] : parse["map"].items()) {
      need(mark.is_number() && mark.get<double>() >= low && mark.get<double>() <= high,
           "maps \"" + word + "\" to no mark of the scale");
      form.words[lower_case(word)] = mark.get<double>();
    }
  };
  if (form.format == "json") {
    if (parse.contains("key") && parse["key"].is_string()) form.keys.push_back(parse["key"]);
    if (parse.contains("keys") && parse["keys"].is_array())
      for (const Json& key : parse["keys"]) form.keys.push_back(key.get<std::string>());
    need(!form.keys.empty(), "names no key of the JSON reply");
  } else if (form.format == "first_word") {
    read_verdict_words();
  } else if (form.format == "line") {
    need(parse.contains("after") && parse["after"].is_string() && !parse["after"].get<std::string>().empty(),
         "does not say what stands before the verdict");
    form.after = parse["after"].get<std::string>();
    read_verdict_words();
  } else if (form.format == "labelled_numbers") {
    need(!axes.empty(), "names no axes");
    for (const auto& axis : axes) form.keys.push_back(lower_case(axis));
  } else {
    need(form.format == "two_numbers", "has an unknown reply format \"" + form.format + "\"");
  }
  return form;
}

ReplyMarks read_marks(const MarkForm& form, const std::string& reply) {
  const std::string text = judge_reply_body(reply);
  if (text.empty()) return unread_marks("it is empty");
  if (form.format == "json") return read_json_marks(form, text);
  if (form.format == "two_numbers") return read_two_numbers(form, text);
  if (form.format == "first_word") return read_verdict(form, text, "its first word");
  if (form.format == "line") return read_verdict_line(form, text);
  return read_labelled(form, text);
}

Json first_json_object(const std::string& text) {
  for (std::size_t at = text.find('{'); at != std::string::npos; at = text.find('{', at + 1)) {
    int depth = 0;
    bool in_string = false;
    for (std::size_t i = at; i < text.size(); ++i) {
      const char c = text[i];
      if (in_string) {
        if (c == '\\')
          ++i;
        else if (c == '"')
          in_string = false;
        continue;
      }
      if (c == '"') in_string = true;
      if (c == '{') ++depth;
      if (c == '}' && --depth == 0) {
        const Json value = Json::parse(text.substr(at, i + 1 - at), nullptr, /*allow_exceptions=*/false);
        if (value.is_object()) return value;
        break;
      }
    }
  }
  return nullptr;
}

std::vector<JudgeCriterion> read_criteria(const std::string& text, const std::string& where) {
  const auto wrong = [&](const std::string& what) {
    return data_error(what, where, "the rubric of an item is a list of {\"name\", \"choices\": [0, 1]}");
  };
  const Json list = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!list.is_array() || list.empty()) throw wrong("has no list of criteria");
  std::vector<JudgeCriterion> criteria;
  for (const Json& entry : list) {
    JudgeCriterion one;
    if (!entry.is_object() || !entry.contains("choices") || !entry["choices"].is_array())
      throw wrong("has a criterion without the scores that it allows");
    if (entry.contains("name") && entry["name"].is_string()) one.name = entry["name"].get<std::string>();
    for (const Json& choice : entry["choices"]) {
      if (!choice.is_number()) throw wrong("has a criterion that allows what is no number");
      one.choices.push_back(choice.get<double>());
    }
    if (one.choices.empty()) throw wrong("has a criterion that allows no score");
    std::sort(one.choices.begin(), one.choices.end());
    criteria.push_back(std::move(one));
  }
  return criteria;
}

}  // namespace af2
