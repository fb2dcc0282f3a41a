// The sections of report.html that are made of a summary alone: each a drawing with its table, or "" where
// the summary has nothing for it.
//
// Items are report_items.h's, the page report_html.h's. All texts are escaped here. Thread rule: pure
// functions.
//
//   const Headline head = headline_of(summary);
//   html += headline_section(summary, head) + groups_section(summary, head.main);
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "af2/core/json.h"
#include "af2/eval/report_figures.h"
#include "af2/eval/report_svg.h"

namespace af2 {

struct PageTable {
  std::string caption;
  std::vector<std::string> head;               // a name that begins with '>' is of a column of numbers
  std::vector<std::vector<std::string>> rows;  // not yet escaped; the first cell names the row
};

std::string page_table(const PageTable& table);
std::string fact_table(const std::string& caption,
                       const std::vector<std::pair<std::string, std::string>>& facts);
// A drawing with the words below it, and the table of the same figures; the table alone where `svg` is empty.
std::string picture(const std::string& svg, const std::string& below, const PageTable& table);
// The figure in the unit that is shown.
ChartRow chart_row(const std::string& label, const ReportFigure& figure, char mark);

std::string headline_section(const Json& summary, const Headline& head);
std::string published_section(const Json& summary);
std::string metrics_section(const Json& summary, const Headline& head);
std::string weakness_section(const Json& summary, const Headline& head);
std::string groups_section(const Json& summary, const ReportFigure& main);
std::string lengths_section(const Json& summary, const ReportFigure& main);
std::string letters_section(const Json& summary);
std::string judge_section(const Json& summary);
std::string confusion_section(const Json& summary);
std::string calibration_section(const Json& summary);

}  // namespace af2
