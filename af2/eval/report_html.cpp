#include "af2/eval/report_html.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "af2/core/error.h"
#include "af2/core/html.h"
#include "af2/eval/report_figures.h"
#include "af2/eval/report_sections.h"
#include "af2/eval/report_svg.h"
#include "af2/factory/report.h"

namespace af2 {
namespace {

constexpr std::size_t kWorstRows = 200, kBestRows = 50, kDifferencesDrawn = 40;

// Sections that have something to say, and the way to them.
class PageSections {
 public:
  void add(const char* id, const std::string& title, const std::string& html) {
    if (html.empty()) return;
    nav_ += fmt::format("<a href=\"#{}\">{}</a> ", id, html_text(title));
    body_ += fmt::format("<section aria-labelledby={0}><h2 id={0}>{1}</h2>{2}</section>\n", id,
                         html_text(title), html);
  }
  const std::string& nav() const { return nav_; }
  const std::string& body() const { return body_; }

 private:
  std::string nav_, body_;
};

std::string compare_part(const Json& compare, const Json& summary, const std::vector<Json>& scores) {
  if (!compare.is_object()) return "";
  const CompareView view = compare_view(compare);
  std::string html = fmt::format("<p>A: {}. B: {}. <strong>{}</strong></p>", html_text(view.a),
                                 html_text(view.b), html_text(view.verdict)) +
                     fact_table("A and B", view.facts);
  if (const Json& groups = part_at(compare, "groups"); groups.is_object())
    for (const auto& [by, list] : groups.items()) {
      PageTable table{"B minus A by " + by, {by, ">n", ">difference", ">95 % interval"}, {}};
      std::vector<ChartRow> rows;
      for (const Json& group : list) {
        ReportFigure figure = read_figure(group);
        figure.value = number_at(group, "difference");
        ChartRow row = chart_row(text_at(group, "value"), figure, 'd');
        row.shown = difference_text(figure.value, figure.unit);
        table.rows.push_back({row.label, count_text(figure.n), row.shown, interval_text(figure)});
        rows.push_back(std::move(row));
      }
      html += picture(
          rows.size() <= kDifferencesDrawn ? interval_chart(rows, "Difference of the two runs by " + by) : "",
          "B minus A; an interval that holds zero, the dashed line, tells no difference.", table);
    }
  return html + "<div class=scroll tabindex=0 role=region aria-label=\"Items that flipped\">" +
         flipped_table(part_at(compare, "flipped"), scores, summary) + "</div>";
}

// Rows of the ids that the summary names; where it names none, the places from `order`.
std::vector<std::size_t> card_places(const Json& ids, const std::vector<Json>& scores,
                                     const std::vector<std::size_t>& order, int most) {
  std::vector<std::size_t> places;
  const std::size_t limit = static_cast<std::size_t>(std::max(0, most));
  if (!ids.is_array())
    return {order.begin(), order.begin() + static_cast<std::ptrdiff_t>(std::min(limit, order.size()))};
  std::unordered_map<std::string, std::size_t> by_id;
  for (std::size_t i = 0; i < scores.size(); ++i) by_id.emplace(text_at(scores[i], "id"), i);
  for (const Json& id : ids)
    if (const auto found = by_id.find(plain_text(id)); found != by_id.end() && places.size() < limit)
      places.push_back(found->second);
  return places;
}

std::string cards_part(const Json& summary, const std::vector<Json>& scores,
                       const std::vector<std::size_t>& order, const ReportSounds& sounds) {
  if (scores.empty()) return "";
  std::string html;
  if (!texts_allowed(summary))
    html +=
        "<p class=soft>The owner of the data does not allow questions, answers and sounds to be passed on: "
        "only ids "
        "and what the model said are here.</p>";
  else if (!sounds_allowed(summary))
    html += "<p class=soft>The owner of the data does not allow the sounds to be passed on.</p>";
  const Json& items = part_at(summary, "items");
  const std::vector<std::size_t> best_first(order.rbegin(), order.rend());
  const auto cards = [&](const char* title, const Json& ids, const std::vector<std::size_t>& from, int most) {
    const auto places = card_places(ids, scores, from, most);
    if (places.empty()) return;
    html += std::string("<h3>") + title + "</h3><div class=cards>";
    for (const std::size_t place : places) html += item_card(scores[place], summary, sounds);
    html += "</div>";
  };
  cards("Worst", part_at(items, "worst"), order, sounds.worst);
  cards("Best", part_at(items, "best"), best_first, sounds.best);
  return html;
}

std::string table_part(const Json& summary, const std::vector<Json>& scores, std::vector<std::size_t> order) {
  if (scores.empty()) return "";
  std::string html;
  if (order.size() > kWorstRows + kBestRows) {
    html += fmt::format("<p>The {} worst and the {} best of {} items.</p>", kWorstRows, kBestRows,
                        count_text(static_cast<std::int64_t>(order.size())));
    order.erase(order.begin() + kWorstRows, order.end() - kBestRows);
  }
  std::vector<std::string> states;
  for (const std::size_t place : order) states.push_back(item_state(scores[place]));
  std::sort(states.begin(), states.end());
  states.erase(std::unique(states.begin(), states.end()), states.end());
  html +=
      "<form id=filter hidden><label>Search <input id=words type=search></label> <label>State <select "
      "id=state><option "
      "value=\"\">all</option>";
  for (const std::string& state : states) html += fmt::format("<option>{}</option>", html_text(state));
  return html +
         "</select></label> <output id=shown for=\"words state\"></output></form><div class=scroll "
         "tabindex=0 role=region "
         "aria-label=Items>" +
         item_table(scores, order, summary) + "</div>";
}

std::string list_part(const Json& lines) {
  if (!lines.is_array() || lines.empty()) return "";
  std::string html = "<ul>";
  for (const Json& line : lines) html += "<li>" + html_text(plain_text(line)) + "</li>";
  return html + "</ul>";
}

// Each {{name}} of the page once; what is put in is not looked at again.
std::string fill_page(std::string_view page,
                      const std::vector<std::pair<std::string_view, std::string_view>>& slots) {
  std::string out;
  while (true) {
    const std::size_t open = page.find("{{"), close = page.find("}}", open);
    if (open == std::string_view::npos || close == std::string_view::npos) return out.append(page);
    out.append(page.substr(0, open));
    for (const auto& [name, text] : slots)
      if (page.substr(open + 2, close - open - 2) == name) out.append(text);
    page.remove_prefix(close + 2);
  }
}

}  // namespace

std::string report_html(const Json& summary, const std::vector<Json>& scores, const Json& compare,
                        const ReportSounds& sounds) {
  check_summary(summary);
  const Headline head = headline_of(summary);
  const Json &benchmark = part_at(summary, "benchmark"), &run = part_at(summary, "run");
  const auto order = worst_first(scores);
  PageSections sections;
  sections.add("score", "Score", headline_section(summary, head));
  sections.add("published", "Published values", published_section(summary));
  sections.add("metrics", "Metrics", metrics_section(summary, head));
  sections.add("baselines", "Without hearing", weakness_section(summary, head));
  sections.add("groups", "Groups", groups_section(summary, head.main));
  sections.add("judge", "Judge", judge_section(summary));
  sections.add("lengths", "Length of the sound", lengths_section(summary, head.main));
  sections.add("options", "Options", letters_section(summary));
  sections.add("confusion", "Confusion", confusion_section(summary));
  sections.add("calibration", "Calibration", calibration_section(summary));
  sections.add("compare", "Two runs", compare_part(compare, summary, scores));
  sections.add("cards", "Items to look at", cards_part(summary, scores, order, sounds));
  sections.add("all", "Table of items", table_part(summary, scores, order));
  sections.add("traps", "Known defects", list_part(part_at(benchmark, "traps")));
  if (const auto facts = more_facts(summary); !facts.empty())
    sections.add("more", "More of this run", fact_table("More of this run", facts));
  sections.add("again", "To run it again", fact_table("To run it again", reproducibility(summary)));
  const std::string title = html_text(text_at(benchmark, "name"));
  const std::string line =
      html_text(fmt::format("{}, prompt {}", text_at(run, "model"), text_at(run, "prompt")));
  for (const auto& [page, text] : embedded_report_pages())
    if (page == "report")
      return fill_page(
          text, {{"title", title}, {"line", line}, {"nav", sections.nav()}, {"body", sections.body()}});
  throw internal_error("the page is not in the program", "report");
}

}  // namespace af2
