// summary_text of summary.h.
#include <fmt/format.h>

#include "af2/eval/summary.h"

namespace af2 {
namespace {

constexpr std::int64_t kFewItems = 20;  // below it a percentage says less than the count

std::string metric_figure(const Json& metric) {
  if (!metric.value("known", true) || !metric.contains("value") || metric["value"].is_null())
    return "- (" + metric.value("note", std::string("not known")) + ")";
  const double value = metric["value"].get<double>();
  const std::string unit = metric.value("unit", std::string("fraction"));
  const auto n = metric.value("n", std::int64_t{0});
  if (unit != "fraction")
    return fmt::format("{:.4g}{}", value,
                       metric["low"].is_null() ? ""
                                               : fmt::format(" [{:.4g}, {:.4g}]", metric["low"].get<double>(),
                                                             metric["high"].get<double>()));
  if (n > 0 && n < kFewItems) return fmt::format("{:.0f} of {}", value * static_cast<double>(n), n);
  if (metric["low"].is_null()) return fmt::format("{:.1f} %", 100 * value);
  return fmt::format("{:.1f} % [{:.1f}, {:.1f}]", 100 * value, 100 * metric["low"].get<double>(),
                     100 * metric["high"].get<double>());
}

std::string share_text(const Json& json, const char* key) {
  return json.contains(key) && json[key].is_number() ? fmt::format("{:.1f} %", 100 * json[key].get<double>())
                                                     : "-";
}

// What the run itself has on the same items, where those are not all.
std::string beside_text(const Json& row) {
  if (!row.contains("beside") || !row["beside"].is_object()) return "";
  return fmt::format("; this run on those {}: {}", row["beside"].at("n").get<std::int64_t>(),
                     share_text(row["beside"], "value"));
}

}  // namespace

std::string summary_text(const Json& summary) {
  std::string text;
  const auto line = [&](const std::string& name, const std::string& value) {
    text += fmt::format("{:<28} {}\n", name, value);
  };
  const Json& counts = summary.at("counts");
  text += fmt::format("{}: {} items, {} failed, {} not understood, {} cut at the length\n",
                      summary.at("benchmark").at("id").get<std::string>(), counts.at("n").get<std::int64_t>(),
                      counts.at("failed").get<std::int64_t>(), counts.at("unmatched").get<std::int64_t>(),
                      counts.at("length").get<std::int64_t>());
  for (const Json& metric : summary.at("metrics")) {
    const std::string matcher = metric.value("matcher", std::string());
    line(metric.at("name").get<std::string>() + (matcher.empty() ? "" : " (" + matcher + ")"),
         metric_figure(metric));
  }
  for (const Json& blind : summary.at("blind")) {
    const std::string note = blind.value("note", std::string());
    line(blind.at("name").get<std::string>(),
         share_text(blind, "value") + (note.empty() ? "" : " (" + note + ")") + beside_text(blind));
  }
  for (const Json& variant : summary.at("variants"))
    line(variant.at("name").get<std::string>(),
         fmt::format("{} (n {})", share_text(variant, "value"), variant.at("n").get<std::int64_t>()) +
             beside_text(variant));
  const Json& gain = summary.at("hearing_gain");
  if (!gain.is_null())
    line("hearing gain",
         fmt::format("{:+.1f} points [{:+.1f}, {:+.1f}] over {}", 100 * gain.at("value").get<double>(),
                     100 * gain.at("low").get<double>(), 100 * gain.at("high").get<double>(),
                     gain.at("over").get<std::string>()));
  const Json& turned = summary.at("rotations");
  if (!turned.is_null())
    line("options in other orders", fmt::format("mean {}, right in all {}", share_text(turned, "mean"),
                                                share_text(turned, "circular_accuracy")));
  for (const auto& [by, rows] : summary.at("groups").items())
    for (const Json& row : rows)
      if (!row.at("metrics").empty())
        line(by + "=" + row.at("value").get<std::string>(),
             fmt::format("{} (n {})", metric_figure(row.at("metrics").front()),
                         row.at("n").get<std::int64_t>()));
  return text;
}

}  // namespace af2
