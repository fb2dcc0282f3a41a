#include "af2/factory/review/release.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/text_util.h"
#include "af2/factory/balance.h"
#include "af2/factory/review/release_card.h"
#include "af2/factory/set_files.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kNamedProblems = 5;

bool plain_name(const std::string& text) {
  return !text.empty() && text.front() != '.' &&
         text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") ==
             std::string::npos;
}

void check_options(const ReleaseOptions& options) {
  for (const auto& [text, what] : {std::pair(&options.name, "name"), std::pair(&options.version, "version")})
    if (!plain_name(*text))
      throw user_error("is `" + printable(*text, 40) + "`", std::string(what) + " of the release",
                       "use letters, digits, '-', '_' and '.'");
}

std::vector<Item> usable_items(const Review& review) {
  std::vector<Item> items;
  for (const ReviewItem& item : review.items)
    if (status_of(item) == ReviewStatus::kUsable) items.push_back(item_after(item, kReviewRounds));
  return items;
}

// CC BY in any of its versions, alone or in a list of a scene's licences.
bool asks_for_a_name(std::string licences) {
  for (char& c : licences)
    if (c == '|' || c == ',') c = ';';
  const auto list = split(licences, ';');
  return std::any_of(list.begin(), list.end(),
                     [](const std::string& licence) { return normal_licence(licence).starts_with("ccby"); });
}

std::string sound_name(const std::string& sha256, const std::string& audio) {
  std::string ending = fs::path(audio).extension().string();
  for (char& c : ending)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return "audio/" + sha256.substr(0, 16) + ending;
}

std::vector<std::string> files_below(const fs::path& folder) {
  std::vector<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file() && entry.path() != folder / "SHA256SUMS")
      files.push_back(entry.path().lexically_relative(folder).generic_string());
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

std::vector<ReleaseProblem> release_problems(const Review& review, const Vocabulary& words,
                                             const ReleaseOptions& options) {
  check_options(options);
  const ItemChecker checker(words, options.checks);
  std::map<std::string, const Record*> records;
  for (const Record& record : review.records) records[record.id] = &record;
  std::vector<ReleaseProblem> problems;
  std::map<std::string, std::string> hashes;
  std::set<std::string> heard;
  for (const ReviewItem& entry : review.items) {
    const ReviewStatus status = status_of(entry);
    if (status == ReviewStatus::kDiscarded) continue;
    const std::string& id = entry.item.id;
    if (status != ReviewStatus::kUsable) {
      problems.push_back({id, "review/unresolved", status_name(status)});
      continue;
    }
    const Item item = item_after(entry, kReviewRounds);
    const auto add = [&](const ItemFault& fault) {
      // A set without records has nothing to compute answers from.
      if (fault.reason == "record/missing" && review.records.empty()) return;
      problems.push_back({id, fault.reason, fault.detail});
    };
    const auto record = records.find(item.record);
    std::vector<ItemFault> faults;
    if (item.generator == "people") {
      checker.check_form(item, faults);
      checker.check_texts(item, faults);
      checker.check_options(item, nullptr, faults);
      checker.check_licence(item, faults);
    } else {
      faults = checker.faults(item, record == records.end() ? nullptr : record->second);
    }
    for (const ItemFault& fault : faults) add(fault);
    if (item.split != "test") add({"split/not_test", item.split});
    if (trim(item.licence).empty()) add({"licence/none", "say under which licence the clip may be used"});
    if (asks_for_a_name(item.licence) && trim(item.attribution).empty())
      add({"licence/no_attribution", item.licence + " asks for a name"});
    const fs::path sound = review.sound(item);
    const auto [hash, first] = hashes.emplace(item.audio, "");
    if (first && fs::is_regular_file(sound)) hash->second = sha256_file(sound);
    if (hash->second.empty()) {
      add({"audio/missing", sound.string()});
    } else if (hash->second != entry.audio_sha256) {
      add({"audio/changed", sound.string()});
    } else if (heard.insert(clip_key(item)).second) {
      const auto stretch = records.find(item.record);
      const bool cut = item.start > 0 || (stretch != records.end() && stretch->second->start > 0);
      for (const ItemFault& fault :
           audio_faults(sound, item.start, item.duration, cut, options.checks.duration_tolerance_s))
        add(fault);
    }
  }
  std::vector<Item> usable = usable_items(review);
  if (usable.empty() && problems.empty())
    problems.push_back({"", "review/nothing_usable", "no item is left"});
  // A corrected question may have become another one's.
  std::vector<Item> different = usable;
  RecordCounts counts;
  BalanceOptions duplicates;
  duplicates.items_per_clip = 0;
  drop_duplicates(different, duplicates, counts);
  std::set<std::string> left;
  for (const Item& item : different) left.insert(item.id);
  for (const Item& item : usable)
    if (!left.contains(item.id)) problems.push_back({item.id, "duplicate", "says what an earlier item says"});
  return problems;
}

std::size_t write_release(const Review& review, const Vocabulary& words, const fs::path& out,
                          const ReleaseOptions& options) {
  const std::vector<ReleaseProblem> problems = release_problems(review, words, options);
  if (!problems.empty()) {
    std::string first;
    for (std::size_t i = 0; i < std::min(problems.size(), kNamedProblems); ++i)
      first +=
          fmt::format("{}{}: {} ({})", i ? "; " : "", problems[i].id, problems[i].reason, problems[i].detail);
    throw data_error(fmt::format("{} problems stand in the way: {}", problems.size(), first),
                     review.folder.string(), "review these items, or discard them");
  }
  const std::string version = options.name + " " + options.version + "\n";
  if (fs::exists(out) && !fs::is_empty(out) &&
      !(fs::is_regular_file(out / "VERSION") && read_file(out / "VERSION").starts_with(options.name + " ")))
    throw user_error("holds something else than a release of " + options.name, out.string(),
                     "name another folder");

  fs::path part = out;
  part += ".part";
  fs::remove_all(part);
  fs::create_directories(part / "audio");
  std::map<std::string, std::string> hash_of;
  for (const ReviewItem& entry : review.items) hash_of[entry.item.audio] = entry.audio_sha256;
  std::vector<Item> items = usable_items(review);
  for (Item& item : items) {
    const fs::path from = review.sound(item);
    const std::string& hash = hash_of.at(item.audio);
    item.audio = sound_name(hash, item.audio);
    if (!fs::exists(part / item.audio)) {
      std::error_code error;
      fs::copy_file(from, part / item.audio, error);
      if (error) throw resource_error("cannot be copied: " + error.message(), from.string());
      if (sha256_file(part / item.audio) != hash)
        throw resource_error("was not copied whole", from.string(), "run it again");
    }
    if (std::find(item.checks.begin(), item.checks.end(), "review") == item.checks.end())
      item.checks.push_back("review");
  }
  write_items(part / "items.jsonl", items);
  write_jsonl_manifest(part / (options.name + ".jsonl"), items);
  write_af2_manifests(part, options.name, items);
  write_file_atomic(part / "VERSION", version);
  write_file_atomic(part / "CARD.md", release_card(review, items, options.name, options.version));
  std::string sums;
  for (const std::string& file : files_below(part)) sums += sha256_file(part / file) + "  " + file + "\n";
  write_file_atomic(part / "SHA256SUMS", sums);
  fs::remove_all(out);
  fs::rename(part, out);
  return items.size();
}

std::vector<std::string> verify_release(const fs::path& folder) {
  std::vector<std::string> problems;
  std::set<std::string> listed;
  const std::string where = (folder / "SHA256SUMS").string();
  for (const std::string& line : split(read_file(where), '\n')) {
    if (line.empty()) continue;
    if (line.size() < 67 || line.substr(64, 2) != "  ") throw data_error("is no list of SHA-256 sums", where);
    const std::string file = line.substr(66);
    listed.insert(file);
    if (!fs::is_regular_file(folder / file))
      problems.push_back(file + " is missing");
    else if (sha256_file(folder / file) != line.substr(0, 64))
      problems.push_back(file + " has other bytes");
  }
  for (const std::string& file : files_below(folder))
    if (!listed.contains(file)) problems.push_back(file + " is not listed");
  return problems;
}

}  // namespace af2
