#include "af2/eval/rubric.h"

#include <span>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/text_util.h"

namespace af2 {
namespace {

Error no_rubric(const std::string& id, const std::string& what) {
  return user_error(what, "rubric " + id, "write it as the files of af2/eval/rubrics");
}

// The lines before the first part: a name, a colon, a JSON value.
Json rubric_head(const std::string& id, const std::string& text) {
  Json head = Json::object();
  for (const auto& line : split(text, '\n')) {
    if (trim(line).empty()) continue;
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) throw no_rubric(id, "has a line without a colon before its parts");
    const std::string name = trim(line.substr(0, colon));
    if (head.contains(name)) throw no_rubric(id, "says `" + name + "` twice");
    head[name] = parse_json(line.substr(colon + 1), "`" + name + "` of rubric " + id);
  }
  return head;
}

}  // namespace

Rubric parse_rubric(const std::string& id, const std::string& text) {
  const std::string marks[] = {"\n--- system\n", "\n--- prompt\n", "\n--- end"};
  std::size_t at[3], from = 0;
  for (int k = 0; k < 3; ++k) {
    at[k] = text.find(marks[k], from);
    if (at[k] == std::string::npos) throw no_rubric(id, "lacks the line \"" + trim(marks[k]) + "\"");
    from = at[k] + marks[k].size() - 1;
  }
  const auto part = [&](int k) {
    return trim(text.substr(at[k] + marks[k].size(), at[k + 1] - at[k] - marks[k].size()));
  };
  const Json head = rubric_head(id, text.substr(0, at[0]));
  Rubric rubric;
  rubric.id = id;
  rubric.sha256 = sha256_hex(std::as_bytes(std::span(text)));
  for (const auto& [name, value] : head.items()) {
    bool fits = true;
    if (name == "version") {
      if ((fits = value.is_number_integer())) rubric.texts.version = value.get<int>();
    } else if (name == "scale") {
      fits = value.is_array() && value.size() == 2 && value[0].is_number() && value[1].is_number() &&
             value[0].get<double>() < value[1].get<double>();
      if (fits) rubric.low = value[0].get<double>(), rubric.high = value[1].get<double>();
      if (fits) rubric.texts.limits = {{"low", value[0]}, {"high", value[1]}};
    } else if (name == "form") {
      if ((fits = value.is_object() && value.contains("format"))) rubric.form = value;
    } else if (name == "trim") {
      if ((fits = value.is_number_unsigned())) rubric.trim = value.get<int>();
    } else if (name == "lowest_when_wrong") {
      if ((fits = value.is_boolean())) rubric.lowest_when_wrong = value.get<bool>();
    } else {
      throw no_rubric(id, "has an unknown line `" + name + "`");
    }
    if (!fits) throw no_rubric(id, "has a wrong value of `" + name + "`: " + value.dump());
  }
  for (const char* needed : {"version", "scale", "form"})
    if (!head.contains(needed)) throw no_rubric(id, std::string("lacks the line `") + needed + "`");
  rubric.texts.name = id;
  rubric.texts.system = part(0);
  rubric.texts.prompt = part(1);
  return rubric;
}

Rubric judge_rubric(const std::string& id, const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / (id + ".txt");
  if (!folder.empty() && std::filesystem::exists(file)) return parse_rubric(id, read_file(file));
  std::vector<std::string> known;
  for (const auto& [name, text] : embedded_rubrics()) {
    if (name == id) return parse_rubric(id, text);
    known.push_back(name);
  }
  throw user_error("no rubric of this name", id, "did you mean \"" + nearest_word(id, known) + "\"?");
}

Json Rubric::messages(const std::map<std::string, std::string>& inputs) const {
  std::map<std::string, std::string> slots;
  for (const auto& [name, text] : inputs) slots[name] = data_slot(text);
  const LlmRequest request = texts.request(slots);
  return Json::array({chat_message("system", request.system), chat_message("user", request.prompt)});
}

std::string fenced_text(const std::string& prompt, const std::string& tag) {
  const std::string open = "<" + tag + ">", close = "</" + tag + ">";
  const std::size_t begin = prompt.find(open), end = prompt.find(close, begin);
  if (begin == std::string::npos || end == std::string::npos) return "";
  const Json value = Json::parse(prompt.substr(begin + open.size(), end - begin - open.size()), nullptr,
                                 /*allow_exceptions=*/false);
  return value.is_string() ? value.get<std::string>() : "";
}

}  // namespace af2
