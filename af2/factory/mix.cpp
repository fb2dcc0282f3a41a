#include "af2/factory/mix.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/options.h"
#include "af2/core/random.h"
#include "af2/data/vocabulary.h"
#include "af2/factory/balance.h"
#include "af2/factory/mix_plan.h"
#include "af2/factory/set_files.h"
#include "af2/factory/set_input.h"
#include "af2/io/atomic_file.h"

namespace af2 {
namespace fs = std::filesystem;
using detail::MixEntry;
namespace {

constexpr const char* kDefaultSplit = "train";  // of items of a set that say none (set_files.h)
constexpr const char* kAbout = "mix.json";

std::string dump(const Json& json, int indent = -1) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

// Eight digits that stand for a text.
std::string digits_of(const std::string& text) {
  return fmt::format("{:08x}", fnv1a64(text) & 0xffffffffU);
}

fs::path absolute_of(const fs::path& path) {
  const fs::path whole = fs::absolute(path).lexically_normal();
  return whole.has_filename() ? whole : whole.parent_path();
}

bool same_words(const LabelInfo& a, const LabelInfo& b) {
  return a.phrase == b.phrase && a.short_name == b.short_name && a.sentence == b.sentence &&
         a.synonyms == b.synonyms && a.family == b.family && a.parents == b.parents;
}

class Mixer {
 public:
  Mixer(const std::vector<MixInput>& inputs, const fs::path& out, const MixOptions& options,
        const ManifestRead& read)
      : options_(options), read_(read), out_(absolute_of(out)), to_lines_(out_.extension() == ".jsonl") {
    if (!options.shares.empty()) table_ = read_shares(options.shares);
    open(inputs);
    check_out(out);
  }

  MixResult run() {
    for (std::size_t i = 0; i < sources_.size(); ++i) read_input(i);
    detail::sort_entries(entries_);
    if (entries_.empty()) throw data_error("no item is left", "the inputs", why_none());
    detail::check_splits(entries_, result_.inputs, options_.allow_mixed_splits);
    detail::drop_duplicates(entries_, result_.inputs);
    name_apart();
    const detail::MixQuotas quotas = detail::plan_mix(entries_, result_.inputs, table_, options_);
    result_.items = quotas.n, result_.possible = quotas.possible, result_.absent = quotas.absent;
    for (const auto& [skill, weight] : table_.rows) result_.shares.push_back({skill, weight});
    if (!table_.rows.empty())
      for (const MixEntry& entry : entries_)
        ++result_.shares[entry.share].available, result_.shares[entry.share].taken += entry.copies;
    if (options_.dry_run) return std::move(result_);
    if (to_lines_)
      write_lines();
    else
      write_set();
    return std::move(result_);
  }

 private:
  // Sorted by file, so that their order in the command says nothing.
  void open(const std::vector<MixInput>& inputs) {
    if (inputs.empty()) throw user_error("no input is named", "--in", "as in --in sets/a --in sets/b");
    std::vector<std::pair<SetInput, std::optional<double>>> all;
    std::size_t weighted = 0;
    for (const MixInput& input : inputs) {
      all.emplace_back(set_input_of(input.path), input.weight);
      weighted += input.weight.has_value();
      if (all.back().first.is_records())
        throw user_error("holds records, no questions", input.path,
                         "`af2 data skills` and `af2 data long` ask about them");
    }
    if (weighted != 0 && weighted != inputs.size())
      throw user_error("some inputs have a weight and others have none", "--in",
                       "give all of them one, or none");
    std::sort(all.begin(), all.end(),
              [](const auto& a, const auto& b) { return a.first.file < b.first.file; });
    for (auto& [source, weight] : all) {
      if (!sources_.empty() && sources_.back().file == source.file)
        throw user_error("is named twice", source.path, "name it once, with the sum of the weights");
      MixOfInput& counts = result_.inputs.emplace_back();
      counts.path = source.path, counts.form = source.form, counts.weight = weight;
      sources_.push_back(std::move(source));
    }
  }

  void check_out(const fs::path& named) {
    const bool sets =
        std::all_of(sources_.begin(), sources_.end(), [](const SetInput& s) { return s.is_set(); });
    if (!sets && !to_lines_)
      throw user_error("must end in .jsonl", "--out " + named.string(),
                       "manifests give a manifest; only sets alone give a set");
    std::error_code ignored;
    const auto same = [&](const fs::path& path) {
      return path == out_ || fs::equivalent(path, out_, ignored);
    };
    for (const SetInput& source : sources_)
      if (same(source.file) || (!source.records.empty() && same(source.records)) ||
          (!to_lines_ && same(source.folder)))
        throw user_error("is one of the inputs", "--out " + named.string(), "name another place");
    if (!to_lines_ && fs::exists(out_ / "items.jsonl", ignored) && !fs::exists(out_ / kAbout, ignored))
      throw user_error("holds a set that no mix made", "--out " + named.string(), "name another folder");
    folder_ = to_lines_ ? out_.parent_path() : out_;
  }

  std::string from_out(const std::string& audio) const {
    return audio.empty() ? audio : fs::path(audio).lexically_proximate(folder_).generic_string();
  }

  // Whether the item is asked for; with its share.
  bool wanted(MixOfInput& counts, const std::string& split, const std::string& skill, int row,
              MixEntry& entry) {
    ++counts.read;
    if (!options_.split.empty() && split != options_.split) {
      ++counts.other_split;
      return false;
    }
    if (!table_.rows.empty() && row < 0) {
      ++counts.no_share, ++result_.no_share[skill.empty() ? "none" : skill];
      return false;
    }
    entry.share = table_.rows.empty() ? 0 : static_cast<std::size_t>(row);
    entry.split = split;
    return true;
  }

  void read_input(std::size_t i) {
    const SetInput& source = sources_[i];
    MixOfInput& counts = result_.inputs[i];
    const auto take = [&](MixEntry entry, const Item& item) {
      entry.input = i;
      entry.id = item.id, entry.group = item.group, entry.audio = item.audio;
      entry.question = question_key(item), entry.answer = answer_key_of(item);
      entries_.push_back(std::move(entry));
    };
    if (source.is_set()) {
      for_each_item_of(source, read_, counts.left_out, [&](Item&& item) {
        MixEntry entry;
        const std::string skill = skill_key(item);
        if (!wanted(counts, item.split.empty() ? kDefaultSplit : item.split, skill,
                    table_.row_of_skill(skill), entry))
          return;
        entry.name = item.id;
        entry.place = to_lines_ ? lines_.size() : items_.size();
        take(entry, item);
        item.audio = from_out(item.audio);
        if (to_lines_)
          lines_.push_back(line_of(item));
        else
          items_.push_back(std::move(item));
      });
      return;
    }
    for_each_line_of(source, read_, counts.left_out, [&](ManifestItem&& line) {
      MixEntry entry;
      const Item item = item_of_line(line);
      if (!wanted(counts, item.split, line.task, table_.row_of_task(line.task), entry)) return;
      // A line without an id is called by its text, in which its sound is what its own folder calls it.
      ManifestItem own = line;
      own.audio = own_name(line.audio, source);
      const TextKey key = text_key(manifest_line(own));
      entry.name = line.id.empty() ? fmt::format("line/{:016x}{:016x}", key.a, key.b) : line.id;
      entry.place = lines_.size();
      take(entry, item);
      line.audio = from_out(line.audio);
      if (!item.split.empty() && (line.meta.is_null() || line.meta.is_object()))
        line.meta["split"] = item.split;
      lines_.push_back(std::move(line));
    });
  }

  static ManifestItem line_of(const Item& item) {
    ManifestItem line = manifest_item(item);
    line.meta["split"] = item.split.empty() ? kDefaultSplit : item.split;
    if (!item.group.empty()) line.meta["group"] = item.group;
    return line;
  }

  std::string why_none() const {
    std::int64_t other = 0, without = 0;
    for (const MixOfInput& input : result_.inputs) other += input.other_split, without += input.no_share;
    return fmt::format("{} are not of the split {}, {} of no skill with a share", other,
                       options_.split.empty() ? "asked for" : options_.split, without);
  }

  // An id that stands for several things gets an ending for each.
  void name_apart() {
    std::unordered_map<std::string, int> times;
    for (const MixEntry& entry : entries_)
      if (!entry.id.empty()) ++times[entry.id];
    for (MixEntry& entry : entries_) {
      if (entry.id.empty() || times[entry.id] < 2) continue;
      ++result_.renamed;
      std::string name = entry.id + "-" + digits_of(text_of(entry));
      while (times.contains(name)) name += "x";
      times.emplace(name, 1);
      entry.id = entry.name = name;
      (to_lines_ ? lines_[entry.place].id : items_[entry.place].id) = name;
    }
    if (result_.renamed > 0) detail::sort_entries(entries_);
    for (const auto& [id, n] : times) ids_.insert(id);
  }
  // What an item says, with its sound as its own folder calls it: the same wherever the mix goes.
  std::string text_of(const MixEntry& entry) const {
    const std::string audio = own_name(entry.audio, sources_[entry.input]);
    if (to_lines_) {
      ManifestItem line = lines_[entry.place];
      line.audio = audio;
      return manifest_line(line);
    }
    Item item = items_[entry.place];
    item.audio = audio;
    return item_line(item);
  }
  static std::string own_name(const std::string& audio, const SetInput& source) {
    return fs::path(audio).lexically_proximate(source.folder).generic_string();
  }

  // The id of copy k, from 0.
  std::string copy_id(const std::string& id, std::int64_t k) {
    if (k == 0 || id.empty()) return id;
    std::string name = id + "-copy" + std::to_string(k + 1);
    while (!ids_.insert(name).second) name += "x";
    return name;
  }

  void write_lines() {
    if (!folder_.empty()) fs::create_directories(folder_);
    std::vector<ManifestItem> lines;
    for (const MixEntry& entry : entries_)
      for (std::int64_t k = 0; k < entry.copies; ++k) {
        lines.push_back(lines_[entry.place]);
        lines.back().id = copy_id(entry.id, k);
      }
    std::stable_sort(lines.begin(), lines.end(),
                     [](const ManifestItem& a, const ManifestItem& b) { return a.id < b.id; });
    AtomicFile file(out_);
    for (const ManifestItem& line : lines) file.write(manifest_line(line) + "\n");
    file.commit();
    result_.files = {out_.string()};
  }

  void write_set() {
    fs::create_directories(out_);
    const std::vector<Record> records = records_of_chosen();
    std::vector<Item> items;
    for (const MixEntry& entry : entries_)
      for (std::int64_t k = 0; k < entry.copies; ++k) {
        items.push_back(items_[entry.place]);
        items.back().id = copy_id(entry.id, k);
      }
    std::sort(items.begin(), items.end(), [](const Item& a, const Item& b) { return a.id < b.id; });
    std::vector<std::string>& files = result_.files;
    const std::string name = options_.name.empty() ? out_.filename().string() : options_.name;
    files = write_af2_manifests(out_, name, items);
    write_jsonl_manifest(out_ / "manifest.jsonl", items), files.push_back("manifest.jsonl");
    if (write_words()) files.push_back("labels.tsv");
    write_item_set(out_, items, records), files.push_back("items.jsonl");
    if (!records.empty()) files.push_back("records.jsonl");
    files.push_back(kAbout);
    std::sort(files.begin(), files.end());
    remove_old();
    write_file_atomic(out_ / kAbout, dump(about(), 1) + "\n");
  }

  // What the chosen items ask about. Records of one id that say different things get an ending each.
  std::vector<Record> records_of_chosen() {
    std::vector<std::unordered_set<std::string>> asked(sources_.size());
    for (const MixEntry& entry : entries_)
      if (entry.copies > 0) asked[entry.input].insert(items_[entry.place].record);
    struct Found {
      std::size_t input;
      TextKey text;
      std::string digits;
      Record record;
    };
    std::map<std::string, std::vector<Found>> by_id;
    for (std::size_t i = 0; i < sources_.size(); ++i)
      for_each_record_of(sources_[i], [&](Record&& record) {
        if (!asked[i].contains(record.id)) return;
        record.audio = from_out(record.audio);
        const std::string id = record.id, line = record_line(record);
        by_id[id].push_back({i, text_key(line), digits_of(line), std::move(record)});
      });
    std::vector<Record> records;
    std::map<std::pair<std::size_t, std::string>, std::string> new_ids;
    for (auto& [id, found] : by_id) {
      const bool one = std::all_of(found.begin(), found.end(),
                                   [&, &all = found](const Found& f) { return f.text == all.front().text; });
      std::set<std::string> taken;
      for (Found& f : found) {
        const std::string name = one ? id : id + "-" + f.digits;
        if (!one) new_ids[{f.input, id}] = name, ++result_.renamed;
        if (!taken.insert(name).second) continue;
        f.record.id = name;
        records.push_back(std::move(f.record));
      }
    }
    for (const MixEntry& entry : entries_)
      if (const auto found = new_ids.find({entry.input, items_[entry.place].record}); found != new_ids.end())
        items_[entry.place].record = found->second;
    return records;
  }

  // The words of all inputs; where two word a label differently, those of the first.
  bool write_words() {
    std::map<std::string, LabelInfo> words;
    std::error_code ignored;
    for (const SetInput& source : sources_) {
      if (!fs::is_regular_file(source.folder / "labels.tsv", ignored)) continue;
      for (LabelInfo& label : read_label_table(source.folder / "labels.tsv")) {
        const auto [place, is_new] = words.try_emplace(label.name, label);
        if (!is_new && !same_words(place->second, label)) result_.other_words.push_back(label.name);
      }
    }
    if (words.empty()) return false;
    std::vector<LabelInfo> labels;
    for (auto& [name, label] : words) labels.push_back(std::move(label));
    write_label_table(out_ / "labels.tsv", labels);
    return true;
  }

  // Files of the mix that was here before and is no more.
  void remove_old() const {
    std::error_code ignored;
    if (!fs::exists(out_ / kAbout, ignored)) return;
    const Json old = parse_json(read_file(out_ / kAbout), (out_ / kAbout).string());
    if (!old.is_object() || !old.contains("files") || !old["files"].is_array()) return;
    for (const Json& name : old["files"]) {
      if (!name.is_string()) continue;
      const fs::path file = fs::path(name.get<std::string>()).lexically_normal();
      if (file.is_absolute() || file.empty() || *file.begin() == "..") continue;
      if (std::find(result_.files.begin(), result_.files.end(), file.generic_string()) != result_.files.end())
        continue;
      fs::remove(out_ / file, ignored);
      if (file.has_parent_path()) fs::remove(out_ / file.parent_path(), ignored);  // where it is empty
    }
  }

  // The same whoever runs it from wherever.
  Json about() const {
    MixOptions copy = options_;
    Json options = to_json(copy);
    options.erase("dry_run"), options.erase("shares");
    Json json = {{"made_by", "af2 data mix"}, {"options", options}};
    const Json made = result_.json();
    for (const auto& [key, value] : made.items()) json[key] = value;
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      json["inputs"][i]["path"] = from_out(sources_[i].file.generic_string());
      json["inputs"][i]["sha256"] = sha256_file(sources_[i].file);
    }
    return json;
  }

  const MixOptions& options_;
  const ManifestRead& read_;
  fs::path out_, folder_;  // folder_: that sounds are relative to
  bool to_lines_;
  ShareTable table_;
  std::vector<SetInput> sources_;
  std::vector<MixEntry> entries_;
  std::vector<Item> items_;          // of entries, or
  std::vector<ManifestItem> lines_;  // of entries; sounds from folder_
  std::unordered_set<std::string> ids_;
  MixResult result_;
};

}  // namespace

MixResult mix(const std::vector<MixInput>& inputs, const fs::path& out, const MixOptions& options,
              const ManifestRead& read) {
  if (options.n < 0) throw user_error("must not be negative", "--n");
  if (options.repeat && options.n == 0)
    throw user_error("needs a number of items", "--repeat", "give --n 10000");
  return Mixer(inputs, out, options, read).run();
}

}  // namespace af2
