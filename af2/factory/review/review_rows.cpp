#include "af2/factory/review/review_rows.h"

#include <algorithm>
#include <map>
#include <set>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/json.h"
#include "af2/core/options.h"
#include "af2/core/text_util.h"
#include "af2/data/table.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

constexpr const char* kColumns[] = {"id",       "audio_sha256",  "shown",   "decision",
                                    "question", "options",       "answer",  "category",
                                    "reason",   "listened_full", "reviewer"};

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

bool yes(const std::string& cell) {
  const std::string word = lower(trim(cell));
  return word == "yes" || word == "true" || word == "1" || word == "x" || word == "y";
}

FilledRow row_of_cells(const std::map<std::string, std::string>& cells, std::string where) {
  FilledRow filled{std::move(where), {}, ""};
  ReviewRow& row = filled.row;
  row.id = trim(cells.at("id")), row.audio_sha256 = lower(trim(cells.at("audio_sha256")));
  row.shown = trim(cells.at("shown")), row.decision = lower(trim(cells.at("decision")));
  row.question = trim(cells.at("question")), row.answer = trim(cells.at("answer"));
  row.category = trim(cells.at("category")), row.reason = trim(cells.at("reason"));
  row.listened_full = yes(cells.at("listened_full")), row.reviewer = trim(cells.at("reviewer"));
  try {
    row.options = options_in_cell(cells.at("options"));
  } catch (const Error& error) {
    filled.problem = error.problem();
  }
  return filled;
}

std::vector<FilledRow> rows_of_csv(const fs::path& file) {
  const Table table = parse_table(read_file(file), ',', file.string());
  for (const char* column : kColumns)
    if (std::find(table.header.begin(), table.header.end(), column) == table.header.end())
      throw data_error(std::string("has no column `") + column + "`", file.string(),
                       "fill the table that af2 data review export wrote, and save it with commas");
  std::vector<FilledRow> rows;
  for (std::size_t r = 0; r < table.rows.size(); ++r) {
    std::map<std::string, std::string> cells;
    for (std::size_t c = 0; c < table.header.size(); ++c) cells[table.header[c]] = table.rows[r][c];
    rows.push_back(row_of_cells(cells, line_of(file.string(), table.lines[r])));
  }
  return rows;
}

FilledRow row_of_json(const Json& json, const std::string& where) {
  FilledRow filled{where, {}, ""};
  Json known = Json::object();
  for (const char* column : kColumns)
    if (json.is_object() && json.contains(column) && !json[column].is_null()) known[column] = json[column];
  if (known.contains("id") && known["id"].is_string()) filled.row.id = known["id"].get<std::string>();
  try {
    from_json(known, filled.row, where);
  } catch (const Error& error) {
    // "ann.jsonl:3 key options" is told as "options"; what stands before is known.
    const std::size_t key = error.where().rfind(' ');
    filled.problem = error.where().substr(key == std::string::npos ? 0 : key + 1) + " " + error.problem();
  }
  ReviewRow& row = filled.row;
  for (std::string* text :
       {&row.id, &row.shown, &row.question, &row.answer, &row.category, &row.reason, &row.reviewer})
    *text = trim(*text);
  row.decision = lower(trim(row.decision)), row.audio_sha256 = lower(trim(row.audio_sha256));
  return filled;
}

// Takes rows of one import into one round.
class Taker {
 public:
  Taker(Review& review, int round, bool replace) : review_(review), round_(round), replace_(replace) {
    for (std::size_t i = 0; i < review.items.size(); ++i) places_[review.items[i].item.id] = i;
  }

  // Why the row is refused; empty: it was taken.
  std::string take(const FilledRow& filled, ImportResult& result) {
    const ReviewRow& row = filled.row;
    if (row.id.empty()) return filled.problem.empty() ? "has no id" : filled.problem;
    const auto place = places_.find(row.id);
    if (place == places_.end()) return "unknown id";
    if (!filled.problem.empty()) return filled.problem;
    if (!seen_.insert(row.id).second) return "this item stands in an earlier row";
    ReviewItem& item = review_.items[place->second];
    auto& slot = item.rounds[static_cast<std::size_t>(round_ - 1)];
    if (slot && same(*slot, row)) {
      ++result.again;
      return "";
    }
    if (slot && !replace_)
      return "this item was reviewed in round " + std::to_string(round_) + " already, by " + slot->reviewer;
    if (const std::string why = problem(item, row); !why.empty()) return why;
    slot = row;
    for (int later = round_; later < kReviewRounds; ++later)
      item.rounds[static_cast<std::size_t>(later)].reset();
    ++result.taken;
    return "";
  }

 private:
  static bool same(ReviewRow a, ReviewRow b) { return to_json(a) == to_json(b); }

  std::string problem(const ReviewItem& item, const ReviewRow& row) {
    if (row.decision.empty()) return "no decision";
    if (row.decision != "keep" && row.decision != "fix" && row.decision != "discard" &&
        row.decision != "escalate")
      return "unknown decision `" + printable(row.decision, 40) + "`: keep, fix, discard or escalate";
    if (row.reviewer.empty()) return "no reviewer";
    for (int other = 1; other < round_; ++other) {
      const auto& earlier = item.rounds[static_cast<std::size_t>(other - 1)];
      if (!earlier && other <= 2)
        return "waits for round " + std::to_string(other) + ", this is round " + std::to_string(round_);
      if (earlier && same_person(earlier->reviewer, row.reviewer))
        return row.reviewer + " reviewed this item in round " + std::to_string(other) + " already";
    }
    if (round_ == 3 && *agreed(item) && !item.check_drawn)
      return "two people agree on this item, and it was not drawn for a check";
    if (!row.listened_full) return "not listened to in full";
    if (row.audio_sha256 != item.audio_sha256) return "another clip was heard: its hash is not the sample's";
    if (sound_hash(item.item) != item.audio_sha256) return "the clip has changed since the sample was drawn";
    const std::optional<Item> shown = shown_item(item, round_, row.shown);
    if (!shown) return "another version of this item was shown: export it anew";
    if ((row.decision == "discard" || row.decision == "escalate") && row.reason.empty())
      return row.decision + " without a reason";
    if (!row.category.empty()) {
      const auto& known = review_categories(item.item.is_long);
      if (std::find(known.begin(), known.end(), row.category) == known.end())
        return "unknown category `" + printable(row.category, 40) + "`: " + join(known, ", ");
    }
    std::string why;
    const std::optional<Item> fixed = fixed_item(*shown, row, why);
    if (row.decision == "fix") {
      if (!fixed) return "the new text does not fit: " + why;
      if (version_of(*fixed) == version_of(*shown)) return "a fix without new text";
    } else if (row.decision == "keep" && (!fixed || version_of(*fixed) != version_of(*shown))) {
      return "keep, but with new text: write fix, or leave the text as it was";
    }
    return "";
  }

  // Each clip is read once an import.
  const std::string& sound_hash(const Item& item) {
    const auto [place, added] = hashes_.emplace(item.audio, "");
    if (added && fs::is_regular_file(review_.sound(item))) place->second = sha256_file(review_.sound(item));
    return place->second;
  }

  Review& review_;
  int round_;
  bool replace_;
  std::map<std::string, std::size_t> places_;
  std::set<std::string> seen_;
  std::map<std::string, std::string> hashes_;
};

}  // namespace

bool same_person(const std::string& a, const std::string& b) {
  return lower(trim(a)) == lower(trim(b));
}

const std::vector<std::string>& review_categories(bool is_long) {
  static const std::vector<std::string> long_ones = {"captioning", "plot",     "needle",
                                                     "subscene",   "temporal", "general"};
  static const std::vector<std::string> short_ones = {
      "temporal", "attribute", "counting", "contextual_sound", "contextual_speech", "information", "general"};
  return is_long ? long_ones : short_ones;
}

std::string options_cell(const std::vector<std::string>& options) {
  const bool plain = std::none_of(options.begin(), options.end(), [](const std::string& option) {
    return option.find('|') != std::string::npos || option.starts_with("[");
  });
  return plain ? join(options, " | ") : Json(options).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::vector<std::string> options_in_cell(const std::string& cell) {
  const std::string text = trim(cell);
  if (text.empty()) return {};
  std::vector<std::string> options;
  if (text.front() == '[') {
    const Json json = Json::parse(text, nullptr, false);
    if (!json.is_array()) throw data_error("options begin with '[' but are no list of JSON", "options");
    for (const Json& option : json) {
      if (!option.is_string()) throw data_error("an option is no text", "options");
      options.push_back(option.get<std::string>());
    }
  } else {
    for (const std::string& option : split(text, '|')) options.push_back(trim(option));
  }
  return options;
}

std::vector<FilledRow> read_filled_rows(const fs::path& file) {
  if (file.extension() == ".csv") return rows_of_csv(file);
  if (file.extension() != ".jsonl")
    throw user_error("is neither .csv nor .jsonl", file.string(),
                     "give the filled table or the page's download");
  std::vector<FilledRow> rows;
  std::size_t number = 0;
  for (const std::string& line : split(read_file(file), '\n')) {
    ++number;
    if (trim(line).empty()) continue;
    const std::string where = line_of(file.string(), number);
    const Json json = Json::parse(line, nullptr, false);
    if (json.is_discarded() || !json.is_object())
      rows.push_back({where, {}, "is no JSON object"});
    else
      rows.push_back(row_of_json(json, where));
  }
  return rows;
}

ImportResult import_rows(Review& review, int round, const std::vector<fs::path>& files, bool replace) {
  if (round < 1 || round > kReviewRounds)
    throw user_error("is " + std::to_string(round), "round of the review", "give 1, 2 or 3");
  ImportResult result;
  Taker taker(review, round, replace);
  for (const fs::path& file : files)
    for (const FilledRow& filled : read_filled_rows(file)) {
      const std::string why = taker.take(filled, result);
      if (!why.empty()) result.refused.push_back({filled.where, filled.row.id, why});
    }
  return result;
}

}  // namespace af2
