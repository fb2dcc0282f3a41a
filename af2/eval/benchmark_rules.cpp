#include "af2/eval/benchmark_rules.h"

#include <algorithm>
#include <set>
#include <vector>

#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/eval/row_list.h"
#include "af2/eval/template_text.h"
#include "af2/eval/value_shape.h"

namespace af2 {
namespace {

// Roles that every part of the program knows; others must be named by what uses them.
const std::vector<std::string>& known_roles() {
  static const std::vector<std::string> roles = {"id",      "question", "hypothesis", "choices",
                                                 "answer",  "refs",     "label",      "labels",
                                                 "context", "category", "cluster",    "duration"};
  return roles;
}

class BenchmarkRules {
 public:
  explicit BenchmarkRules(const BenchmarkText& text) : text_(text), json_(text.json) {}

  void check() const {
    for (const char* key : {"data", "audio", "fields"})
      if (!json_.contains(key))
        fail("lacks the key \"" + std::string(key) + "\"", "", "or `use` another file");
    const bool encoder_only = json_.at("kind") == "retrieval" || json_.at("kind") == "zero_shot_clap";
    for (const char* key : {"prompt", "match"})
      if (!json_.contains(key) && !encoder_only)
        fail("lacks the key \"" + std::string(key) + "\"", "", "only encoder benchmarks ask nothing");
    if (encoder_only && !json_.contains("retrieval"))
      fail("lacks the key \"retrieval\"", "", "say which encoder");
    data();
    labels();
    fields();
    prompts();
    tasks();
    if (json_.at("metrics").at("primary") == "none" && json_.at("metrics").contains("also"))
      fail("a benchmark that is not scored here has no metrics", "/metrics/also");
  }

 private:
  [[noreturn]] void fail(const std::string& problem, const std::string& pointer,
                         const std::string& hint = "see docs/spec/evaluation.md section 2") const {
    throw user_error(problem, text_.place(pointer), hint);
  }

  // That a text with holes can be read.
  TextTemplate holes_of(const Json& value, const std::string& pointer) const {
    return TextTemplate::parse(value.get<std::string>(), text_.place(pointer));
  }

  void data() const {
    const Json& data = json_.at("data");
    const bool by_name = data.at("format") == "files";
    for (const char* key : {"glob", "pattern"})
      if (data.contains(key) != by_name)
        fail(by_name ? "names of files need a glob and a pattern" : "belongs to the format `files`",
             by_name ? "/data/format" : std::string("/data/") + key);
    if (data.contains("files") == by_name)
      fail(by_name ? "the format `files` has a glob instead" : "lacks the key \"files\"",
           by_name ? "/data/files" : "/data");
    if (by_name) holes_of(data.at("pattern"), "/data/pattern");
    if (data.contains("files"))
      for (std::size_t i = 0; i < data.at("files").size(); ++i)
        holes_of(data.at("files")[i], "/data/files/" + std::to_string(i));
    if (data.contains("list")) RowList::parse(data.at("list").get<std::string>(), text_.place("/data/list"));
    if (data.contains("unpivot")) {
      const Json& unpivot = data.at("unpivot");
      if (unpivot.contains("columns") == unpivot.contains("pairs") ||
          unpivot.contains("columns") != unpivot.contains("value"))
        fail("has either columns and value, or pairs", "/data/unpivot");
    }
    if (data.contains("keep") && !data.contains("group"))
      fail("looks at answers that `group` has put together", "/data/keep", "give data.group");
    if (data.contains("columns_by_index") && data.contains("columns"))
      fail("columns have names or numbers, not both", "/data/columns_by_index");
    for (const auto& [key, separator] : object_at(data, "split").items())
      if (separator.get_ref<const std::string&>().size() != 1)
        fail("must be one character", "/data/split/" + key);
    const Json& audio = json_.at("audio");
    holes_of(audio.at("path"), "/audio/path");
    if (audio.contains("alt_paths"))
      for (std::size_t i = 0; i < audio.at("alt_paths").size(); ++i)
        holes_of(audio.at("alt_paths")[i], "/audio/alt_paths/" + std::to_string(i));
    if (audio.contains("ext_rule") && !audio.at("ext_rule").contains("ext"))
      fail("lacks the key \"ext\"", "/audio/ext_rule");
  }

  void labels() const {
    if (!json_.contains("labels")) return;
    const Json& labels = json_.at("labels");
    int sources = 0;
    for (const char* key : {"list", "file", "from_data", "range"}) sources += labels.contains(key);
    if (sources != 1) fail("has one of list, file, from_data and range", "/labels");
    if (labels.contains("file") != labels.contains("column")) fail("file and column go together", "/labels");
    if (labels.contains("list")) {
      std::set<std::string> seen;
      for (std::size_t i = 0; i < labels.at("list").size(); ++i)
        if (!seen.insert(labels.at("list")[i].get<std::string>()).second)
          fail("stands twice in the list", "/labels/list/" + std::to_string(i));
      for (const char* key : {"display", "synonyms"})
        for (const auto& [name, value] : object_at(labels, key).items())
          if (!seen.contains(name))
            fail("\"" + name + "\" is no label", json_pointer(std::string("/labels/") + key, name),
                 "did you mean \"" + nearest_word(name, {seen.begin(), seen.end()}) + "\"?");
    }
    if (labels.contains("range") && labels.at("range")[0] > labels.at("range")[1])
      fail("ends before it begins", "/labels/range");
  }

  void fields() const {
    const Json& fields = json_.at("fields");
    for (const auto& [role, value] : fields.items()) {
      const std::string pointer = json_pointer("/fields", role);
      if (value.is_string()) holes_of(value, pointer);
      if (value.is_array())
        for (const Json& each : value) holes_of(each, pointer);
      const auto& roles = known_roles();
      if (std::find(roles.begin(), roles.end(), role) != roles.end()) continue;
      if (!used_roles().contains(role))
        fail("nothing uses the role \"" + role + "\"", pointer,
             "did you mean \"" + nearest_word(role, roles) + "\"?");
    }
    if (fields.contains("label") && fields.contains("labels"))
      fail("an item has a label or several, not both", "/fields/labels");
    if ((fields.contains("label") || fields.contains("labels")) && !json_.contains("labels"))
      fail("lacks the key \"labels\"", "", "say which labels there are");
    if (checks_constraints() && !fields.contains("constraint"))
      fail("no role says which constraint is checked", "/fields", "give constraint, and its arguments");
    const bool known = fields.contains("answer") || fields.contains("refs") || fields.contains("label") ||
                       fields.contains("labels") || marks().size() > 0 ||
                       object_at(json_, "data").contains("answers");
    if (!known) fail("no role says what is right", "/fields", "give answer, refs, label or labels");
  }

  void prompts() const {
    if (!json_.contains("prompt")) return;
    const Json& prompt = json_.at("prompt");
    prompt_holes(prompt.at("default"), "/prompt/default");
    styles(prompt, "/prompt");
    bool shot = prompt.at("default").get_ref<const std::string&>().find("{shot}") != std::string::npos;
    for (const auto& [name, alt] : object_at(prompt, "alt").items()) {
      const std::string pointer = json_pointer("/prompt/alt", name);
      if (name == "default") fail("the name belongs to prompt.default", pointer);
      const Json& words = alt.is_string() ? alt : alt.at("text");
      prompt_holes(words, alt.is_string() ? pointer : pointer + "/text");
      if (alt.is_object()) styles(alt, pointer);
      shot = shot || words.get_ref<const std::string&>().find("{shot}") != std::string::npos;
    }
    if (prompt.contains("shot") && !shot) fail("no prompt has the hole {shot}", "/prompt/shot");
  }

  void prompt_holes(const Json& words, const std::string& pointer) const {
    const Json& fields = json_.at("fields");
    for (const std::string& hole : holes_of(words, pointer).holes()) {
      const bool options = fields.contains("choices");
      const bool label_options = json_.contains("labels") && !json_.at("labels").contains("range");
      const bool known = hole == "options"         ? options
                         : hole == "label_options" ? label_options
                         : hole == "shot"          ? json_.at("prompt").contains("shot")
                                                   : fields.contains(hole);
      if (known) continue;
      std::vector<std::string> names;
      for (const auto& [role, value] : fields.items()) names.push_back(role);
      if (options) names.push_back("options");
      if (label_options) names.push_back("label_options");
      fail("nothing fills the hole {" + hole + "}", pointer,
           "did you mean {" + nearest_word(hole, names) + "}?");
    }
  }

  void styles(const Json& form, const std::string& at) const {
    if (!form.contains("options")) return;
    const std::string pointer = at + "/options/style";
    bool text = false;
    for (const std::string& hole : holes_of(form.at("options").at("style"), pointer).holes()) {
      if (hole != "L" && hole != "l" && hole != "text" && hole != "text.")
        fail("nothing fills the hole {" + hole + "}", pointer, "{L}, {l}, {text} and {text.} are known");
      text = text || hole[0] == 't';
    }
    if (!text) fail("prints no option: {text} is missing", pointer);
  }

  void tasks() const {
    static const std::vector<std::string> names = {"mcq",   "open_qa",    "classification", "multilabel",
                                                   "judge", "captioning", "yes_no",         "constraint"};
    const auto check = [&](const std::string& task, const std::string& pointer) {
      if (std::find(names.begin(), names.end(), task) == names.end())
        fail("\"" + printable(task) + "\" is no task of a row", pointer, "one of " + join(names, ", "));
    };
    const Json& route = object_at(json_.at("data"), "route");
    for (const auto& [key, value] : route.items())
      if (key != "field") check(value.get<std::string>(), json_pointer("/data/route", key));
    if (!route.empty() && (!route.contains("field") || !route.contains("default")))
      fail("needs field and default", "/data/route");
    for (const std::string column : {"official", "robust"}) {
      const Json& rule = object_at(object_at(json_, "match"), column.c_str());
      for (const auto& [key, value] : object_at(rule, "by_task").items())
        check(key, json_pointer("/match/" + column + "/by_task", key));
    }
  }

  static const Json& object_at(const Json& json, const char* key) {
    static const Json nothing = Json::object();
    return json.contains(key) ? json.at(key) : nothing;
  }

  std::vector<std::string> marks() const {
    std::vector<std::string> names;
    const Json& official = object_at(object_at(json_, "match"), "official");
    if (official.contains("marks"))
      for (const Json& mark : official.at("marks")) names.push_back(mark.at("field").get<std::string>());
    return names;
  }

  bool checks_constraints() const {
    for (const char* column : {"official", "robust"}) {
      const Json& rule = object_at(object_at(json_, "match"), column);
      if (rule.value("rule", std::string()) == "constraint") return true;
      for (const auto& [task, name] : object_at(rule, "by_task").items())
        if (name == "constraint") return true;
    }
    return false;
  }

  std::set<std::string> used_roles() const {
    std::set<std::string> used;
    for (const std::string& name : marks()) used.insert(name);
    if (checks_constraints()) used.insert({"constraint", "arguments"});
    for (const auto& [first, second] : {std::pair{"judge", "inputs"}, std::pair{"", "by"}}) {
      const Json& from = *first ? object_at(json_, first) : json_;
      if (from.contains(second))
        for (const Json& name : from.at(second)) used.insert(name.get<std::string>());
    }
    if (json_.contains("prompt")) {
      const auto add = [&](const Json& words) {
        for (const auto& hole : holes_of(words, "/prompt").holes()) used.insert(hole);
      };
      add(json_.at("prompt").at("default"));
      for (const auto& [name, alt] : object_at(json_.at("prompt"), "alt").items())
        add(alt.is_string() ? alt : alt.at("text"));
    }
    return used;
  }

  const BenchmarkText& text_;
  const Json& json_;
};

}  // namespace

std::string BenchmarkText::place(const std::string& pointer) const {
  if (!lines.contains(pointer) && used_lines.contains(pointer))
    return shape::place(used_file, used_lines, pointer);
  return shape::place(file, lines, pointer);
}

void check_benchmark_rules(const BenchmarkText& text) {
  BenchmarkRules(text).check();
}

}  // namespace af2
