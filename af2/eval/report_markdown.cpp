#include "af2/eval/report_markdown.h"

#include <fmt/format.h>

#include <string_view>
#include <vector>

#include "af2/eval/report_figures.h"

namespace af2 {
namespace {

constexpr std::size_t kFlippedInMarkdown = 50;

// Nothing of a text is taken for markup, and it stays within its cell.
std::string md_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<')
      out += "&lt;";
    else if (c == '\n' || c == '\r' || c == '\t')
      out += ' ';
    else if (std::string_view("\\|*`[]").find(c) != std::string_view::npos)
      out += std::string("\\") + c;
    else
      out += c;
  }
  return out;
}

using MdRow = std::vector<std::string>;  // escaped cells

std::string md_row(const MdRow& cells) {
  std::string line = "|";
  for (const std::string& cell : cells) line += " " + cell + " |";
  return line + "\n";
}
// `head`: a name that begins with '>' is of a column of numbers.
std::string md_table(const MdRow& head, const std::vector<MdRow>& rows) {
  MdRow names, marks;
  for (const std::string& name : head) {
    const bool right = !name.empty() && name.front() == '>';
    names.push_back(right ? name.substr(1) : name);
    marks.push_back(right ? "---:" : "---");
  }
  std::string text = md_row(names) + md_row(marks);
  for (const MdRow& row : rows) text += md_row(row);
  return text + "\n";
}

std::string md_facts(const std::vector<std::pair<std::string, std::string>>& facts) {
  std::vector<MdRow> rows;
  for (const auto& [name, value] : facts) rows.push_back({md_text(name), md_text(value)});
  return md_table({"what", "value"}, rows);
}

std::string md_first_line(const Json& summary, const Headline& head) {
  const Json& counts = part_at(summary, "counts");
  const std::int64_t n = count_at(counts, "n"), unmatched = count_at(counts, "unmatched");
  const auto short_value = [](const std::optional<ReportFigure>& figure) {
    return figure ? shown_value(*figure) : std::string("none");
  };
  std::string audio_off = "not run", few;
  for (const WeaknessLine& line : weaknesses(summary))
    if (line.name == "audio_off" && line.figure.value) audio_off = shown_value(line.figure);
  for (const auto& [words, sentence] : caveats(summary)) few += (few.empty() ? "" : "; ") + words;
  const PublishedView published = published_view(summary);
  const auto known = [&](const char* role) {
    const PublishedLine* line = published.first(role);
    return line ? md_text(line->value_shown) : std::string("not known");
  };
  return md_table({"score \xc2\xb1", ">n", ">failures", ">unmatched", "official / robust", "audio off",
                   "hearing gain", "AF2", "best", "caveat"},
                  {{plus_minus(head.main), count_text(n), count_text(count_at(counts, "failed")),
                    n > 0 ? fmt::format("{} ({})", count_text(unmatched),
                                        shown_share(static_cast<double>(unmatched) / static_cast<double>(n)))
                          : count_text(unmatched),
                    short_value(head.official) + " / " + short_value(head.robust), audio_off,
                    md_text(hearing_gain_text(summary)), known("af2"), known("best"),
                    few.empty() ? "none known" : md_text(few)}});
}

std::string md_metrics(const Json& summary) {
  std::vector<MdRow> rows;
  for (const Json& metric : part_at(summary, "metrics")) {
    const ReportFigure figure = read_figure(metric);
    rows.push_back({md_text(figure.title()), shown_value(figure), interval_text(figure), count_text(figure.n),
                    is_share(figure.unit) ? "" : md_text(figure.unit), md_text(figure.note)});
  }
  return "## Metrics\n\n" + md_table({"metric", ">value", ">95 % interval", ">n", "unit", "note"}, rows);
}

std::string md_groups(const Json& summary, const ReportFigure& main) {
  std::string text;
  const Json& groups = part_at(summary, "groups");
  if (!groups.is_object()) return text;
  for (const auto& [by, list] : groups.items()) {
    std::vector<MdRow> rows;
    std::string name = main.name;
    for (const Json& group : list) {
      const ReportFigure figure = group_figure(group, main);
      if (!figure.name.empty()) name = figure.title();
      const std::string value = text_at(group, "value");
      rows.push_back({md_text(value.empty() ? "(none)" : value), count_text(count_at(group, "n")),
                      shown_value(figure), interval_text(figure), md_text(published_part(summary, value))});
    }
    text += "## " + md_text(name) + " by " + md_text(by) + "\n\n" +
            md_table({md_text(by), ">n", ">score", ">95 % interval", ">AF2, published"}, rows);
  }
  return text;
}

std::string md_judge(const Json& summary) {
  const JudgeView view = judge_view(summary);
  if (view.rows.empty()) return "";
  std::vector<MdRow> rows;
  for (const auto& row : view.rows) rows.push_back({md_text(row[0]), row[1], row[2]});
  return "## Judge\n\n" + md_text(view.title) + ".\n\n" + md_table({"answers", ">n", ">mean mark"}, rows);
}

std::string md_weaknesses(const Json& summary, const ReportFigure& main) {
  std::vector<MdRow> rows = {
      {"**this run**", shown_value(main), interval_text(main), count_text(main.n), "", ""}};
  for (const WeaknessLine& line : weaknesses(summary))
    rows.push_back({md_text(line.name), shown_value(line.figure), interval_text(line.figure),
                    count_text(line.figure.n), md_text(line.verdict), md_text(line.note)});
  return "## What is reached without hearing, or with less\n\n" +
         md_table({"how", ">value", ">95 % interval", ">n", "score minus it", "note"}, rows) +
         "Hearing gain: " + md_text(hearing_gain_text(summary)) + ".\n\n";
}

std::string md_published(const Json& summary) {
  const PublishedView view = published_view(summary);
  if (view.rows.empty()) return "## Published values\n\nNone are known.\n\n";
  std::string text =
      fmt::format("## Published values\n\nMetric {}, unit {}. ", md_text(view.metric), md_text(view.unit));
  if (view.ours)
    text += fmt::format(
        "This run in that unit: {:.{}f}{}.", *view.ours->value, view.unit == "percent" ? 1 : 3,
        view.ours->low && view.ours->high
            ? fmt::format(" ({:.{}f} to {:.{}f})", *view.ours->low, view.unit == "percent" ? 1 : 3,
                          *view.ours->high, view.unit == "percent" ? 1 : 3)
            : "");
  else
    text += "Not compared: " + md_text(view.why_not) + ".";
  std::vector<MdRow> rows;
  for (const PublishedLine& line : view.rows)
    rows.push_back({md_text(line.role), md_text(line.model), md_text(line.value_shown), md_text(line.verdict),
                    md_text(line.source), md_text(line.note)});
  return text + "\n\n" + md_table({"role", "model", ">value", "against this run", "source", "note"}, rows);
}

std::string md_compare(const Json& compare) {
  if (!compare.is_object()) return "";
  const CompareView view = compare_view(compare);
  std::string text = fmt::format("## Two runs\n\nA: {}. B: {}. {}\n\n", md_text(view.a), md_text(view.b),
                                 md_text(view.verdict)) +
                     md_facts(view.facts);
  const Json& groups = part_at(compare, "groups");
  if (groups.is_object())
    for (const auto& [by, list] : groups.items()) {
      std::vector<MdRow> rows;
      for (const Json& group : list) {
        const ReportFigure figure = read_figure(group);
        rows.push_back({md_text(text_at(group, "value")), count_text(count_at(group, "n")),
                        difference_text(number_at(group, "difference"), figure.unit), interval_text(figure)});
      }
      text += "### B minus A by " + md_text(by) + "\n\n" +
              md_table({md_text(by), ">n", ">difference", ">95 % interval"}, rows);
    }
  const Json& flipped = part_at(compare, "flipped");
  if (!flipped.is_array() || flipped.empty()) return text;
  std::vector<MdRow> rows;
  for (const Json& item : flipped) {
    if (rows.size() == kFlippedInMarkdown) break;
    rows.push_back({md_text(text_at(item, "id")), md_text(text_at(item, "a")), md_text(text_at(item, "b"))});
  }
  text += "### Items that flipped\n\n" + md_table({"id", ">A", ">B"}, rows);
  if (flipped.size() > rows.size())
    text +=
        fmt::format("and {} more\n\n", count_text(static_cast<std::int64_t>(flipped.size() - rows.size())));
  return text;
}

std::string md_list(const char* title, const std::vector<std::string>& lines) {
  if (lines.empty()) return "";
  std::string text = std::string("## ") + title + "\n\n";
  for (const std::string& line : lines) text += "- " + md_text(line) + "\n";
  return text + "\n";
}

}  // namespace

std::string report_markdown(const Json& summary, const Json& compare) {
  check_summary(summary);
  const Headline head = headline_of(summary);
  const Json& benchmark = part_at(summary, "benchmark");
  std::vector<std::string> caveat_lines, traps;
  for (const auto& [words, sentence] : caveats(summary)) caveat_lines.push_back(sentence);
  if (const Json& list = part_at(benchmark, "traps"); list.is_array())
    for (const Json& trap : list) traps.push_back(plain_text(trap));
  std::string text =
      "# " + md_text(text_at(benchmark, "name")) + "\n\n" +
      fmt::format("{}, {}, prompt {}.\n\n", md_text(text_at(part_at(summary, "run"), "model")),
                  md_text(head.main.title()), md_text(text_at(part_at(summary, "run"), "prompt")));
  text += md_first_line(summary, head) + md_list("Caveats", caveat_lines) + md_metrics(summary) +
          md_groups(summary, head.main) + md_judge(summary) + md_weaknesses(summary, head.main) +
          md_published(summary) + md_compare(compare) + md_list("Known defects of the benchmark", traps);
  if (const std::string words = text_at(benchmark, "contamination"); !words.empty())
    text += md_list("Contamination", {words});
  if (const auto facts = more_facts(summary); !facts.empty())
    text += "## More of this run\n\n" + md_facts(facts);
  return text + "## To run it again\n\n" + md_facts(reproducibility(summary));
}

}  // namespace af2
