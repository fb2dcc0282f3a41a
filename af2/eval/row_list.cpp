#include "af2/eval/row_list.h"

#include <charconv>
#include <utility>

#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/text/utf8.h"

namespace af2 {

RowList RowList::parse(const std::string& text, const std::string& where) {
  RowList list;
  for (const std::string& part : split(text, '.')) {
    const bool in_list = part.ends_with("[*]"), in_object = part.ends_with("{*}");
    if (!in_list && !in_object)
      throw user_error("is no list of rows: " + printable(text), where,
                       "write [*], KEY[*], {*} or KEY{*}, parted by dots");
    list.steps_.push_back({part.substr(0, part.size() - 3), in_object});
  }
  return list;
}

void RowList::each(const Json& json, const RowListOptions& options, const std::string& where,
                   const std::function<void(Json&&, const std::string&)>& give) const {
  const std::function<void(const Json&, std::size_t, const Json&, const std::string&)> walk =
      [&](const Json& value, std::size_t step, const Json& taken, const std::string& place) {
        if (!value.is_object() && (step == steps_.size() || !steps_[step].key.empty()))
          throw data_error("is no object of fields", where + (place.empty() ? "" : " " + place),
                           "check that this is the published file");
        if (step == steps_.size()) {
          Json row = value;
          for (const auto& [key, own] : taken.items())
            if (!row.contains(key)) row[key] = own;
          give(std::move(row), place);
          return;
        }
        const auto& [key, object] = steps_[step];
        if (!key.empty() && !value.contains(key))
          throw data_error("lacks the key \"" + key + "\"", where + (place.empty() ? "" : " " + place),
                           "check that this is the published file");
        const Json& inner = key.empty() ? value : value.at(key);
        const std::string inside = place + (place.empty() || key.empty() ? "" : ".") + key;
        if (object ? !inner.is_object() : !inner.is_array())
          throw data_error(std::string("is no ") + (object ? "object" : "list"),
                           where + (inside.empty() ? "" : " " + inside),
                           "check that this is the published file");
        std::size_t index = 0;
        for (const auto& [name, row] : inner.items()) {
          Json now = taken;
          if (object && !options.key_as.empty()) now[options.key_as] = name;
          if (row.is_object())
            for (const std::string& parent : options.parent)
              if (row.contains(parent) && step + 1 < steps_.size()) now[parent] = row.at(parent);
          walk(row, step + 1, now, inside + (object ? "{" + name + "}" : "[" + std::to_string(index) + "]"));
          ++index;
        }
      };
  walk(json, 0, Json::object(), "");
}

Json value_at(const Json& row, const std::string& path) {
  if (row.is_object() && row.contains(path)) return row.at(path);
  const std::size_t open = path.find_first_of("[.");
  const std::string name = path.substr(0, open);
  if (name.empty() ? open == std::string::npos : !row.is_object() || !row.contains(name)) return nullptr;
  const Json& value = name.empty() ? row : row.at(name);
  if (open == std::string::npos) return value;
  std::string rest = path.substr(open);
  if (rest[0] == '.') return value_at(value, rest.substr(1));
  const std::size_t close = rest.find(']');
  if (close == std::string::npos || !value.is_array()) return nullptr;
  const std::string index = rest.substr(1, close - 1);
  rest.erase(0, close + 1);
  if (rest.starts_with('.')) rest.erase(0, 1);
  if (index == "*") {
    Json all = Json::array();
    for (const Json& each : value) all.push_back(rest.empty() ? each : value_at(each, rest));
    return all;
  }
  std::size_t i = 0;
  const auto [end, code] = std::from_chars(index.data(), index.data() + index.size(), i);
  if (code != std::errc() || end != index.data() + index.size() || i >= value.size()) return nullptr;
  return rest.empty() ? value[i] : value_at(value[i], rest);
}

std::string value_text(const Json& value) {
  if (value.is_null()) return "";
  if (value.is_string()) return value.get<std::string>();
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

namespace {

class PythonList {
 public:
  PythonList(const std::string& text, const std::string& where) : text_(text), where_(where) {}

  Json whole() {
    blanks();
    Json value = one();
    blanks();
    if (at_ < text_.size()) fail("something stands behind the list");
    if (!value.is_array()) fail("is no list");
    return value;
  }

 private:
  [[noreturn]] void fail(const std::string& problem) const {
    throw data_error(problem + ": " + printable(text_, 60), where_ + " column " + std::to_string(at_ + 1),
                     "a list as Python prints it is expected");
  }
  void blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t')) ++at_;
  }
  Json one() {
    if (at_ >= text_.size()) fail("the list has no end");
    const char c = text_[at_];
    if (c == '[' || c == '(') return inside(c == '[' ? ']' : ')');
    if (c == '\'' || c == '"') return quoted(c);
    const std::size_t end = text_.find_first_of(",]) \n", at_);
    const std::string bare = text_.substr(at_, end - at_);
    Json value;
    double number = 0;
    std::int64_t whole_number = 0;
    const char *first = bare.data(), *last = bare.data() + bare.size();
    if (bare == "None") {
      value = nullptr;
    } else if (bare == "True" || bare == "False") {
      value = bare == "True";
    } else if (auto [stop, code] = std::from_chars(first, last, whole_number);
               code == std::errc() && stop == last) {
      value = whole_number;
    } else if (auto [end_of, fault] = std::from_chars(first, last, number);
               fault == std::errc() && end_of == last) {
      value = number;
    } else {
      fail("is no value of Python");
    }
    at_ += bare.size();
    return value;
  }
  Json inside(char close) {
    if (++depth_ > 20) fail("lists stand too deep in one another");
    Json list = Json::array();
    ++at_;
    for (blanks(); at_ < text_.size() && text_[at_] != close; blanks()) {
      list.push_back(one());
      blanks();
      if (at_ < text_.size() && text_[at_] == ',')
        ++at_;
      else if (at_ >= text_.size() || text_[at_] != close)
        fail("a comma is missing");
    }
    if (at_ >= text_.size()) fail("the list has no end");
    ++at_, --depth_;
    return list;
  }
  Json quoted(char quote) {
    std::string value;
    for (++at_; at_ < text_.size() && text_[at_] != quote; ++at_) {
      if (text_[at_] != '\\' || at_ + 1 >= text_.size()) {
        value += text_[at_];
        continue;
      }
      const char c = text_[++at_];
      const std::size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
      if (digits > 0) {
        unsigned code = 0;
        const std::string hex = text_.substr(at_ + 1, digits);
        const auto [end, fault] = std::from_chars(hex.data(), hex.data() + hex.size(), code, 16);
        if (hex.size() != digits || fault != std::errc() || end != hex.data() + digits || code > 0x10FFFF ||
            (code >= 0xD800 && code < 0xE000))
          fail("is no character");
        append_utf8(value, static_cast<char32_t>(code));
        at_ += digits;
      } else if (c == 'n' || c == 't' || c == 'r') {
        value += c == 'n' ? '\n' : c == 't' ? '\t' : '\r';
      } else if (c == '\\' || c == '\'' || c == '"') {
        value += c;
      } else {
        value += '\\', value += c;  // as Python keeps it
      }
    }
    if (at_ >= text_.size()) fail("a text has no end");
    ++at_;
    return value;
  }

  const std::string& text_;
  const std::string& where_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

Json parse_python_list(const std::string& text, const std::string& where) {
  return PythonList(text, where).whole();
}

}  // namespace af2
