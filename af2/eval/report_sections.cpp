#include "af2/eval/report_sections.h"

#include <fmt/format.h>

#include <algorithm>

#include "af2/core/html.h"
#include "af2/factory/report.h"

namespace af2 {
namespace {

constexpr std::size_t kConfusionsShown = 15, kChartGroups = 40, kColumnsBeside = 5;

}  // namespace

std::string page_table(const PageTable& table) {
  std::string html = "<div class=scroll tabindex=0 role=region aria-label=\"" + html_text(table.caption) +
                     "\"><table" + (table.head.size() > kColumnsBeside ? " class=wide" : "") + "><caption>" +
                     html_text(table.caption) + "</caption><thead><tr>";
  const auto numeric = [&](std::size_t i) { return i < table.head.size() && table.head[i].starts_with('>'); };
  for (std::size_t i = 0; i < table.head.size(); ++i)
    html += fmt::format("<th scope=col{}>{}", numeric(i) ? " class=n" : "",
                        html_text(numeric(i) ? table.head[i].substr(1) : table.head[i]));
  html += "</tr></thead><tbody>\n";
  for (const auto& row : table.rows) {
    html += "<tr>";
    for (std::size_t i = 0; i < row.size(); ++i)
      html += fmt::format("<{}{}>{}", i == 0 ? "th scope=row" : "td", numeric(i) ? " class=n" : "",
                          html_text(row[i]));
    html += "</tr>\n";
  }
  return html + "</tbody></table></div>";
}

std::string fact_table(const std::string& caption,
                       const std::vector<std::pair<std::string, std::string>>& facts) {
  PageTable table{caption, {"what", "value"}, {}};
  for (const auto& [name, value] : facts) table.rows.push_back({name, value});
  return page_table(table);
}

std::string picture(const std::string& svg, const std::string& below, const PageTable& table) {
  if (svg.empty()) return page_table(table);
  // Tables of many columns need the whole width.
  return std::string(table.head.size() > kColumnsBeside ? "<div>" : "<div class=pair>") + "<figure>" + svg +
         "<figcaption>" + html_text(below) + "</figcaption></figure>" + page_table(table) + "</div>";
}

ChartRow chart_row(const std::string& label, const ReportFigure& figure, char mark) {
  const double factor = is_share(figure.unit) ? 100 : 1;
  ChartRow row{label, shown_value(figure), figure.value, figure.low, figure.high, mark};
  for (auto* number : {&row.value, &row.low, &row.high})
    if (*number) **number *= factor;
  return row;
}

std::string headline_section(const Json& summary, const Headline& head) {
  const Json& counts = part_at(summary, "counts");
  const PublishedView published = published_view(summary);
  std::string html = "<dl class=figures>";
  const auto add = [&](const std::string& name, const std::string& value) {
    html += fmt::format("<div class=figure><dt>{}</dt><dd>{}</dd></div>", html_text(name), html_text(value));
  };
  add(head.main.title(), plus_minus(head.main));
  add("items", count_text(count_at(counts, "n")));
  add("failures", count_text(count_at(counts, "failed")));
  add("unmatched", count_text(count_at(counts, "unmatched")));
  if (head.official && head.robust)
    add("official / robust", shown_value(*head.official) + " / " + shown_value(*head.robust));
  std::string audio_off = "not run";
  for (const WeaknessLine& line : weaknesses(summary))
    if (line.name == "audio_off" && line.figure.value) audio_off = shown_value(line.figure);
  add("audio off", audio_off);
  add("hearing gain", hearing_gain_text(summary));
  for (const auto& [role, name] : {std::pair("af2", "AF2, published"), std::pair("best", "best known")})
    if (const PublishedLine* line = published.first(role)) add(name, line->value_shown);
  html += "</dl>";
  const auto list = caveats(summary);
  if (list.empty()) return html;
  html += "<h3>Caveats</h3><ul>";
  for (const auto& [words, sentence] : list)
    html += fmt::format("<li><strong>{}.</strong> {}</li>", html_text(words), html_text(sentence));
  return html + "</ul>";
}

std::string published_section(const Json& summary) {
  const PublishedView view = published_view(summary);
  if (view.rows.empty()) return "<p class=soft>No published values are known.</p>";
  PageTable table{"Published values, unit " + view.unit,
                  {"model", "role", ">value", "against this run", "source", "note"},
                  {}};
  std::vector<ChartRow> rows;
  if (view.ours) {
    ReportFigure ours = *view.ours;
    rows.push_back(
        {"this run",
         view.unit == "percent" ? fmt::format("{:.1f} %", *ours.value) : fmt::format("{:.3f}", *ours.value),
         ours.value, ours.low, ours.high, 'o'});
  }
  for (const PublishedLine& line : view.rows) {
    table.rows.push_back({line.model, line.role, line.value_shown, line.verdict, line.source, line.note});
    if (view.ours && line.value) rows.push_back({line.model, line.value_shown, line.value, {}, {}, 'd'});
  }
  if (!view.ours) return "<p>Not compared: " + html_text(view.why_not) + ".</p>" + page_table(table);
  return picture(interval_chart(rows,
                                "Score and 95 % interval of this run against published values; the table has "
                                "the same figures"),
                 "Disc and band: this run and its 95 % interval. Diamonds: published. " + view.metric + ", " +
                     view.unit + ".",
                 table);
}

std::string metrics_section(const Json& summary, const Headline& head) {
  PageTable table{"All metrics", {"metric", ">value", ">95 % interval", ">n", "unit", "note"}, {}};
  for (const Json& metric : part_at(summary, "metrics")) {
    const ReportFigure figure = read_figure(metric);
    table.rows.push_back({figure.title(), shown_value(figure), interval_text(figure), count_text(figure.n),
                          is_share(figure.unit) ? "" : figure.unit, figure.note});
  }
  std::vector<ChartRow> rows;
  for (const auto* figure : {&head.official, &head.robust})
    if (*figure && (*figure)->value) rows.push_back(chart_row((*figure)->title(), **figure, 'o'));
  return picture(rows.size() == 2
                     ? interval_chart(rows, "The primary metric by the official and by the robust matcher")
                     : "",
                 "The same answers read by the published rule and by ours.", table);
}

std::string weakness_section(const Json& summary, const Headline& head) {
  PageTable table{
      "The score beside what is reached without hearing, or with less",
      {"how", ">value", ">95 % interval", ">n", "score minus it", "note"},
      {{"this run", shown_value(head.main), interval_text(head.main), count_text(head.main.n), "", ""}}};
  std::vector<ChartRow> rows = {chart_row("this run", head.main, 'o')};
  for (const WeaknessLine& line : weaknesses(summary)) {
    table.rows.push_back({line.name, shown_value(line.figure), interval_text(line.figure),
                          count_text(line.figure.n), line.verdict, line.note});
    if (line.figure.value && line.figure.unit == head.main.unit)
      rows.push_back(chart_row(line.name, line.figure, line.blind ? 's' : 'd'));
  }
  if (rows.size() == 1) return page_table(table);
  return "<p>Hearing gain: " + html_text(hearing_gain_text(summary)) + ".</p>" +
         picture(interval_chart(rows, "The score beside baselines and variants"),
                 "Disc and band: this run. Squares: without any model. Diamonds: the model, asked otherwise.",
                 table);
}

std::string groups_section(const Json& summary, const ReportFigure& main) {
  std::string html;
  const Json& groups = part_at(summary, "groups");
  if (!groups.is_object()) return html;
  for (const auto& [by, list] : groups.items()) {
    PageTable table{main.name + " by " + by, {by, ">n", ">score", ">95 % interval", ">AF2, published"}, {}};
    std::vector<ChartRow> rows = {chart_row("all items", main, 'o')};
    for (const Json& group : list) {
      const ReportFigure figure = group_figure(group, main);
      const std::string value = text_at(group, "value"), name = value.empty() ? "(none)" : value;
      table.rows.push_back({name, count_text(count_at(group, "n")), shown_value(figure),
                            interval_text(figure), published_part(summary, value)});
      rows.push_back(chart_row(name, figure, 'd'));
    }
    html +=
        "<h3>By " + html_text(by) + "</h3>" +
        picture(rows.size() > 1 && rows.size() <= kChartGroups ? interval_chart(rows, "Score by " + by) : "",
                "Disc and band: all items. Diamonds: one group with its interval.", table);
  }
  return html;
}

std::string lengths_section(const Json& summary, const ReportFigure& main) {
  const Json& lengths = part_at(summary, "lengths");
  if (!lengths.is_array() || lengths.empty()) return "";
  const std::string words = item_score_words(summary);
  PageTable table{"Score by length of the sound" + (words.empty() ? words : ": " + words),
                  {"seconds", ">n", ">score", ">95 % interval"},
                  {}};
  std::vector<ChartRow> rows;
  if (words.empty()) rows.push_back(chart_row("all items", main, 'o'));  // else of another scale
  for (const Json& bin : lengths) {
    const ReportFigure figure = read_figure(bin);
    const auto to = number_at(bin, "to");
    const std::string name = to ? fmt::format("{:g} to {:g} s", number_at(bin, "from").value_or(0), *to)
                                : fmt::format("{:g} s and more", number_at(bin, "from").value_or(0));
    table.rows.push_back({name, count_text(figure.n), shown_value(figure), interval_text(figure)});
    if (figure.n > 0) rows.push_back(chart_row(name, figure, 'd'));
  }
  return picture(interval_chart(rows, "Score by length of the sound"),
                 "Disc and band, where there are: all items. Diamonds: sounds of one length.", table);
}

std::string judge_section(const Json& summary) {
  const JudgeView view = judge_view(summary);
  return view.rows.empty() ? "" : page_table({view.title, {"answers", ">n", ">mean mark"}, view.rows});
}

std::string letters_section(const Json& summary) {
  const Json& letters = part_at(summary, "letters");
  const Json &gold = part_at(letters, "gold"), &answered = part_at(letters, "answered");
  if (!gold.is_array() || !answered.is_array()) return "";
  PageTable table{"How often each option is right, and is answered", {"option", ">right", ">answered"}, {}};
  std::vector<PairRow> rows;
  const auto at = [](const Json& list, std::size_t i) {
    return i < list.size() && list[i].is_number() ? list[i].get<double>() : 0.0;
  };
  for (std::size_t i = 0; i < std::max(gold.size(), answered.size()); ++i) {
    const std::string name = i < 26 ? std::string(1, static_cast<char>('A' + i)) : std::to_string(i + 1);
    rows.push_back({name, at(gold, i), at(answered, i)});
    table.rows.push_back(
        {name, fmt::format("{:.0f}", rows.back().first), fmt::format("{:.0f}", rows.back().second)});
  }
  return picture(pair_chart(rows, "How often each option is right, and is answered"),
                 "Hollow columns: right options. Filled columns: answered ones.", table);
}

std::string confusion_section(const Json& summary) {
  const Json& confusion = part_at(summary, "confusion");
  if (!part_at(confusion, "labels").is_array() || !part_at(confusion, "counts").is_array()) return "";
  std::vector<std::string> labels;
  for (const Json& label : confusion["labels"]) labels.push_back(plain_text(label));
  std::vector<std::vector<double>> counts;
  for (const Json& row : confusion["counts"]) {
    counts.emplace_back();
    for (const Json& n : row) counts.back().push_back(n.is_number() ? n.get<double>() : 0);
  }
  struct Mix {
    double n;
    std::size_t gold, answered;
  };
  std::vector<Mix> mixed;
  PageTable recalls{"Classes", {"class", ">items", ">found", ">recall"}, {}};
  for (std::size_t gold = 0; gold < counts.size() && gold < labels.size(); ++gold) {
    double sum = 0;
    for (std::size_t k = 0; k < counts[gold].size(); ++k) {
      sum += counts[gold][k];
      if (k != gold && counts[gold][k] > 0) mixed.push_back({counts[gold][k], gold, k});
    }
    const double found = gold < counts[gold].size() ? counts[gold][gold] : 0;
    recalls.rows.push_back({fmt::format("{} {}", gold + 1, labels[gold]), fmt::format("{:.0f}", sum),
                            fmt::format("{:.0f}", found), sum > 0 ? shown_share(found / sum) : "no items"});
  }
  std::stable_sort(mixed.begin(), mixed.end(), [](const Mix& a, const Mix& b) { return a.n > b.n; });
  PageTable table{"Most frequent mistakes", {"right", "answered", ">items"}, {}};
  for (std::size_t i = 0; i < mixed.size() && i < kConfusionsShown; ++i)
    table.rows.push_back(
        {labels[mixed[i].gold],
         mixed[i].answered < labels.size() ? labels[mixed[i].answered] : std::string("none of them"),
         fmt::format("{:.0f}", mixed[i].n)});
  return picture(
             confusion_chart(labels, counts, "Confusion matrix: right classes by rows, answers by columns"),
             "Rows: right. Columns: answered, in the same order. The stronger the shade, the larger the "
             "share of the "
             "row.",
             recalls) +
         (table.rows.empty() ? std::string() : page_table(table));
}

std::string calibration_section(const Json& summary) {
  const Json& calibration = part_at(summary, "calibration");
  if (!part_at(calibration, "bins").is_array()) return "";
  PageTable table{"Calibration", {"bin", ">n", ">confidence", ">right"}, {}};
  std::vector<CalibrationPoint> points;
  for (const Json& bin : calibration["bins"]) {
    const CalibrationPoint point{number_at(bin, "confidence").value_or(0),
                                 number_at(bin, "accuracy").value_or(0), number_at(bin, "n").value_or(0)};
    const bool any = point.n > 0;
    table.rows.push_back(
        {fmt::format("{:g} to {:g}", number_at(bin, "low").value_or(0), number_at(bin, "high").value_or(0)),
         fmt::format("{:.0f}", point.n), any ? shown_share(point.confidence) : "",
         any ? shown_share(point.accuracy) : ""});
    points.push_back(point);
  }
  return fmt::format("<p>Expected calibration error {:.3f}.</p>", number_at(calibration, "ece").value_or(0)) +
         picture(
             calibration_chart(points, "Share of right answers by confidence"),
             "On the dashed line answers are right as often as the model is sure. Larger discs: more items.",
             table);
}

}  // namespace af2
