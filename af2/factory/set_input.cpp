#include "af2/factory/set_input.h"

#include <algorithm>
#include <fstream>

#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/data/answers.h"
#include "af2/data/table.h"
#include "af2/factory/balance.h"
#include "af2/factory/set_files.h"
#include "af2/text/prompt.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

// What the first line of a file of lines holds.
std::string form_of_lines(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw data_error("cannot open", path.string(), "name a file that may be read");
  std::string line;
  for (std::size_t number = 1; std::getline(file, line); ++number) {
    if (trim(line).empty()) continue;
    const std::string where = line_of(path.string(), number);
    const Json json = parse_json(line, where);
    const auto has = [&](const char* key) { return json.is_object() && json.contains(key); };
    if (has("question")) return "items";
    if (has("prompt") || (has("audio") && has("output"))) return "jsonl";
    if (has("captions") && !has("id"))
      throw data_error("is a pair for AF-CLAP, no question", where, "`af2 data check` counts those");
    if (has("id") && has("audio")) return "records";
    throw data_error("is no question, no record and no line of a manifest", where,
                     "a manifest's lines have audio, prompt and output");
  }
  throw data_error("has no lines", path.string());
}

// The option that an answer names by its letter, "(B) yyy", or by its text; -1: none.
int option_named(const std::string& answer, const std::vector<std::string>& options) {
  if (answer.size() > 3 && answer[0] == '(' && answer[2] == ')' && answer[3] == ' ') {
    const int i = answer[1] - 'A';
    return i >= 0 && i < static_cast<int>(options.size()) ? i : -1;
  }
  // "(B)(A)" is an order of letters, not the option B.
  if (letter_sequence(answer).size() > 1) {
    const auto found = std::find(options.begin(), options.end(), answer);
    return found == options.end() ? -1 : static_cast<int>(found - options.begin());
  }
  return match_option(answer, options);
}

fs::path absolute_of(const fs::path& folder, const std::string& audio) {
  return audio.empty() ? fs::path() : fs::absolute(folder / audio).lexically_normal();
}

}  // namespace

SetInput set_input_of(const std::string& path) {
  SetInput input;
  input.path = path;
  std::error_code ignored;
  const fs::path given = fs::absolute(path).lexically_normal();
  if (fs::is_directory(given, ignored)) {
    const auto there = [&](const char* name) { return fs::is_regular_file(given / name, ignored); };
    if (!there("items.jsonl") && !there("records.jsonl"))
      throw data_error("has neither items.jsonl nor records.jsonl", path,
                       there("clap.jsonl") ? "pairs for AF-CLAP are counted by `af2 data check`"
                                           : "name a set, a folder of scenes, or a file");
    input.form = there("items.jsonl") ? "items" : "records";
    input.file = given / (input.form + ".jsonl");
  } else {
    if (!fs::exists(given, ignored)) throw data_error("is not there", path, "name a file or a folder");
    if (given.extension() == ".tar")
      throw data_error("is a tar shard", path, "`af2 data convert` makes a manifest and sounds of it");
    input.file = given;
    input.form = given.extension() == ".jsonl" ? "jsonl" : manifest_format(given);
    if (input.form == "jsonl") input.form = form_of_lines(given);
  }
  input.folder = input.file.parent_path();
  if (input.is_records()) input.records = input.file;
  if (input.is_set() && fs::is_regular_file(input.folder / "records.jsonl", ignored))
    input.records = input.folder / "records.jsonl";
  return input;
}

Item item_of_line(const ManifestItem& line) {
  Item item;
  item.id = line.id, item.audio = line.audio, item.skill = line.task, item.split = line.split;
  item.start = line.start_s.value_or(0), item.duration = line.duration_s.value_or(0);
  const auto said = [&](const char* key) {
    return line.meta.is_object() && line.meta.contains(key) && line.meta[key].is_string()
               ? line.meta[key].get<std::string>()
               : std::string();
  };
  item.type = said("type"), item.level = said("level"), item.form = said("form");
  item.group = said("group"), item.licence = said("licence");
  item.source = said("source").empty() ? said("dataset") : said("source");
  if (item.split.empty()) item.split = said("split");
  item.question = line.prompt;
  item.answer = line.outputs.empty() ? "" : line.outputs[0];
  SplitPrompt split = split_choices(line.prompt);
  if (const int right = split.choices.empty() ? -1 : option_named(item.answer, split.choices); right >= 0) {
    item.question = split.question, item.options = std::move(split.choices), item.answer_index = right;
    item.answer = item.options[static_cast<std::size_t>(right)];
    if (item.form.empty()) item.form = "choice";
  } else if (const std::string plain = trim(item.answer); item.form.empty() && plain.size() <= 4) {
    if (parse_yes_no(plain)) item.form = "yes_no";  // "yes", "No."
  }
  return item;
}

void for_each_item_of(const SetInput& input, const ManifestRead& options, RecordCounts& left_out,
                      const std::function<void(Item&& item)>& give) {
  if (input.is_records()) return;
  if (input.is_set()) {
    for_each_item(input.file, [&](Item&& item) {
      item.audio = absolute_of(input.folder, item.audio).generic_string();
      give(std::move(item));
    });
  } else {
    for_each_line_of(input, options, left_out, [&](ManifestItem&& line) { give(item_of_line(line)); });
  }
}

void for_each_line_of(const SetInput& input, const ManifestRead& options, RecordCounts& left_out,
                      const ManifestSink& give) {
  if (input.is_set() || input.is_records()) return;
  ManifestRead read = options;
  if (read.format == "auto") read.format = input.form;
  for_each_manifest_item(input.file, read, left_out, [&](ManifestItem&& line) {
    line.audio = fs::absolute(line.audio).lexically_normal().generic_string();
    give(std::move(line));
  });
}

void for_each_record_of(const SetInput& input, const std::function<void(Record&& record)>& give) {
  if (input.records.empty()) return;
  for_each_record(input.records, [&](Record&& record) {
    record.audio = absolute_of(input.folder, record.audio).generic_string();
    give(std::move(record));
  });
}

}  // namespace af2
