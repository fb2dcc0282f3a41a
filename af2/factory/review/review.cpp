#include "af2/factory/review/review.h"

#include <algorithm>
#include <set>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/json.h"
#include "af2/core/json_lines.h"
#include "af2/core/options.h"
#include "af2/core/random.h"
#include "af2/core/text_util.h"
#include "af2/factory/set_files.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

std::string round_file(int round) {
  return "round" + std::to_string(round) + ".jsonl";
}

template <class T>
void read_struct(const Json& json, T& value, const std::string& where) {
  try {
    from_json(json, value, where);
  } catch (const Error& error) {
    throw data_error(error.problem(), error.where(), error.hint());
  }
}

}  // namespace

Review open_review(const fs::path& folder) {
  if (!fs::is_regular_file(folder / "review.json"))
    throw data_error("has no review.json", folder.string(), "make a review with af2 data review sample");
  Review review;
  review.folder = folder;
  const std::string name = (folder / "review.json").string();
  read_struct(parse_json(read_file(name), name), review.settings, name);
  ItemSet set = read_item_set(folder);
  review.records = std::move(set.records);
  std::map<std::string, std::string> hashes;
  each_json_line(folder / "sounds.jsonl", [&](const Json& json, const std::string& where) {
    if (!json.is_object() || !json.contains("audio") || !json["audio"].is_string() ||
        !json.contains("sha256") || !json["sha256"].is_string())
      throw data_error("is no {audio, sha256}", where);
    hashes[json["audio"].get<std::string>()] = json["sha256"].get<std::string>();
  });
  std::map<std::string, std::size_t> places;
  for (Item& item : set.items) {
    const auto hash = hashes.find(item.audio);
    if (hash == hashes.end())
      throw data_error("has no line for " + item.audio, (folder / "sounds.jsonl").string());
    ReviewItem entry{std::move(item), hash->second, false, {}};
    entry.check_drawn =
        Random("af2/factory/review/check/1/" + std::to_string(review.settings.seed) + "/" + entry.item.id)
            .chance(review.settings.check_share);
    places[entry.item.id] = review.items.size();
    review.items.push_back(std::move(entry));
  }
  for (int round = 1; round <= kReviewRounds; ++round) {
    const fs::path file = folder / round_file(round);
    if (!fs::exists(file)) continue;
    each_json_line(file, [&](const Json& json, const std::string& where) {
      ReviewRow row;
      read_struct(json, row, where);
      const auto place = places.find(row.id);
      if (place == places.end()) throw data_error("unknown id " + row.id, where);
      auto& slot = review.items[place->second].rounds[static_cast<std::size_t>(round - 1)];
      if (slot) throw data_error("id " + row.id + " stands twice", where);
      slot = std::move(row);
    });
  }
  return review;
}

void write_round(const Review& review, int round) {
  std::string lines;
  for (const ReviewItem& item : review.items) {
    std::optional<ReviewRow> row = item.rounds[static_cast<std::size_t>(round - 1)];
    if (row) lines += to_json(*row).dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  }
  write_file_atomic(review.folder / round_file(round), lines);
}

std::string version_of(const Item& item) {
  const std::string text = Json{item.question, item.options, item.answer, item.answer_index, item.skill}.dump(
      -1, ' ', false, Json::error_handler_t::replace);
  return sha256_hex(std::as_bytes(std::span(text))).substr(0, 16);
}

std::optional<Item> fixed_item(const Item& shown, const ReviewRow& row, std::string& why) {
  Item item = shown;
  if (!trim(row.question).empty()) item.question = trim(row.question);
  if (!trim(row.category).empty()) item.skill = trim(row.category);
  std::string answer = trim(row.answer).empty() ? shown.answer : trim(row.answer);
  if (!row.options.empty()) {
    item.options.clear();
    for (const std::string& option : row.options) item.options.push_back(trim(option));
  }
  if (!item.options.empty()) {
    std::set<std::string> different(item.options.begin(), item.options.end());
    if (!is_choice_size(item.options.size())) why = "has not 2 to 6 options";
    if (different.size() != item.options.size() || different.contains(""))
      why = "has an option twice or empty";
    if (!why.empty()) return std::nullopt;
    auto place = std::find(item.options.begin(), item.options.end(), answer);
    // A letter, as "B" or "(B)", names an option as well.
    const std::string letter =
        answer.size() == 3 && answer[0] == '(' && answer[2] == ')' ? answer.substr(1, 1) : answer;
    if (place == item.options.end() && !trim(row.answer).empty() && letter.size() == 1 && letter[0] >= 'A' &&
        letter[0] < 'A' + static_cast<int>(item.options.size()))
      place = item.options.begin() + (letter[0] - 'A');
    if (place == item.options.end()) {
      why = "the answer is none of the options";
      return std::nullopt;
    }
    item.answer_index = static_cast<int>(place - item.options.begin());
    answer = *place;
    if (shown.options.empty() && (item.form == "short" || item.form == "open")) item.form = "choice";
  }
  item.answer = answer;
  if (item.options != shown.options || item.answer != shown.answer ||
      item.answer_index != shown.answer_index) {
    // The answer is now a person's word: what it was computed from no longer tells it.
    item.kinds.clear();
    item.facts = Json::object();
    item.generator = "people";
  }
  return item;
}

std::optional<Item> shown_item(const ReviewItem& item, int round, const std::string& version) {
  for (int before = round - 1; before >= 0; --before) {
    Item candidate = item_after(item, before);
    if (version_of(candidate) == version) return candidate;
  }
  return std::nullopt;
}

Item item_after(const ReviewItem& item, int rounds) {
  for (int round = rounds; round > 0; --round) {
    const auto& row = item.rounds[static_cast<std::size_t>(round - 1)];
    if (!row || (row->decision != "fix" && row->decision != "keep")) continue;
    const std::optional<Item> shown = shown_item(item, round, row->shown);
    if (!shown) continue;
    std::string why;
    if (row->decision == "keep") return *shown;
    if (const auto fixed = fixed_item(*shown, *row, why)) return *fixed;
  }
  return item.item;
}

const char* status_name(ReviewStatus status) {
  switch (status) {
    case ReviewStatus::kRound1:
      return "waits for round 1";
    case ReviewStatus::kRound2:
      return "waits for round 2";
    case ReviewStatus::kDisagreed:
      return "disagreed, waits for a third person";
    case ReviewStatus::kToCheck:
      return "agreed, drawn for a third person's check";
    case ReviewStatus::kUsable:
      return "usable";
    case ReviewStatus::kDiscarded:
      return "discarded";
  }
  return "";
}

std::optional<bool> agreed(const ReviewItem& item) {
  const auto &first = item.rounds[0], &second = item.rounds[1];
  if (!first || !second) return std::nullopt;
  if (first->decision == "escalate" || second->decision == "escalate") return false;
  if (first->decision == "discard" || second->decision == "discard")
    return first->decision == second->decision;
  return version_of(item_after(item, 1)) == version_of(item_after(item, 2));
}

ReviewStatus status_of(const ReviewItem& item) {
  if (!item.rounds[0]) return ReviewStatus::kRound1;
  const std::optional<bool> same = agreed(item);
  if (!same) return ReviewStatus::kRound2;
  const bool needs_third = !*same || item.check_drawn;
  const auto& last = item.rounds[needs_third ? 2 : 1];
  if (!last || last->decision == "escalate") return *same ? ReviewStatus::kToCheck : ReviewStatus::kDisagreed;
  return last->decision == "discard" ? ReviewStatus::kDiscarded : ReviewStatus::kUsable;
}

}  // namespace af2
