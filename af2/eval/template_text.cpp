#include "af2/eval/template_text.h"

#include <algorithm>

#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/text/unicode.h"
#include "af2/text/utf8.h"

namespace af2 {
namespace {

const std::vector<std::string>& template_filters() {
  static const std::vector<std::string> names = {"lower", "us2sp", "strip", "str", "end_mark", "pad6"};
  return names;
}

}  // namespace

TextTemplate TextTemplate::parse(const std::string& text, const std::string& where) {
  TextTemplate out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t brace = text.find_first_of("{}", at);
    if (brace > at) out.parts.push_back({text.substr(at, brace - at), false, {}});
    if (brace == std::string::npos) break;
    const std::size_t end = text.find_first_of("{}", brace + 1);
    if (text[brace] == '}' || end == std::string::npos || text[end] == '{')
      throw user_error("has a brace without its partner: " + printable(text), where,
                       "holes are written {name} or {name|filter}");
    std::vector<std::string> words = split(text.substr(brace + 1, end - brace - 1), '|');
    Part hole{words.front(), true, {words.begin() + 1, words.end()}};
    if (hole.text.empty()) throw user_error("has a hole without a name: " + printable(text), where);
    for (const std::string& filter : hole.filters)
      if (std::find(template_filters().begin(), template_filters().end(), filter) == template_filters().end())
        throw user_error("unknown filter \"" + printable(filter) + "\"", where,
                         "one of " + join(template_filters(), ", "));
    out.parts.push_back(std::move(hole));
    at = end + 1;
  }
  return out;
}

std::vector<std::string> TextTemplate::holes() const {
  std::vector<std::string> names;
  for (const Part& part : parts)
    if (part.hole) names.push_back(part.text);
  return names;
}

std::string TextTemplate::fill(const std::function<std::string(const std::string&)>& value) const {
  std::string text;
  for (const Part& part : parts) {
    std::string piece = part.hole ? value(part.text) : part.text;
    for (const std::string& filter : part.filters) piece = filtered(filter, piece);
    text += piece;
  }
  return text;
}

std::string filtered(const std::string& filter, const std::string& text) {
  if (filter == "lower") return lower_case(text);
  if (filter == "us2sp") return with_replaced(text, "_", " ");
  if (filter == "strip") return std::string(strip_python(text));
  if (filter == "end_mark") {
    const std::string core(strip_python(text));
    return core.empty() || std::string_view(".?!").find(core.back()) != std::string_view::npos ? core
                                                                                               : core + '.';
  }
  if (filter == "pad6") return text.size() < 6 ? std::string(6 - text.size(), '0') + text : text;
  return text;
}

std::string with_replaced(std::string text, const std::string& from, const std::string& to) {
  if (from.empty()) return text;
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

}  // namespace af2
