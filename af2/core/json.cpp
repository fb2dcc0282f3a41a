#include "af2/core/json.h"

#ifdef AF2_WITH_YAML
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>
#endif

#include <charconv>
#include <cmath>
#include <sstream>
#include <vector>

#include "af2/core/error.h"
#include "af2/core/file.h"

namespace af2 {

Json parse_json(std::string_view text, const std::string& where) {
  try {
    return Json::parse(text);
  } catch (const Json::exception& error) {
    throw data_error(std::string("not valid JSON (") + error.what() + ")", where);
  }
}

#ifdef AF2_WITH_YAML
namespace {

Json scalar(const std::string& text, bool quoted) {
  if (quoted) return text;
  if (text.empty() || text == "~" || text == "null") return nullptr;
  if (text == "true" || text == "True") return true;
  if (text == "false" || text == "False") return false;
  const char* end = text.data() + text.size();
  const char* begin = text.data() + (text[0] == '+');
  std::int64_t whole = 0;
  if (auto [stop, code] = std::from_chars(begin, end, whole); code == std::errc() && stop == end)
    return whole;
  double number = 0;
  if (auto [stop, code] = std::from_chars(begin, end, number); code == std::errc() && stop == end)
    return number;
  return text;
}

Json convert(const YAML::Node& node) {
  switch (node.Type()) {
    case YAML::NodeType::Scalar:
      return scalar(node.Scalar(), node.Tag() == "!");
    case YAML::NodeType::Sequence: {
      Json list = Json::array();
      for (const auto& item : node) list.push_back(convert(item));
      return list;
    }
    case YAML::NodeType::Map: {
      Json object = Json::object();
      for (const auto& item : node) {
        const std::string key = item.first.as<std::string>();
        if (object.contains(key))
          throw user_error("key \"" + key + "\" stands twice",
                           "line " + std::to_string(item.first.Mark().line + 1));
        object[key] = convert(item.second);
      }
      return object;
    }
    default:
      return nullptr;
  }
}

// Builds the value from the parser's events, which alone know of anchors, tags and places.
class PlainYaml : public YAML::EventHandler {
 public:
  PlainYaml(const std::string& text, const std::string& where, YamlLines& lines)
      : text_(text), where_(where), lines_(lines) {}
  Json take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    plain(mark, "", anchor);
    if (open_.empty() || open_.back().is_list || open_.back().has_key)
      add(mark, nullptr);
    else
      refuse(mark, "a key is missing");
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    refuse(mark, "refers to an anchor (*): write the value again");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    const bool quoted = tag == "!";
    plain(mark, quoted ? "" : tag, anchor);
    one_line(mark, quoted, value);
    if (!open_.empty() && !open_.back().is_list && !open_.back().has_key) return key(mark, value);
    if (!quoted)
      for (const char* word : {"yes", "no", "on", "off", "Yes", "No", "On", "Off"})
        if (value == word) refuse(mark, "\"" + value + "\" must stand in quotes");
    add(mark, scalar(value, quoted));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    plain(mark, tag, anchor);
    begin(mark, Json::array());
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    plain(mark, tag, anchor);
    begin(mark, Json::object());
  }
  void OnSequenceEnd() override { open_.pop_back(); }
  void OnMapEnd() override { open_.pop_back(); }

 private:
  struct Open {
    Json* value;
    std::string pointer, key = {};
    bool is_list = false, has_key = false;
  };

  [[noreturn]] void refuse(const YAML::Mark& mark, const std::string& problem) const {
    throw user_error(problem, where_ + " line " + std::to_string(mark.line + 1));
  }
  void plain(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) const {
    if (anchor != 0) refuse(mark, "has an anchor (&): write the value again where it is used");
    if (!tag.empty() && tag != "?") refuse(mark, "has a tag (!): write a plain value");
  }
  // A plain scalar of one line stands in the text as it is; a quoted one ends before its line does.
  void one_line(const YAML::Mark& mark, bool quoted, const std::string& value) const {
    const auto at = static_cast<std::size_t>(mark.pos);
    if (at >= text_.size()) return;
    bool whole = true;
    if (!quoted) {
      whole = text_.compare(at, value.size(), value) == 0;
    } else if (text_[at] != '"') {
      refuse(mark, text_[at] == '\'' ? "is in single quotes: write double ones"
                                     : "is a scalar over several lines (| or >): write it in one, with \\n");
    } else {
      for (std::size_t i = at + 1; i < text_.size() && text_[i] != '"'; ++i) {
        whole = whole && text_[i] != '\n';
        if (text_[i] == '\\') ++i;
      }
    }
    if (!whole) refuse(mark, "is a scalar over several lines: write it in one, with \\n");
  }
  void key(const YAML::Mark& mark, const std::string& name) {
    Open& map = open_.back();
    if (map.value->contains(name)) refuse(mark, "key \"" + name + "\" stands twice");
    map.key = name, map.has_key = true;
    lines_[json_pointer(map.pointer, name)] = mark.line + 1;
  }
  Json* add(const YAML::Mark& mark, Json value) {
    if (open_.empty()) {
      root_ = std::move(value), lines_[""] = mark.line + 1;
      return &root_;
    }
    Open& top = open_.back();
    if (top.is_list) {
      lines_[top.pointer + "/" + std::to_string(top.value->size())] = mark.line + 1;
      top.value->push_back(std::move(value));
      return &top.value->back();
    }
    top.has_key = false;
    return &((*top.value)[top.key] = std::move(value));
  }
  // Members are only added to the innermost open value, so pointers to the outer ones stay good.
  void begin(const YAML::Mark& mark, Json value) {
    if (!open_.empty() && !open_.back().is_list && !open_.back().has_key)
      refuse(mark, "a key is a list or a map");
    std::string pointer;
    if (!open_.empty())
      pointer = open_.back().is_list ? open_.back().pointer + "/" + std::to_string(open_.back().value->size())
                                     : json_pointer(open_.back().pointer, open_.back().key);
    const bool is_list = value.is_array();
    Json* place = add(mark, std::move(value));
    open_.push_back({place, pointer});
    open_.back().is_list = is_list;
  }

  const std::string& text_;
  const std::string& where_;
  YamlLines& lines_;
  Json root_;
  std::vector<Open> open_;
};

}  // namespace
#endif

std::string json_pointer(const std::string& parent, const std::string& key) {
  std::string pointer = parent + "/";
  for (const char c : key) pointer += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return pointer;
}

Json parse_plain_yaml(const std::string& text, const std::string& where, YamlLines& lines) {
  lines.clear();
#ifdef AF2_WITH_YAML
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    PlainYaml handler(text, where, lines);
    if (!parser.HandleNextDocument(handler)) return nullptr;
    Json value = handler.take();
    YamlLines rest;
    PlainYaml second(text, where, rest);
    if (parser.HandleNextDocument(second))
      throw user_error("holds a second document behind ---", where, "write one a file");
    return value;
  } catch (const YAML::Exception& error) {
    throw user_error("not valid YAML (" + error.msg + ")",
                     where + " line " + std::to_string(error.mark.line + 1));
  }
#else
  (void)text;
  throw user_error("this build reads no YAML", where, "build with AF2_WITH_YAML");
#endif
}

Json parse_yaml(const std::string& text, const std::string& where) {
#ifdef AF2_WITH_YAML
  try {
    return convert(YAML::Load(text));
  } catch (const YAML::Exception& error) {
    throw user_error("not valid YAML (" + error.msg + ")",
                     where + " line " + std::to_string(error.mark.line + 1));
  } catch (const Error& error) {
    throw user_error(error.problem(), where + " " + error.where());
  }
#else
  (void)text;
  throw user_error("this build reads no YAML", where,
                   "give the same keys as JSON, or build with AF2_WITH_YAML");
#endif
}

Json read_config_file(const std::filesystem::path& path) {
  const std::string text = read_file(path);
  if (path.extension() != ".yaml" && path.extension() != ".yml") return parse_json(text, path.string());
  return parse_yaml(text, path.string());
}

}  // namespace af2
