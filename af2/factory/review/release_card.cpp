#include "af2/factory/review/release_card.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "af2/factory/balance.h"
#include "af2/factory/review/review_report.h"

namespace af2 {
namespace {

// One line of a table: no bars or line ends in a cell.
std::string cell(const std::string& text) {
  std::string out;
  for (const char c : text)
    out += c == '|' ? std::string("\\|") : c == '\n' || c == '\r' ? " " : std::string(1, c);
  return out;
}

std::string percent(const Json& share) {
  return share.is_null() ? "none" : fmt::format("{:.1f} %", 100 * share.get<double>());
}

std::string number(const Json& value) {
  return value.is_null() ? "not defined" : fmt::format("{:.3f}", value.get<double>());
}

void table(std::string& out, const std::string& name, const std::map<std::string, std::int64_t>& counts) {
  out += fmt::format("| {} | items |\n| --- | --- |\n", name);
  for (const auto& [key, n] : counts)
    out += fmt::format("| {} | {} |\n", cell(key.empty() ? "none" : key), n);
  out += "\n";
}

}  // namespace

std::string release_card(const Review& review, const std::vector<Item>& items, const std::string& name,
                         const std::string& version) {
  std::map<std::string, std::int64_t> skills, forms, makers, licences;
  std::map<std::string, double> clips;
  std::set<std::string> files, groups, credits;
  for (const Item& item : items) {
    ++skills[item.skill + (item.type.empty() ? "" : ", " + item.type)], ++forms[item.form],
        ++makers[item.generator];
    ++licences[item.licence];
    clips[clip_key(item)] = item.duration;
    files.insert(item.audio), groups.insert(item.group);
    credits.insert(fmt::format("| {} | {} | {} | {} |\n", cell(item.audio), cell(item.source),
                               cell(item.licence), cell(item.attribution)));
  }
  double total = 0, shortest = 0, longest = 0;
  for (const auto& [clip, seconds] : clips) {
    shortest = total == 0 ? seconds : std::min(shortest, seconds);
    longest = std::max(longest, seconds);
    total += seconds;
  }
  std::string out = fmt::format("# {} {}\n\n", name, version);
  out += fmt::format(
      "{} questions about {} clips of {} files and {} original recordings: {:.2f} hours, {:.2f} to {:.2f} s, "
      "mean "
      "{:.2f} s.\nAll are of the test split. `items.jsonl` has every question with its evidence, `{}.jsonl` "
      "and "
      "`{}-*/test.json` are\nmanifests, `SHA256SUMS` has the hash of every file (`sha256sum -c "
      "SHA256SUMS`).\n\n",
      items.size(), clips.size(), files.size(), groups.size(), total / 3600, shortest, longest,
      clips.empty() ? 0.0 : total / static_cast<double>(clips.size()), name, name);
  out += "## Questions\n\n";
  table(out, "category, type", skills);
  table(out, "form", forms);
  table(out, "made by", makers);

  const Json report = review_report(review);
  const Json &agreement = report.at("agreement"), &edits = report.at("edits"),
             &third = report.at("third_person"), &discards = report.at("discards");
  out += fmt::format(
      "## Review\n\n{} questions were drawn; at least two of {} people heard every clip in full. They agreed "
      "on "
      "{} of {} ({});\nCohen's kappa over usable, discard and escalate is {}. A third person settled {} "
      "disagreements, checked {} of {} drawn\nagreements and overruled {}. {} were discarded; of those kept "
      "{} "
      "({}) were corrected.\n\n",
      review.items.size(), report.at("reviewers").size(), agreement.at("agreed").dump(),
      agreement.at("items").dump(), percent(agreement.at("share")), number(agreement.at("kappa")),
      third.at("disagreements_settled").dump(), third.at("checked").dump(), third.at("checks_drawn").dump(),
      third.at("overruled").dump(), discards.at("items").dump(), edits.at("edited").dump(),
      percent(edits.at("share")));
  if (!discards.at("by_reason").empty()) {
    std::map<std::string, std::int64_t> reasons;
    for (const auto& [reason, n] : discards.at("by_reason").items()) reasons[reason] = n.get<std::int64_t>();
    table(out, "discarded because", reasons);
  }
  out += "## Licences\n\n";
  table(out, "licence of the clip", licences);
  out += "| file | from | licence | named |\n| --- | --- | --- | --- |\n";
  for (const std::string& line : credits) out += line;
  return out;
}

}  // namespace af2
