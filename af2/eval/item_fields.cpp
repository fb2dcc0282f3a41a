#include "af2/eval/item_fields.h"

#include <algorithm>

#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/eval/row_list.h"
#include "af2/text/unicode.h"

namespace af2 {

FieldReader::FieldReader(const Benchmark& benchmark) {
  const std::string where = benchmark.path.string() + " key fields";
  for (const auto& [role, source] : benchmark.fields.items()) {
    roles_.push_back(role);
    is_list_[role] = source.is_array();
    written_[role] = value_text(source);
    for (const Json& one : source.is_array() ? source : Json::array({source})) {
      const std::string text = one.get<std::string>();
      // A bare text is a path; the name of a column may hold anything but braces.
      sources_[role].push_back(text.find('{') == std::string::npos
                                   ? TextTemplate{{{text, true, {}}}}
                                   : TextTemplate::parse(text, where + "." + role));
    }
  }
}

Json filtered_value(const Json& value, const std::vector<std::string>& filters) {
  if (filters.empty()) return value;
  if (value.is_array()) {
    Json all = Json::array();
    for (const Json& each : value) all.push_back(filtered_value(each, filters));
    return all;
  }
  if (value.is_null()) return value;
  std::string text = value_text(value);
  for (const std::string& filter : filters) text = filtered(filter, text);
  return text;
}

Json FieldReader::value(const Json& row, const std::string& role) const {
  const auto found = sources_.find(role);
  if (found == sources_.end()) return nullptr;
  Json all = Json::array();
  for (const TextTemplate& source : found->second) {
    if (source.parts.size() == 1 && source.parts[0].hole)
      all.push_back(filtered_value(value_at(row, source.parts[0].text), source.parts[0].filters));
    else
      all.push_back(source.fill([&](const std::string& name) { return value_text(value_at(row, name)); }));
  }
  return is_list_.at(role) ? all : all[0];
}

std::vector<std::string> FieldReader::texts(const Json& row, const std::string& role) const {
  const Json value = this->value(row, role);
  std::vector<std::string> list;
  if (value.is_structured()) {
    for (const Json& each : value) list.push_back(value_text(each));
  } else if (!value.is_null()) {
    list.push_back(value_text(value));
  }
  return list;
}

std::string FieldReader::text(const Json& row, const std::string& role) const {
  const Json value = this->value(row, role);
  if (!value.is_array()) return value_text(value);
  const bool plain = std::all_of(value.begin(), value.end(), [](const Json& v) { return v.is_primitive(); });
  return plain ? join(texts(row, role), ", ") : value_text(value);
}

std::vector<InlineOption> inline_options(const std::string& question, const std::string& style,
                                         const std::vector<std::string>& endings) {
  const std::size_t hole = style.find("{text}");
  if (hole == std::string::npos) return {};
  const std::string after = style.substr(hole + 6);
  std::size_t limit = question.size();
  for (const std::string& ending : endings)
    if (!ending.empty() && question.ends_with(ending)) limit = question.size() - ending.size();
  std::vector<InlineOption> options;
  std::vector<std::size_t> marks;
  std::size_t at = 0;
  for (char letter = 'A'; letter <= 'Z'; ++letter) {
    std::string mark = with_replaced(style.substr(0, hole), "{L}", std::string(1, letter));
    mark = with_replaced(mark, "{l}", std::string(1, static_cast<char>(letter + 32)));
    const std::size_t found = question.find(mark, at);
    if (found == std::string::npos || found >= limit) break;
    marks.push_back(found);
    at = found + mark.size();
    options.push_back({at, limit});
  }
  if (options.size() < 2) return {};
  for (std::size_t i = 0; i < options.size(); ++i) {
    InlineOption& option = options[i];
    if (i + 1 < options.size())
      option.end = marks[i + 1];
    else if (limit == question.size() && !after.empty())
      // Nothing that is known follows: the option ends where a sentence does.
      if (const std::size_t end = question.find(after + " ", option.begin); end != std::string::npos)
        option.end = end;
    const auto blank = [&](std::size_t i_end) {
      return question[i_end] == ' ' || question[i_end] == '\n' || question[i_end] == '\t';
    };
    while (option.end > option.begin && blank(option.end - 1)) --option.end;
    const std::size_t length = option.end - option.begin;
    if (!after.empty() && length > after.size() &&
        question.compare(option.end - after.size(), after.size(), after) == 0)
      option.end -= after.size();
  }
  return options;
}

std::vector<InlineOption> inline_options(const Benchmark& benchmark, const std::string& question) {
  if (!benchmark.data.contains("options_inline")) return {};
  std::vector<std::string> endings;
  for (const auto& [name, form] : benchmark.prompts) endings.push_back(form.drop_suffix);
  return inline_options(question, benchmark.data.at("options_inline").get<std::string>(), endings);
}

int gold_among(const std::vector<std::string>& choices, const std::string& answer) {
  const auto index_of = [&](const std::string& text, const auto& form) {
    for (std::size_t i = 0; i < choices.size(); ++i)
      if (form(choices[i]) == form(text) && !trim(text).empty()) return static_cast<int>(i);
    return -1;
  };
  const auto as_is = [](const std::string& text) { return text; };
  const auto plain = [](const std::string& text) { return trim(text); };
  const auto lower = [](const std::string& text) { return lower_case(trim(text)); };
  for (const int found : {index_of(answer, as_is), index_of(answer, plain), index_of(answer, lower)})
    if (found >= 0) return found;
  const std::string text = trim(answer);
  const bool bracket = text.size() >= 3 && text[0] == '(' && text[2] == ')';
  const bool marked = !bracket && text.size() >= 2 && (text[1] == '.' || text[1] == ')' || text[1] == ':');
  if (!bracket && !marked && text.size() != 1) return -1;
  const char letter = static_cast<char>((bracket ? text[1] : text[0]) & ~0x20);
  if (letter < 'A' || letter > 'Z') return -1;
  const std::string rest = trim(text.substr(bracket ? 3 : marked ? 2 : 1));
  const int named = letter - 'A';
  if (!rest.empty()) return index_of(rest, lower);
  return named < static_cast<int>(choices.size()) ? named : -1;
}

}  // namespace af2
