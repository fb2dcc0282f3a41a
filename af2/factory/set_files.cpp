#include "af2/factory/set_files.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <unordered_map>

#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/data/table.h"
#include "af2/factory/lead.h"
#include "af2/io/atomic_file.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

template <class T>
std::vector<const T*> by_id(const std::vector<T>& list) {
  std::vector<const T*> sorted;
  for (const T& value : list) sorted.push_back(&value);
  std::stable_sort(sorted.begin(), sorted.end(), [](const T* a, const T* b) { return a->id < b->id; });
  return sorted;
}

template <class T, class Read, class Give>
void for_each_line(const fs::path& path, const Read& read, const Give& give) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw data_error("cannot open", path.string(), "a set folder has items.jsonl and records.jsonl");
  std::set<std::string> ids;
  std::string line;
  for (std::size_t number = 1; std::getline(file, line); ++number) {
    if (trim(line).empty()) continue;
    const std::string where = line_of(path.string(), number);
    T value = read(parse_json(line, where), where);
    if (!ids.insert(value.id).second) throw data_error("id stands twice: " + value.id, where);
    give(std::move(value));
  }
  if (ids.empty()) throw data_error("has no lines", path.string());
}

template <class T, class Read>
std::vector<T> read_lines(const fs::path& path, const Read& read) {
  std::vector<T> list;
  for_each_line<T>(path, read, [&](T&& value) { list.push_back(std::move(value)); });
  std::sort(list.begin(), list.end(), [](const T& a, const T& b) { return a.id < b.id; });
  return list;
}

std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// The folder that all paths begin with, one level deep; nothing where they differ.
std::string shared_folder(const std::vector<const Item*>& items) {
  std::string folder;
  for (const Item* item : items) {
    const std::size_t slash = item->audio.find('/');
    if (slash == std::string::npos || slash == 0) return "";
    const std::string own = item->audio.substr(0, slash);
    if (own == ".." || own == "." || (!folder.empty() && folder != own)) return "";
    folder = own;
  }
  return folder;
}

template <class Keep>
void write_set(const fs::path& folder, const std::vector<Item>& items, const std::vector<Record>& records,
               const Keep& keep) {
  fs::create_directories(folder);
  std::vector<const Record*> kept;
  for (const Record* record : by_id(records))
    if (keep(*record)) kept.push_back(record);
  if (!kept.empty()) {
    AtomicFile out(folder / "records.jsonl");
    for (const Record* record : kept) out.write(record_line(*record) + "\n");
    out.commit();
  }
  write_items(folder / "items.jsonl", items);
}

}  // namespace

bool is_item_set(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) return fs::is_regular_file(path / "items.jsonl", ignored);
  return path.filename() == "items.jsonl" && fs::is_regular_file(path, ignored);
}

ItemSet read_item_set(const fs::path& path) {
  ItemSet set;
  std::error_code ignored;
  set.folder = fs::is_directory(path, ignored) ? path : path.parent_path();
  set.items = read_lines<Item>(set.folder / "items.jsonl", item_from_json);
  if (fs::exists(set.folder / "records.jsonl", ignored))
    set.records = read_lines<Record>(set.folder / "records.jsonl", record_from_json);
  return set;
}

void for_each_item(const fs::path& file, const std::function<void(Item&& item)>& give) {
  for_each_line<Item>(file, item_from_json, give);
}

void for_each_record(const fs::path& file, const std::function<void(Record&& record)>& give) {
  for_each_line<Record>(file, record_from_json, give);
}

void write_items(const fs::path& file, const std::vector<Item>& items) {
  AtomicFile out(file);
  for (const Item* item : by_id(items)) out.write(item_line(*item) + "\n");
  out.commit();
}

void write_item_set(const fs::path& folder, const std::vector<Item>& items,
                    const std::vector<Record>& records) {
  write_set(folder, items, records, [](const Record&) { return true; });
}

void write_asked_set(const fs::path& folder, const std::vector<Item>& items,
                     const std::vector<Record>& records) {
  std::set<SharedText> asked;
  for (const Item& item : items) asked.insert(item.record);
  write_set(folder, items, records, [&](const Record& record) { return asked.contains(record.id); });
}

ManifestItem manifest_item(const Item& item) {
  ManifestItem line;
  line.audio = item.audio, line.prompt = prompt_of(item), line.outputs = {output_of(item)};
  if (item.start > 0) line.start_s = item.start;
  if (item.duration > 0) line.duration_s = item.duration;
  line.id = item.id, line.task = item.skill, line.split = item.split;
  line.meta = {{"type", item.type}, {"level", item.level}, {"form", item.form}};
  return line;
}

void write_jsonl_manifest(const fs::path& file, const std::vector<Item>& items) {
  AtomicFile out(file);
  for (const Item* item : by_id(items)) out.write(manifest_line(manifest_item(*item)) + "\n");
  out.commit();
}

void write_jsonl_manifest(const fs::path& file, const std::vector<Item>& items,
                          const std::vector<Record>& records, const Vocabulary& words) {
  std::unordered_map<std::string, const Record*> known;
  for (const Record& record : records) known.emplace(record.id, &record);
  AtomicFile out(file);
  for (const Item* item : by_id(items)) {
    ManifestItem line = manifest_item(*item);
    const auto record = known.find(item->record.str());
    const std::string lead = lead_of(*item, words, record == known.end() ? nullptr : record->second);
    if (!lead.empty()) line.meta["lead"] = lead;
    out.write(manifest_line(line) + "\n");
  }
  out.commit();
}

std::vector<std::string> write_af2_manifests(const fs::path& folder, const std::string& name,
                                             const std::vector<Item>& items) {
  std::map<std::string, std::vector<const Item*>> files;
  for (const Item* item : by_id(items))
    files[name + "-" + item->skill + "/" + (item->split.empty() ? "train" : item->split) + ".json"].push_back(
        item);
  std::vector<std::string> names;
  for (const auto& [file, list] : files) {
    names.push_back(file);
    fs::create_directories((folder / file).parent_path());
    const std::string shared = shared_folder(list), task = fs::path(file).parent_path().string();
    AtomicFile out(folder / file);
    const Json head = {{"split", fs::path(file).stem().string()},
                       {"split_path", shared},
                       {"flamingo_task", task},
                       {"total_num", list.size()}};
    std::string start = text_of(head);
    start.pop_back();
    out.write(start + ",\"data\":{");
    for (std::size_t i = 0; i < list.size(); ++i) {
      const Item& item = *list[i];
      Json entry = {{"name", shared.empty() ? item.audio.str() : item.audio.substr(shared.size() + 1)},
                    {"prompt", prompt_of(item)},
                    {"output", output_of(item)},
                    {"duration", item.duration}};
      if (item.start > 0) entry["audio_start"] = item.start;
      out.write((i == 0 ? "\n\"" : ",\n\"") + std::to_string(i) + "\":" + text_of(entry));
    }
    out.write("\n}}\n");
    out.commit();
  }
  return names;
}

std::int64_t write_af3_manifest(const fs::path& file, const std::vector<Item>& items) {
  AtomicFile out(file);
  std::int64_t left_out = 0;
  bool first = true;
  out.write("[");
  for (const Item* item : by_id(items)) {
    if (item->start > 0) {
      ++left_out;
      continue;
    }
    const Json entry = {{"id", item->id},
                        {"sound", item->audio},
                        {"duration", item->duration},
                        {"conversations",
                         {{{"from", "human"}, {"value", "<sound>\n" + prompt_of(*item)}},
                          {{"from", "gpt"}, {"value", output_of(*item)}}}}};
    out.write((first ? "\n" : ",\n") + text_of(entry));
    first = false;
  }
  out.write("\n]\n");
  out.commit();
  return left_out;
}

}  // namespace af2
