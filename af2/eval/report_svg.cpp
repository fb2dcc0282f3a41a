#include "af2/eval/report_svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "af2/core/html.h"
#include "af2/eval/report_figures.h"
#include "af2/factory/report.h"

namespace af2 {
namespace {

constexpr double kChartWidth = 360;         // units of the drawing: those of a narrow screen
constexpr std::size_t kCountsInCells = 10;  // classes up to which counts fit into the cells

std::string svg_open(double height, const std::string& aria) {
  return fmt::format("<svg viewBox=\"0 0 {} {:.0f}\" role=img aria-label=\"{}\">", kChartWidth, height,
                     html_text(aria));
}

// About four round numbers within [low, high].
std::vector<double> round_ticks(double low, double high) {
  const double raw = (high - low) / 4, power = std::pow(10, std::floor(std::log10(raw)));
  double step = 10 * power;
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * power >= raw) {
      step = factor * power;
      break;
    }
  std::vector<double> ticks;
  for (double k = std::ceil(low / step); k * step <= high + 1e-9 * step; ++k) ticks.push_back(k * step + 0.0);
  return ticks;
}

std::string chart_mark(char mark, double x, double y) {
  if (mark == 'd') return fmt::format("<path class=m d=\"M{:.1f} {:.1f}l5 5l-5 5l-5 -5z\"/>", x, y - 5);
  if (mark == 's')
    return fmt::format("<rect class=mo x=\"{:.1f}\" y=\"{:.1f}\" width=8 height=8 />", x - 4, y - 4);
  return fmt::format("<circle class=b cx=\"{:.1f}\" cy=\"{:.1f}\" r=5 />", x, y);
}

}  // namespace

std::string interval_chart(const std::vector<ChartRow>& rows, const std::string& aria) {
  constexpr double kRow = 32, kTop = 4, kAxis = 20, kLeft = 10, kRight = 10;
  double low = 1e300, high = -1e300;
  for (const ChartRow& row : rows)
    for (const auto& number : {row.value, row.low, row.high})
      if (number) low = std::min(low, *number), high = std::max(high, *number);
  if (low > high) return "";
  const double pad = std::max({(high - low) * 0.05, std::fabs(high) * 0.01, 1e-6});
  low -= pad, high += pad;
  const double bottom = kTop + kRow * static_cast<double>(rows.size());
  const auto x = [&](double value) {
    return kLeft + (kChartWidth - kLeft - kRight) * (value - low) / (high - low);
  };
  std::string svg = svg_open(bottom + kAxis, aria);
  if (const ChartRow& first = rows.front(); first.mark == 'o' && first.low && first.high)
    svg += fmt::format("<rect class=band x=\"{:.1f}\" y=0 width=\"{:.1f}\" height=\"{:.1f}\"/>",
                       x(*first.low), x(*first.high) - x(*first.low), bottom);
  for (const double tick : round_ticks(low, high))
    svg += fmt::format(
        "<line class={4} x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=0 y2=\"{1:.1f}\"/><text x=\"{0:.1f}\" "
        "y=\"{2:.1f}\" "
        "text-anchor=middle>{3:.4g}</text>",
        x(tick), bottom, bottom + 14, tick, tick == 0 && low < 0 ? "limit" : "l");
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const ChartRow& row = rows[i];
    const double y = kTop + kRow * static_cast<double>(i);
    svg += fmt::format(
        "<g><title>{}: {}</title><text class=ink x=2 y=\"{:.1f}\">{}</text><text class=ink "
        "x=\"{}\" y=\"{:.1f}\" text-anchor=end>{}</text>",
        html_text(row.label), html_text(row.shown), y + 11, html_text(cut_text(row.label, 36)),
        kChartWidth - 2, y + 11, html_text(row.shown));
    const double middle = y + 21;
    if (row.low && row.high)
      svg += fmt::format("<path class=i d=\"M{0:.1f} {2:.1f}H{1:.1f}M{0:.1f} {3:.1f}v6M{1:.1f} {3:.1f}v6\"/>",
                         x(*row.low), x(*row.high), middle, middle - 3);
    if (row.value) svg += chart_mark(row.mark, x(*row.value), middle);
    svg += "</g>";
  }
  return svg + "</svg>";
}

std::string pair_chart(const std::vector<PairRow>& rows, const std::string& aria) {
  constexpr double kHeight = 170, kBottom = 18, kTop = 16;
  if (rows.empty()) return "";
  double most = 1;
  for (const PairRow& row : rows) most = std::max({most, row.first, row.second});
  const double step = kChartWidth / static_cast<double>(rows.size()), width = std::min(40.0, 0.4 * step);
  std::string svg = svg_open(kHeight, aria);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const double middle = step * (static_cast<double>(i) + 0.5);
    const auto column = [&](double n, double left, const char* name) {
      const double tall = (kHeight - kTop - kBottom) * n / most, y = kHeight - kBottom - tall;
      svg += fmt::format("<rect class={} x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\"/>",
                         name, left, y, width, tall);
      if (rows.size() <= 6)
        svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=middle>{:.0f}</text>",
                           left + width / 2, y - 3, n);
    };
    column(rows[i].first, middle - width - 1, "mo");
    column(rows[i].second, middle + 1, "b");
    svg += fmt::format("<text class=ink x=\"{:.1f}\" y=\"{}\" text-anchor=middle>{}</text>", middle,
                       kHeight - 4, html_text(cut_text(rows[i].label, 12)));
  }
  return svg + fmt::format("<line class=l x1=0 x2=\"{0}\" y1=\"{1}\" y2=\"{1}\"/></svg>", kChartWidth,
                           kHeight - kBottom);
}

std::string calibration_chart(const std::vector<CalibrationPoint>& points, const std::string& aria) {
  constexpr double kSide = 280, kLeft = 42, kTop = 8, kBottom = 34;
  const auto x = [&](double share) { return kLeft + kSide * share; };
  const auto y = [&](double share) { return kTop + kSide * (1 - share); };
  double most = 1;
  for (const CalibrationPoint& point : points) most = std::max(most, point.n);
  std::string svg = svg_open(kTop + kSide + kBottom, aria);
  for (const double share : {0.0, 0.25, 0.5, 0.75, 1.0})
    svg += fmt::format(
        "<path class=l d=\"M{:.1f} {:.1f}V{:.1f}M{:.1f} {:.1f}H{:.1f}\"/><text x=\"{:.1f}\" y=\"{:.1f}\" "
        "text-anchor=middle>{:.0f}</text><text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=end>{:.0f}</text>",
        x(share), y(0), y(1), x(0), y(share), x(1), x(share), y(0) + 13, 100 * share, kLeft - 4, y(share) + 4,
        100 * share);
  svg += fmt::format("<path class=limit d=\"M{:.1f} {:.1f}L{:.1f} {:.1f}\"/>", x(0), y(0), x(1), y(1));
  std::string line, marks;
  for (const CalibrationPoint& point : points) {
    if (point.n <= 0) continue;
    line += fmt::format("{}{:.1f} {:.1f}", line.empty() ? "M" : "L", x(point.confidence), y(point.accuracy));
    marks += fmt::format(
        "<circle class=b cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:.1f}\"><title>{:.0f} items: confidence {:.1f} %, "
        "right {:.1f} %</title></circle>",
        x(point.confidence), y(point.accuracy), 2 + 7 * std::sqrt(point.n / most), point.n,
        100 * point.confidence, 100 * point.accuracy);
  }
  if (!line.empty()) svg += fmt::format("<path class=i d=\"{}\"/>", line);
  return svg + marks +
         fmt::format(
             "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=middle>confidence, %</text><text "
             "transform=\"translate(11 {:.1f}) rotate(-90)\" text-anchor=middle>right, %</text></svg>",
             x(0.5), y(0) + 28, y(0.5));
}

std::string confusion_chart(const std::vector<std::string>& labels,
                            const std::vector<std::vector<double>>& counts, const std::string& aria) {
  std::size_t columns = labels.size();
  for (const auto& row : counts) columns = std::max(columns, row.size());
  if (labels.empty() || counts.empty()) return "";
  const bool few = labels.size() <= kCountsInCells;
  const double left = few ? 92 : 34, top = 40;
  const double cell = std::min(44.0, (kChartWidth - left - 2) / static_cast<double>(columns));
  std::string svg = svg_open(top + cell * static_cast<double>(counts.size()) + 4, aria) +
                    fmt::format("<text x=\"{:.1f}\" y=12>answered</text><text x=2 y=\"{:.1f}\">right</text>",
                                left, top - 8);
  // Many classes are numbered; the table beside the drawing has their names.
  const std::size_t every = 1 + columns / 16;
  for (std::size_t k = 0; k < columns; k += every)
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=middle>{}</text>",
                       left + cell * (static_cast<double>(k) + 0.5), top - 8,
                       k < labels.size() ? std::to_string(k + 1) : "none");
  for (std::size_t gold = 0; gold < counts.size(); ++gold) {
    const double y = top + cell * static_cast<double>(gold);
    double sum = 0;
    for (const double n : counts[gold]) sum += n;
    const std::string name = gold < labels.size() ? labels[gold] : std::string("none");
    if (few)
      svg += fmt::format("<text class=ink x=2 y=\"{:.1f}\">{} {}</text>", y + cell / 2 + 4, gold + 1,
                         html_text(cut_text(name, 12)));
    else if (gold % every == 0)
      svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=end>{}</text>", left - 4,
                         y + cell / 2 + 4, gold + 1);
    for (std::size_t answered = 0; answered < counts[gold].size(); ++answered) {
      const double n = counts[gold][answered];
      if (n == 0 && !few) continue;
      svg += fmt::format(
          "<rect class=cell fill-opacity=\"{:.2f}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" "
          "height=\"{:.1f}\"><title>{}, answered {}: {:.0f}</title></rect>",
          sum > 0 ? (few ? 0.6 : 0.95) * n / sum : 0.0, left + cell * static_cast<double>(answered), y,
          cell - 1, cell - 1, html_text(name),
          answered < labels.size() ? html_text(labels[answered]) : "none", n);
      if (few && n > 0)
        svg += fmt::format("<text class=ink x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=middle>{:.0f}</text>",
                           left + cell * (static_cast<double>(answered) + 0.5) - 0.5, y + cell / 2 + 4, n);
    }
  }
  return svg +
         fmt::format("<rect class=frame x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\"/></svg>",
                     left - 0.5, top - 0.5, cell * static_cast<double>(columns),
                     cell * static_cast<double>(counts.size()));
}

}  // namespace af2
