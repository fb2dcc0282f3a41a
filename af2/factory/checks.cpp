#include "af2/factory/checks.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_map>

#include "af2/core/text_util.h"
#include "af2/core/workers.h"
#include "af2/data/text_terms.h"
#include "af2/factory/rules/recheck.h"

namespace af2 {
namespace {

bool one_of(const std::string& text, std::initializer_list<const char*> list) {
  return std::any_of(list.begin(), list.end(), [&](const char* word) { return text == word; });
}

void fault(std::vector<ItemFault>& faults, const char* reason, std::string detail) {
  faults.push_back({reason, std::move(detail)});
}

using ClipKey = std::tuple<std::string, double, double>;

}  // namespace

ItemChecker::ItemChecker(const Vocabulary& words, CheckOptions options)
    : words_(words), options_(std::move(options)) {
  for (const std::string& licence : options_.allow_licence) allowed_.insert(normal_licence(licence));
}

std::vector<ItemFault> ItemChecker::faults(const Item& item, const Record* record) const {
  std::vector<ItemFault> found;
  check_form(item, found);
  check_texts(item, found);
  check_options(item, record, found);
  if (record) {
    check_rules(item, *record, found);
  } else {
    fault(found, "record/missing", item.record);
  }
  check_licence(item, found);
  return found;
}

void ItemChecker::check_form(const Item& item, std::vector<ItemFault>& faults) const {
  const bool skill =
      item.is_long
          ? one_of(item.skill, {"captioning", "plot", "needle", "complex", "subscene", "temporal", "general"})
          : one_of(item.skill, {"temporal", "attribute", "counting", "contextual_sound", "contextual_speech",
                                "information", "general", "foundational"});
  if (!skill) fault(faults, "form/skill", item.skill);
  if (item.type.empty()) fault(faults, "form/type", "none");
  if (!one_of(item.form, {"choice", "yes_no", "short", "open"})) fault(faults, "form/form", item.form);
  if (item.form == "choice" && item.options.empty()) fault(faults, "form/form", "a choice without options");
  if ((item.form == "short" || item.form == "open") && !item.options.empty())
    fault(faults, "form/form", item.form + " with options");
  if (!item.level.empty() && !one_of(item.level, {"easy", "medium", "hard", "1", "2", "3"}))
    fault(faults, "form/level", item.level);
  if (!item.split.empty() && !one_of(item.split, {"train", "val", "test"}))
    fault(faults, "form/split", item.split);
  if (!(item.duration > 0) || item.start < 0) {
    fault(faults, "form/duration", std::to_string(item.duration));
  } else {
    if (!item.is_long && item.duration > options_.short_clip_s + options_.duration_tolerance_s)
      fault(faults, "form/duration", std::to_string(item.duration) + " s is no short clip");
    if (item.is_long && options_.long_clip_s > 0 && item.duration > options_.long_clip_s)
      fault(faults, "form/duration", std::to_string(item.duration) + " s is longer than is asked for");
    for (const ItemEvidence& e : item.evidence)
      if (e.onset < 0 || e.offset <= e.onset || e.offset > item.duration + 0.1) {
        fault(faults, "form/evidence",
              e.label + " " + std::to_string(e.onset) + " to " + std::to_string(e.offset));
        break;
      }
  }
  if (item.audio.empty()) fault(faults, "form/audio", "none");
}

void ItemChecker::check_rules(const Item& item, const Record& record, std::vector<ItemFault>& faults) const {
  const std::string why = item_problem(item, record, words_, options_.margins);
  if (why.empty()) return;
  // A wrong answer of the rules themselves is a bug, not a bad draw.
  fault(faults, item.generator == "rules" ? "rules/bug" : "rules/wrong_answer", why);
}

void ItemChecker::check_licence(const Item& item, std::vector<ItemFault>& faults) const {
  if (allowed_.empty()) return;
  // A scene has the licences of all its sounds.
  std::string list = item.licence;
  std::replace(list.begin(), list.end(), '|', ';');
  std::replace(list.begin(), list.end(), ',', ';');
  for (const std::string& licence : split(list, ';'))
    if (!allowed_.contains(normal_licence(licence))) {
      fault(faults, "licence/not_allowed", trim(licence).empty() ? "none" : trim(licence));
      return;
    }
}

std::string normal_licence(std::string_view licence) {
  std::string normal;
  for (const char c : licence) {
    if (c >= 'A' && c <= 'Z') normal += static_cast<char>(c + 32);
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '+') normal += c;
  }
  return normal;
}

SetCheck check_items(std::vector<Item>& items, const std::vector<Record>& records, const ItemChecker& checker,
                     const std::filesystem::path& folder, const FaultSink& sink, int threads) {
  std::unordered_map<std::string, const Record*> record_of;
  for (const Record& record : records) record_of.emplace(record.id, &record);
  std::map<ClipKey, std::vector<ItemFault>> clips;
  if (!folder.empty()) {
    std::set<std::string> cut;  // files that several stretches are taken from
    for (const Item& item : items) {
      clips[{item.audio, item.start, item.duration}];
      if (item.start > 0) cut.insert(item.audio);
    }
    std::vector<std::pair<const ClipKey, std::vector<ItemFault>>*> list;
    for (auto& clip : clips) list.push_back(&clip);
    for_each_by(threads, list.size(), [&](std::size_t i) {
      auto& [key, faults] = *list[i];
      const auto& [audio, start, duration] = key;
      faults = audio_faults(folder / audio, start, duration, cut.contains(audio),
                            checker.options().duration_tolerance_s);
    });
  }
  SetCheck result;
  result.keep.assign(items.size(), 1);
  std::set<std::string_view> ids;
  for (std::size_t i = 0; i < items.size(); ++i) {
    Item& item = items[i];
    const auto record = record_of.find(item.record);
    std::vector<ItemFault> faults =
        checker.faults(item, record == record_of.end() ? nullptr : record->second);
    if (!ids.insert(item.id).second) fault(faults, "id/twice", item.id);
    if (!folder.empty()) {
      const auto& heard = clips.at({item.audio, item.start, item.duration});
      faults.insert(faults.end(), heard.begin(), heard.end());
    }
    std::set<std::string> told;
    for (const ItemFault& f : faults) {
      if (sink) sink(item, f);
      if (told.insert(f.reason).second) result.counts.drop(f.reason, item.id + ": " + f.detail);
    }
    if (!faults.empty()) {
      result.keep[i] = 0;
      ++result.failed;
      continue;
    }
    std::vector<std::string> passed = {"form", "texts", "options"};
    if (knows_type(item)) passed.push_back("rules");
    if (!checker.options().allow_licence.empty()) passed.push_back("licence");
    if (!folder.empty()) passed.push_back("audio");
    for (const std::string& check : passed)
      if (std::find(item.checks.begin(), item.checks.end(), check) == item.checks.end())
        item.checks.push_back(check);
  }
  return result;
}

}  // namespace af2
