#include "af2/eval/item_maker.h"

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <set>

#include "af2/core/error.h"
#include "af2/core/random.h"
#include "af2/core/text_util.h"
#include "af2/eval/row_list.h"
#include "af2/eval/template_text.h"

namespace af2 {
namespace {

// Roles that have a place of their own in an item.
bool has_own_place(const std::string& role) {
  static const std::set<std::string> own = {"id",    "question", "hypothesis", "choices", "answer",  "refs",
                                            "label", "labels",   "context",    "cluster", "category"};
  return own.contains(role);
}

// Buckets of section 7: the first that is long enough, in seconds.
std::string duration_bucket(const std::string& seconds) {
  if (seconds.empty()) return "";
  const double value = std::strtod(seconds.c_str(), nullptr);
  for (const int edge : {10, 30, 90, 300})
    if (value <= edge) return std::to_string(edge);
  return "long";
}

}  // namespace

std::vector<std::size_t> shuffled_options(std::int64_t seed, const std::string& id, std::size_t count) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  Random("af2/eval/choices/1/" + std::to_string(seed) + "/" + id).shuffle(order);
  return order;
}

EvalItem ItemMaker::make(const BenchmarkRow& row) const {
  EvalItem item;
  item.where = row.where;
  identity(row, item);
  item.question = fields_.text(row.values, "question");
  item.hypothesis = fields_.text(row.values, "hypothesis");
  item.context = fields_.text(row.values, "context");
  if (fields_.has("question") && trim(item.question).empty()) item.faults.push_back("has no question");
  for (const std::string& role : fields_.roles())
    if (!has_own_place(role)) item.fields[role] = fields_.text(row.values, role);
  options(row, item);
  right_answer(row, item);
  labels_of(row, item);
  marked(row, item);
  gold(item);
  groups(row, item);
  return item;
}

void ItemMaker::identity(const BenchmarkRow& row, EvalItem& item) const {
  item.id = fields_.text(row.values, "id");
  if (fields_.has("id") && item.id.empty())
    throw data_error("has no id (`" + fields_.source("id") + "`)", row.where, "complete the row");
  if (item.id.empty()) {
    char number[32];
    std::snprintf(number, sizeof number, "%06zu", row.number);
    item.id = number;
  }
  // Files of one benchmark count their rows each from the start.
  if (!row.part.empty()) item.id = row.part + "/" + item.id;
  if (!row.piece.empty()) item.id += "/" + row.piece;
  item.cluster = fields_.text(row.values, "cluster");
  item.task = benchmark_.task;
  if (benchmark_.data.contains("route")) {
    const Json& route = benchmark_.data.at("route");
    const std::string kind = value_text(value_at(row.values, route.at("field").get<std::string>()));
    item.task = kind != "field" && route.contains(kind) ? route.at(kind) : route.at("default");
  }
  if (benchmark_.data.at("format") == "af2_items") {
    item.start = row.values.at("start").get<double>();
    item.duration = row.values.at("duration").get<double>();
  }
  if (!benchmark_.version.empty() && row.values.contains("version") && row.values.at("version").is_string() &&
      row.values.at("version") != benchmark_.version)
    throw data_error("is of version " + row.values.at("version").get<std::string>() + ", the benchmark of " +
                         benchmark_.version,
                     row.where, "give the file of that version, or run the benchmark of this one");
}

void ItemMaker::options(const BenchmarkRow& row, EvalItem& item) const {
  if (benchmark_.data.contains("options_inline")) {
    for (const InlineOption& option : inline_options(benchmark_, item.question))
      item.choices.push_back(item.question.substr(option.begin, option.end - option.begin));
    return;
  }
  item.choices = fields_.texts(row.values, "choices");
  if (benchmark_.data.contains("shuffle")) shuffle(item);
}

void ItemMaker::shuffle(EvalItem& item) const {
  const std::vector<std::string> before = item.choices;
  const auto order =
      shuffled_options(benchmark_.data.at("shuffle").at("seed").get<std::int64_t>(), item.id, before.size());
  std::vector<std::string> words;
  for (std::size_t i = 0; i < order.size(); ++i) {
    item.choices[i] = before[order[i]];
    words.push_back(std::to_string(order[i]));
  }
  item.fields["choice_order"] = join(words, " ");
}

void ItemMaker::right_answer(const BenchmarkRow& row, EvalItem& item) const {
  for (const char* role : {"answer", "refs"})
    for (const std::string& text : fields_.texts(row.values, role))
      if (!trim(text).empty()) item.refs.push_back(text);
  if (labels_.set.list.empty() || item.refs.empty() || !fields_.has("answer")) return;
  if (const auto label = labels_.names.find(item.refs.front()))
    item.labels.push_back(*label);
  else
    item.faults.push_back("the answer is not among the labels: " + item.refs.front());
}

void ItemMaker::labels_of(const BenchmarkRow& row, EvalItem& item) const {
  if (!fields_.has("label") && !fields_.has("labels")) return;
  std::vector<std::string> shown;
  for (const char* role : {"label", "labels"})
    for (const std::string& text : fields_.texts(row.values, role)) {
      if (trim(text).empty()) continue;
      const auto label = labels_.names.find(text);
      if (!label) {
        item.faults.push_back("the label is not in the list: " + text);
        shown.push_back(text);
      } else if (std::find(item.labels.begin(), item.labels.end(), *label) == item.labels.end()) {
        item.labels.push_back(*label);
        shown.push_back(labels_.set.shown(*label));
      }
    }
  if (shown.empty() && !labels_.set.empty.empty()) shown.push_back(labels_.set.empty);
  if (!shown.empty()) item.refs = {join(shown, ", ")};
}

// The answer in the form that `marked_fields` reads.
void ItemMaker::marked(const BenchmarkRow& row, EvalItem& item) const {
  if (!benchmark_.official || !benchmark_.official->more.contains("marks")) return;
  std::vector<std::string> parts;
  for (const Json& mark : benchmark_.official->more.at("marks")) {
    const std::string until = mark.at("until");
    parts.push_back(mark.at("after").get<std::string>() +
                    fields_.text(row.values, mark.at("field").get<std::string>()) +
                    (until == "<end>" ? "" : until));
  }
  item.refs = {join(parts, " ")};
}

void ItemMaker::gold(EvalItem& item) const {
  const bool withheld = benchmark_.data.contains("answers");
  if (item.refs.empty() && !withheld) item.faults.push_back("has no right answer");
  if (item.choices.empty() && item.task == "mcq")
    for (const std::string& label : labels_.set.list) item.choices.push_back(labels_.set.shown(label));
  if (item.choices.empty()) {
    if (item.task == "mcq") item.faults.push_back("has no options");
    return;
  }
  if (!item.refs.empty()) {
    item.gold_index = gold_among(item.choices, item.refs.front());
    if (item.gold_index < 0)
      item.faults.push_back("the right answer is not among the options: " + item.refs.front());
  }
  for (std::size_t i = 0; i < item.choices.size(); ++i) {
    if (trim(item.choices[i]).empty()) {
      if (!benchmark_.data.value("keep_missing_choices", false))
        item.faults.push_back("option " + std::to_string(i + 1) + " is empty");
      continue;
    }
    for (std::size_t k = 0; k < i; ++k)
      if (item.choices[k] == item.choices[i]) {
        item.faults.push_back("options " + std::to_string(k + 1) + " and " + std::to_string(i + 1) +
                              " are equal");
        break;
      }
  }
}

std::string ItemMaker::group(const BenchmarkRow& row, const EvalItem& item, const std::string& name) const {
  if (name == "duration_bucket") return duration_bucket(fields_.text(row.values, "duration"));
  if (name == "label" && fields_.has("label"))
    return item.labels.empty() ? fields_.text(row.values, "label") : item.labels.front();
  if (fields_.has(name)) return fields_.text(row.values, name);
  const Json value = value_at(row.values, name);
  if (!value.is_array()) return value_text(value);
  std::vector<std::string> texts;
  for (const Json& each : value) texts.push_back(value_text(each));
  return join(texts, ", ");
}

void ItemMaker::groups(const BenchmarkRow& row, EvalItem& item) const {
  std::set<std::string> names(benchmark_.by.begin(), benchmark_.by.end());
  names.insert("category");
  for (const std::string& name : names)
    if (const std::string value = group(row, item, name); !value.empty()) item.groups[name] = value;
}

std::vector<std::string> ItemMaker::unknown_groups(const BenchmarkRows& rows) const {
  std::vector<std::string> unknown;
  for (const std::string& name : benchmark_.by) {
    const bool known = std::any_of(rows.list.begin(), rows.list.end(),
                                   [&](const BenchmarkRow& row) { return !group(row, {}, name).empty(); });
    if (!known) unknown.push_back(name);
  }
  return unknown;
}

}  // namespace af2
