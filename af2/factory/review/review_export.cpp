#include "af2/factory/review/review_export.h"

#include <fmt/format.h>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/html.h"
#include "af2/core/json.h"
#include "af2/core/options.h"
#include "af2/core/text_util.h"
#include "af2/factory/report.h"
#include "af2/factory/review/markup.h"
#include "af2/factory/review/review_rows.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

std::string told(const ReviewRow& row, int round) {
  std::string text = fmt::format("Round {}: {}", round, row.decision);
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) text += fmt::format("; {}: {}", name, value);
  };
  add("reason", row.reason);
  add("question", row.question);
  add("options", join(row.options, " | "));
  add("answer", row.answer);
  add("category", row.category);
  return text;
}

std::string evidence_text(const Item& item) {
  std::string text;
  for (const ItemEvidence& e : item.evidence)
    text += fmt::format("{}{} {:.2f}-{:.2f}", text.empty() ? "" : "; ", e.label, e.onset, e.offset);
  return text;
}

Json to_fill(const RowToFill& row, const std::string& reviewer) {
  const Item& item = row.shown;
  Json evidence = Json::array();
  for (ItemEvidence e : item.evidence) evidence.push_back(to_json(e));
  return {{"id", item.id},
          {"audio", item.audio},
          {"start", item.start},
          {"duration", item.duration},
          {"audio_sha256", row.item->audio_sha256},
          {"shown", version_of(item)},
          {"shown_category", item.skill},
          {"type", item.type},
          {"shown_question", item.question},
          {"shown_options", item.options},
          {"shown_answer", item.answer},
          {"evidence", evidence},
          {"history", row.history},
          {"decision", ""},
          {"question", ""},
          {"options", Json::array()},
          {"answer", ""},
          {"category", ""},
          {"reason", ""},
          {"listened_full", false},
          {"reviewer", reviewer}};
}

std::string replaced(std::string text, const std::string& name, const std::string& value) {
  const std::string slot = "{{" + name + "}}";
  for (std::size_t at = 0; (at = text.find(slot, at)) != std::string::npos; at += value.size())
    text.replace(at, slot.size(), value);
  return text;
}

}  // namespace

std::vector<RowToFill> rows_for_round(const Review& review, int round, const ReviewExportOptions& options) {
  if (round < 1 || round > kReviewRounds)
    throw user_error("is " + std::to_string(round), "round of the review", "give 1, 2 or 3");
  if (options.parts < 1 || options.part < 1 || options.part > options.parts)
    throw user_error(fmt::format("is {} of {}", options.part, options.parts), "part of the review",
                     "write 2/3 for the second of three");
  const auto spoke = [&](const ReviewItem& item) {
    for (int r = 1; r < round; ++r) {
      const auto& row = item.rounds[static_cast<std::size_t>(r - 1)];
      if (row && !options.reviewer.empty() && same_person(row->reviewer, options.reviewer)) return true;
    }
    return false;
  };
  std::vector<RowToFill> rows;
  int number = 0;
  for (const ReviewItem& item : review.items) {
    const ReviewStatus status = status_of(item);
    const bool waits = round == 1   ? status == ReviewStatus::kRound1
                       : round == 2 ? status == ReviewStatus::kRound2
                                    : status == ReviewStatus::kDisagreed || status == ReviewStatus::kToCheck;
    if (!waits || number++ % options.parts != options.part - 1 || spoke(item)) continue;
    RowToFill row{&item, item_after(item, round == 2 && options.blind ? 0 : round - 1), {}};
    if (status == ReviewStatus::kDisagreed)
      for (int r = 1; r < kReviewRounds; ++r)
        row.history.push_back(told(*item.rounds[static_cast<std::size_t>(r - 1)], r));
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string review_csv(const std::vector<RowToFill>& rows, const std::string& reviewer) {
  std::string out =
      "id,audio,start,duration,audio_sha256,shown,shown_category,type,shown_question,shown_options,shown_"
      "answer,"
      "evidence,history,decision,question,options,answer,category,reason,listened_full,reviewer\n";
  for (const RowToFill& row : rows) {
    const Item& item = row.shown;
    const std::vector<std::string> cells = {item.id,
                                            item.audio,
                                            fmt::format("{}", item.start),
                                            fmt::format("{}", item.duration),
                                            row.item->audio_sha256,
                                            version_of(item),
                                            item.skill,
                                            item.type,
                                            item.question,
                                            options_cell(item.options),
                                            item.answer,
                                            evidence_text(item),
                                            join(row.history, "\n"),
                                            "",
                                            "",
                                            "",
                                            "",
                                            "",
                                            "",
                                            "",
                                            reviewer};
    for (std::size_t i = 0; i < cells.size(); ++i) out += (i ? "," : "") + csv_cell(cells[i]);
    out += "\n";
  }
  return out;
}

std::string review_jsonl(const std::vector<RowToFill>& rows, const std::string& reviewer) {
  std::string out;
  for (const RowToFill& row : rows)
    out += to_fill(row, reviewer).dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  return out;
}

std::string review_page(const Review& review, int round, const std::vector<RowToFill>& rows,
                        const std::string& reviewer, const fs::path& page_folder) {
  Json list = Json::array();
  std::string versions;
  for (const RowToFill& row : rows) {
    Json json = to_fill(row, reviewer);
    // What a browser opens, seen from the page; '#t=' names the stretch.
    const std::string path = fs::absolute(review.sound(row.shown))
                                 .lexically_normal()
                                 .lexically_proximate(fs::absolute(page_folder).lexically_normal())
                                 .generic_string();
    json["link"] = address_of(path);
    json["categories"] = review_categories(row.shown.is_long);
    versions += row.shown.id + json["shown"].get<std::string>();
    list.push_back(std::move(json));
  }
  // The browser keeps what was filled under this name: another round or another version has another.
  const std::string name =
      fmt::format("af2-review-{}-{}", round, sha256_hex(std::as_bytes(std::span(versions))).substr(0, 16));
  const Json data = {{"name", name}, {"round", round}, {"reviewer", reviewer}, {"rows", list}};
  for (const auto& [page, text] : embedded_pages())
    if (page == "review")
      return replaced(replaced(text, "round", std::to_string(round)), "data", script_json(data));
  throw internal_error("the page is not in the program", "review");
}

}  // namespace af2
