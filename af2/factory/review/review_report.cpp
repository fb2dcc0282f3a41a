#include "af2/factory/review/review_report.h"

#include <array>
#include <cmath>
#include <limits>
#include <string>

namespace af2 {
namespace {

constexpr std::array<const char*, 4> kDecisions = {"keep", "fix", "discard", "escalate"};
// keep and fix are one fate: the item can be used.
constexpr std::array<const char*, 3> kFates = {"usable", "discard", "escalate"};

using Counts = std::vector<std::vector<std::int64_t>>;

Json number_or_null(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

std::size_t decision_place(const ReviewRow& row) {
  for (std::size_t i = 0; i < kDecisions.size(); ++i)
    if (row.decision == kDecisions[i]) return i;
  return 0;  // import takes no others
}

std::size_t fate_place(const ReviewRow& row) {
  const std::size_t decision = decision_place(row);
  return decision < 2 ? 0 : decision - 1;
}

template <std::size_t n>
Json table_json(const std::array<const char*, n>& names, const Counts& table) {
  Json json = Json::object();
  for (std::size_t r = 0; r < n; ++r)
    for (std::size_t c = 0; c < n; ++c) json[names[r]][names[c]] = table[r][c];
  return json;
}

// The row that made an item discarded, the reason of the earlier person where two agree.
const ReviewRow* discard_of(const ReviewItem& item) {
  if (item.rounds[2] && item.rounds[2]->decision == "discard") return &*item.rounds[2];
  for (const auto& row : item.rounds)
    if (row && row->decision == "discard") return &*row;
  return nullptr;
}

Json report_of(const std::vector<const ReviewItem*>& items) {
  std::map<std::string, std::int64_t> status, reasons, edited_parts;
  std::array<std::map<std::string, std::int64_t>, kReviewRounds> decisions;
  Counts fates(3, std::vector<std::int64_t>(3, 0)), words(4, std::vector<std::int64_t>(4, 0));
  std::int64_t both = 0, same = 0, usable = 0, edited = 0, drawn = 0, checked = 0, overruled = 0, settled = 0;
  for (const ReviewItem* item : items) {
    const ReviewStatus now = status_of(*item);
    ++status[status_name(now)];
    for (std::size_t round = 0; round < kReviewRounds; ++round)
      if (item->rounds[round]) ++decisions[round][item->rounds[round]->decision];
    if (const auto agree = agreed(*item)) {
      ++both, same += *agree;
      ++fates[fate_place(*item->rounds[0])][fate_place(*item->rounds[1])];
      ++words[decision_place(*item->rounds[0])][decision_place(*item->rounds[1])];
      const auto& third = item->rounds[2];
      if (*agree && item->check_drawn) {
        ++drawn;
        if (third && third->decision != "escalate") {
          ++checked;
          const bool discards = item->rounds[1]->decision == "discard";
          overruled += discards != (third->decision == "discard") ||
                       (!discards && version_of(item_after(*item, 2)) != version_of(item_after(*item, 3)));
        }
      } else if (!*agree && third && third->decision != "escalate") {
        ++settled;
      }
    }
    if (now == ReviewStatus::kDiscarded)
      if (const ReviewRow* row = discard_of(*item)) ++reasons[row->reason];
    if (now == ReviewStatus::kUsable) {
      ++usable;
      const Item last = item_after(*item, kReviewRounds), &first = item->item;
      const std::array<std::pair<const char*, bool>, 4> parts = {
          {{"question", last.question != first.question},
           {"options", last.options != first.options},
           {"answer", last.answer != first.answer},
           {"category", last.skill != first.skill}}};
      bool any = false;
      for (const auto& [name, differs] : parts) edited_parts[name] += differs, any = any || differs;
      edited += any;
    }
  }
  const auto share = [](std::int64_t part, std::int64_t of) {
    return of > 0 ? Json(static_cast<double>(part) / static_cast<double>(of)) : Json(nullptr);
  };
  Json rounds = Json::array();
  for (const auto& counts : decisions) rounds.push_back(counts);
  return {
      {"items", items.size()},
      {"status", status},
      {"decisions_by_round", rounds},
      {"agreement",
       {{"items", both},
        {"agreed", same},
        {"share", share(same, both)},
        {"kappa", number_or_null(cohen_kappa(fates))},
        {"fates", table_json(kFates, fates)},
        {"kappa_of_decisions", number_or_null(cohen_kappa(words))},
        {"decisions", table_json(kDecisions, words)}}},
      {"third_person",
       {{"disagreements_settled", settled},
        {"checks_drawn", drawn},
        {"checked", checked},
        {"overruled", overruled}}},
      {"discards", {{"items", status[status_name(ReviewStatus::kDiscarded)]}, {"by_reason", reasons}}},
      {"edits",
       {{"usable", usable}, {"edited", edited}, {"share", share(edited, usable)}, {"parts", edited_parts}}}};
}

}  // namespace

double cohen_kappa(const std::vector<std::vector<std::int64_t>>& table) {
  double total = 0, same = 0;
  std::vector<double> rows(table.size(), 0), columns(table.size(), 0);
  for (std::size_t r = 0; r < table.size(); ++r)
    for (std::size_t c = 0; c < table.size(); ++c) {
      const auto n = static_cast<double>(table[r].at(c));
      total += n, rows[r] += n, columns[c] += n;
      if (r == c) same += n;
    }
  double chance = 0;
  for (std::size_t i = 0; i < table.size(); ++i) chance += rows[i] * columns[i];
  // Both over total squared; whole numbers until here, so that 1 - 1 is 0.
  if (total == 0 || chance == total * total) return std::numeric_limits<double>::quiet_NaN();
  return (same * total - chance) / (total * total - chance);
}

Json review_report(const Review& review) {
  std::vector<const ReviewItem*> all;
  std::map<std::string, std::vector<const ReviewItem*>> by_category;
  for (const ReviewItem& item : review.items) {
    all.push_back(&item);
    by_category[item.item.skill].push_back(&item);
  }
  Json report = report_of(all);
  std::map<std::string, std::int64_t> rows_of;
  for (const ReviewItem& item : review.items)
    for (const auto& row : item.rounds)
      if (row) ++rows_of[row->reviewer];
  report["reviewers"] = rows_of;
  for (const auto& [category, items] : by_category) report["by_category"][category] = report_of(items);
  return report;
}

}  // namespace af2
