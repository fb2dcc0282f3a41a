// The report as a page (report.h): tables, bars and small drawings in plain HTML, CSS and SVG.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "af2/core/html.h"
#include "af2/factory/report.h"

namespace af2 {
namespace {

const char* const kStyle = R"(
:root { color-scheme: light dark; --ink: #1c2024; --soft: #5b636b; --paper: #fbfbfa; --card: #ffffff; --line: #d9dde1;
  --bar: #3b7dd8; --bar2: #a9c6ee; --good: #1f7a4d; --bad: #b3261e; --mark: #eef4fc; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7e9ec; --soft: #a3abb3; --paper: #16181b; --card: #1e2125;
  --line: #363b41; --bar: #6ea8f2; --bar2: #34506f; --good: #6fcf9a; --bad: #ff8a80; --mark: #232c37; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.6rem; margin: 0 0 .3rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; border-bottom: 1px solid var(--line); padding-bottom: .2rem; }
h3 { font-size: 1rem; margin: 1.2rem 0 .4rem; }
nav { font-size: .9rem; margin-bottom: 1rem; } nav a { margin-right: .9rem; color: var(--bar); text-decoration: none; }
nav a:hover { text-decoration: underline; }
.figures { display: flex; flex-wrap: wrap; gap: .7rem; }
.figure { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .5rem .9rem; min-width: 7.5rem; }
.figure b { display: block; font-size: 1.35rem; font-variant-numeric: tabular-nums; } .figure span { color: var(--soft); font-size: .85rem; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(320px, 1fr)); gap: 0 2rem; align-items: start; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th { text-align: left; font-weight: 600; color: var(--soft); } th, td { padding: .22rem .6rem .22rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; padding-right: 1rem; }
td.share { width: 30%; min-width: 6rem; vertical-align: middle; } .bar { height: .75rem; background: var(--bar); border-radius: 2px; min-width: 1px; }
td.long { overflow-wrap: anywhere; color: var(--soft); }
.good { color: var(--good); } .bad { color: var(--bad); font-weight: 600; } .soft { color: var(--soft); }
svg { display: block; max-width: 100%; height: auto; } svg text { fill: var(--soft); font: 11px system-ui, sans-serif; }
svg .b { fill: var(--bar); } svg .b2 { fill: var(--bar2); } svg .l { stroke: var(--line); } svg .i { stroke: var(--ink); } svg text.ink { fill: var(--ink); }
svg .ok { fill: var(--good); } svg .no { fill: var(--bad); } svg .limit { stroke: var(--soft); stroke-dasharray: 3 3; }
details { margin: .4rem 0; } summary { cursor: pointer; padding: .3rem 0; font-weight: 600; } summary span { font-weight: 400; color: var(--soft); }
.item { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .7rem .9rem; margin: .6rem 0; }
.item p { margin: 0 0 .4rem; overflow-wrap: anywhere; } .item .q { font-weight: 600; } .item audio { width: 100%; max-width: 460px; height: 36px; margin: .2rem 0 .4rem; }
.item ol { list-style: upper-alpha; margin: 0 0 .4rem; padding-left: 1.6rem; } .item li.right { background: var(--mark); font-weight: 600; }
.item .from { font-size: .8rem; color: var(--soft); margin: .3rem 0 0; }
)";

std::string count_text(double n) {
  std::string digits = fmt::format("{:.0f}", n);
  for (std::ptrdiff_t at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3)
    digits.insert(static_cast<std::size_t>(at), "\xe2\x80\xaf");  // a narrow blank
  return digits;
}
std::string percent(double share) {
  return fmt::format("{:.1f} %", 100 * share);
}

std::string bar_cell(double share) {
  return fmt::format("<td class=share><div class=bar style=\"width:{:.1f}%\"></div></td>",
                     100 * std::clamp(share, 0.0, 1.0));
}

// Rows of a name, its number and a bar of its share of all.
std::string count_table(const Json& counts, const char* head) {
  double sum = 0, most = 0;
  for (const auto& [key, n] : counts.items()) sum += n.get<double>(), most = std::max(most, n.get<double>());
  std::string html = fmt::format("<table><tr><th>{}<th class=n>items<th class=n>share<th></tr>", head);
  for (const auto& [key, n] : counts.items())
    html += fmt::format("<tr><td>{}<td class=n>{}<td class=n>{}{}</tr>", html_text(key),
                        count_text(n.get<double>()), percent(n.get<double>() / sum),
                        bar_cell(n.get<double>() / most));
  return counts.empty() ? "<p class=soft>none</p>" : html + "</table>";
}

std::string list_of(const Json& counts) {
  std::string text;
  for (const auto& [key, n] : counts.items())
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", html_text(key), count_text(n.get<double>()));
  return text;
}

std::string figure(const std::string& value, const char* what) {
  return fmt::format("<div class=figure><b>{}</b><span>{}</span></div>", value, what);
}

// Columns of numbers with names below.
std::string columns(const std::vector<std::pair<std::string, double>>& values, const char* what) {
  constexpr double kWidth = 480, kHeight = 150, kLeft = 4, kBottom = 18, kTop = 16;
  double most = 1;
  for (const auto& [name, n] : values) most = std::max(most, n);
  const double step = (kWidth - kLeft) / static_cast<double>(std::max<std::size_t>(1, values.size()));
  std::string svg = fmt::format("<svg viewBox=\"0 0 {} {}\" width=\"{}\" role=img aria-label=\"{}\">", kWidth,
                                kHeight, kWidth, what);
  const std::size_t every = 1 + values.size() / 16;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double x = kLeft + step * static_cast<double>(i),
                 high = (kHeight - kBottom - kTop) * values[i].second / most, y = kHeight - kBottom - high;
    svg += fmt::format(
        "<rect class=b x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\"><title>{}: "
        "{}</title></rect>",
        x + 1, y, std::max(1.0, step - 2), high, html_text(values[i].first), count_text(values[i].second));
    if (i % every == 0)
      svg += fmt::format("<text x=\"{:.1f}\" y=\"{}\" text-anchor=middle>{}</text>", x + step / 2,
                         kHeight - 4, html_text(values[i].first));
    if (values.size() <= 12 && values[i].second > 0)
      svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=middle>{}</text>", x + step / 2, y - 3,
                         count_text(values[i].second));
  }
  return svg + fmt::format("<line class=l x1=0 x2=\"{}\" y1=\"{}\" y2=\"{}\"/></svg>", kWidth,
                           kHeight - kBottom, kHeight - kBottom);
}

// A solver's accuracy with its interval, chance and limit, on a line from 0 to 1.
std::string interval(const Json& s) {
  constexpr double kWidth = 220;
  const auto x = [](double share) { return 2 + (kWidth - 4) * std::clamp(share, 0.0, 1.0); };
  const double accuracy = s["accuracy"], chance = s["chance"];
  return fmt::format(
      "<svg viewBox=\"0 0 {0} 16\" width=\"{0}\" height=16><line class=l x1=2 x2=\"{1}\" y1=8 y2=8 /><line "
      "class=limit x1=\"{2:.1f}\" "
      "x2=\"{2:.1f}\" y1=1 y2=15 /><line class=i x1=\"{3:.1f}\" x2=\"{4:.1f}\" y1=8 y2=8 /><circle class={5} "
      "cx=\"{6:.1f}\" cy=8 r=3.5 /></svg>",
      kWidth, kWidth - 2, x(chance + 0.05), x(s["low"]), x(s["high"]), accuracy > chance + 0.05 ? "no" : "ok",
      x(accuracy));
}

// Events of the evidence as bars over the clip's time.
std::string timeline(const Json& item) {
  constexpr double kWidth = 460, kRow = 16, kText = 150;
  constexpr std::size_t kMost = 10;
  const Json& evidence = item["evidence"];
  const double duration = std::max(0.001, item.value("duration", 0.0));
  const std::size_t n = std::min(evidence.size(), kMost);
  const double high = kRow * static_cast<double>(n) + 16;
  const auto x = [&](double t) { return kText + (kWidth - kText - 4) * std::clamp(t / duration, 0.0, 1.0); };
  std::string svg = fmt::format(
      "<svg viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" role=img aria-label=\"evidence\">", kWidth,
      high);
  for (std::size_t i = 0; i < n; ++i) {
    const double y = kRow * static_cast<double>(i), onset = evidence[i].value("onset", 0.0),
                 offset = evidence[i].value("offset", 0.0);
    std::string label = evidence[i].value("label", "");
    const std::string whole = label;
    if (label.size() > 24) {
      label.resize(23);
      while (!label.empty() && (static_cast<unsigned char>(label.back()) & 0xC0) == 0x80) label.pop_back();
      if (!label.empty() && static_cast<unsigned char>(label.back()) >= 0xC0) label.pop_back();
      label += "\xe2\x80\xa6";
    }
    svg += fmt::format(
        "<g><title>{}: {:.2f} to {:.2f} s</title><text class=ink x=0 y=\"{:.1f}\">{}</text><line class=l "
        "x1=\"{}\" x2=\"{}\" "
        "y1=\"{:.1f}\" y2=\"{:.1f}\"/><rect class=b x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{}\" "
        "rx=2 /></g>",
        html_text(whole), onset, offset, y + 12, html_text(label), kText, kWidth - 4, y + 8, y + 8, x(onset),
        y + 3, std::max(2.0, x(offset) - x(onset)), kRow - 6);
  }
  svg += fmt::format(
      "<text x=\"{}\" y=\"{:.1f}\">0 s</text><text x=\"{}\" y=\"{:.1f}\" text-anchor=end>{:.1f} "
      "s</text></svg>",
      kText, high - 3, kWidth - 4, high - 3, duration);
  if (evidence.size() > n) svg += fmt::format("<p class=soft>and {} more</p>", evidence.size() - n);
  return svg;
}

std::string sample_card(const Json& item, const std::string& prefix) {
  const auto text = [&](const char* key) { return html_text(item.value(key, "")); };
  std::string address = address_of(prefix + item.value("audio", ""));
  const double start = item.value("start", 0.0), duration = item.value("duration", 0.0);
  if (start > 0) address += fmt::format("#t={:.3f},{:.3f}", start, start + duration);
  std::string html =
      fmt::format("<div class=item><p class=q>{}</p><audio controls preload=none src=\"{}\"></audio>",
                  text("question"), html_text(address));
  const int right = item.value("answer_index", -1);
  if (item.contains("options")) {
    html += "<ol>";
    for (std::size_t i = 0; i < item["options"].size(); ++i) {
      const std::string kind =
          item.contains("kinds") && i < item["kinds"].size() ? item["kinds"][i].get<std::string>() : "";
      html += fmt::format(
          "<li{}>{}{}</li>", static_cast<int>(i) == right ? " class=right" : "",
          html_text(item["options"][i].get<std::string>()),
          kind.empty() || kind == "value" ? "" : " <span class=soft>(" + html_text(kind) + ")</span>");
    }
    html += "</ol>";
  }
  html += fmt::format("<p>Answer: {}</p>", text("answer"));
  if (item.contains("evidence")) html += timeline(item);
  html += fmt::format(
      "<p class=from>{} \xc2\xb7 {} \xc2\xb7 level {} \xc2\xb7 {} {} \xc2\xb7 {} \xc2\xb7 {}</p></div>",
      text("id"), text("form"), text("level"), text("generator"), text("wording"), text("audio"),
      text("licence"));
  return html;
}

std::string words_part(const Json& words, const char* what) {
  std::vector<std::pair<std::string, double>> values;
  for (const Json& bin : words["counts"])
    values.emplace_back(bin["words"].dump(), bin["items"].get<double>());
  return fmt::format("<div><h3>Words of a{}: {:.1f} in the mean</h3>{}</div>", what,
                     words["mean"].get<double>(), columns(values, "words"));
}

}  // namespace

std::string address_of(std::string_view path) {
  std::string out;
  for (const char c : path) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~/").find(c) != std::string_view::npos;
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::string report_page(const Json& r, const std::string& audio_prefix) {
  const std::string name = html_text(r["name"].get<std::string>());
  std::string html = fmt::format(
      "<!doctype html>\n<html lang=en><head><meta charset=utf-8><meta name=viewport "
      "content=\"width=device-width, initial-scale=1\">"
      "<title>{0}</title><style>{1}</style></head>\n<body><main><h1>{0}</h1><nav><a "
      "href=#contents>Contents</a><a href=#answers>Answers</a>"
      "<a href=#lengths>Lengths</a><a href=#dropped>Left out</a><a href=#solvers>Without sound</a><a "
      "href=#overlap>Test sets</a>"
      "<a href=#samples>Items to hear</a></nav>\n<div class=figures>",
      name, kStyle);
  html += figure(count_text(r["items"]), "items") + figure(count_text(r["clips"]), "clips") +
          figure(fmt::format("{:.2f}", r["hours"].get<double>()), "hours") +
          figure(count_text(r["files"]), "sound files") + figure(count_text(r["groups"]), "groups");
  for (const auto& [key, value] : r["cost"].items())
    html += figure(html_text(value.is_string()         ? value.get<std::string>()
                             : value.is_number_float() ? fmt::format("{:.4g}", value.get<double>())
                                                       : value.dump()),
                   html_text(key).c_str());
  html +=
      "</div>\n<h2 id=contents>Contents</h2><div class=columns><div><h3>Skills</h3><table><tr><th>skill<th "
      "class=n>items<th class=n>clips<th class=n>hours<th></tr>";
  double most = 1;
  for (const Json& skill : r["skills"]) most = std::max(most, skill["items"].get<double>());
  for (const Json& skill : r["skills"])
    html += fmt::format("<tr><td>{}<td class=n>{}<td class=n>{}<td class=n>{:.2f}{}</tr>",
                        html_text(skill["skill"].get<std::string>()), count_text(skill["items"]),
                        count_text(skill["clips"]), skill["hours"].get<double>(),
                        bar_cell(skill["items"].get<double>() / most));
  html += "</table></div><div><h3>Splits</h3>" + count_table(r["splits"], "split") + "<h3>Forms</h3>" +
          count_table(r["forms"], "form") + "<h3>Levels</h3>" + count_table(r["levels"], "level") +
          "<h3>Licences of their sounds (a mixture counts for each)</h3>" +
          count_table(r["licences"], "licence") + "</div></div>\n";
  html +=
      "<h3>Types</h3><div class=scroll><table><tr><th>skill<th>type<th class=n>items<th>levels<th>forms</tr>";
  for (const Json& type : r["types"])
    html +=
        fmt::format("<tr><td>{}<td>{}<td class=n>{}<td>{}<td>{}</tr>",
                    html_text(type["skill"].get<std::string>()), html_text(type["type"].get<std::string>()),
                    count_text(type["items"]), list_of(type["levels"]), list_of(type["forms"]));
  html += "</table></div>\n<h2 id=answers>Answers</h2><div class=columns>";
  for (const auto& [skill, counts] : r["letters"].items())
    html +=
        "<div><h3>Right letters, " + html_text(skill) + "</h3>" + count_table(counts, "letter") + "</div>";
  for (const auto& [skill, counts] : r["sequences"].items())
    html += "<div><h3>Right sequences, " + html_text(skill) + "</h3>" + count_table(counts, "sequence") +
            "</div>";
  for (const auto& [type, counts] : r["yes_no"].items())
    html += "<div><h3>Yes and no, " + html_text(type) + "</h3>" + count_table(counts, "answer") + "</div>";
  if (!r["numbers"].empty()) {
    std::vector<std::pair<int, double>> sorted;
    for (const auto& [number, n] : r["numbers"].items())
      sorted.emplace_back(std::stoi(number), n.get<double>());
    std::sort(sorted.begin(), sorted.end());
    std::vector<std::pair<std::string, double>> values;
    for (const auto& [number, n] : sorted) values.emplace_back(std::to_string(number), n);
    html += "<div><h3>Numbers that are answers</h3>" + columns(values, "numbers") + "</div>";
  }
  html +=
      "</div>\n<h2 id=lengths>Lengths</h2><div class=columns><div><h3>Duration of the clips, seconds</h3>";
  std::vector<std::pair<std::string, double>> bins;
  for (const Json& bin : r["durations"])
    bins.emplace_back(bin.contains("to") ? "\xe2\x80\x93" + bin["to"].dump() : bin["from"].dump() + "+",
                      bin["clips"].get<double>());
  html += columns(bins, "durations") + "</div>" + words_part(r["question_words"], " question") +
          words_part(r["answer_words"], "n answer") + "</div>\n";

  html += "<h2 id=dropped>Left out</h2>";
  if (r["dropped"].empty()) {
    html += "<p class=soft>Nothing is known to have been left out.</p>";
  } else {
    html += "<div class=scroll><table><tr><th>check<th class=n>items<th>first</tr>";
    for (const Json& drop : r["dropped"])
      html += fmt::format("<tr><td>{}<td class=n>{}<td class=long>{}</tr>",
                          html_text(drop["reason"].get<std::string>()), count_text(drop["items"]),
                          html_text(drop["first"].get<std::string>()));
    html += "</table></div>";
  }
  html += "\n<h2 id=solvers>What can be guessed without the sound</h2>";
  if (r["solvers"].empty()) {
    html += "<p class=soft>Not tried.</p>";
  } else {
    html +=
        "<p class=soft>The dashed line is 5 points over chance; the bar is a 95 % interval.</p><div "
        "class=scroll><table><tr><th>items<th>solver"
        "<th class=n>n<th class=n>right<th class=n>chance<th class=n>over<th class=n>interval<th></tr>";
    for (const Json& s : r["solvers"]) {
      const double over = s["accuracy"].get<double>() - s["chance"].get<double>();
      html += fmt::format(
          "<tr><td>{}<td>{}<td class=n>{}<td class=n>{}<td class=n>{}<td class=\"n {}\">{:+.1f}<td "
          "class=n>{:.1f} to {:.1f}<td>{}</tr>",
          html_text(s["scope"].get<std::string>()), html_text(s["solver"].get<std::string>()),
          count_text(s["n"]), percent(s["accuracy"]), percent(s["chance"]), over > 0.05 ? "bad" : "good",
          100 * over, 100 * s["low"].get<double>(), 100 * s["high"].get<double>(), interval(s));
    }
    html += "</table></div>";
  }
  html += "\n<h2 id=overlap>Overlap with test sets</h2>";
  if (r["looked_at"].empty() && r["overlaps"].empty()) {
    html += "<p class=soft>No test set was looked at.</p>";
  } else {
    std::string sets;
    for (const Json& set : r["looked_at"])
      sets += (sets.empty() ? "" : ", ") + html_text(set.get<std::string>());
    html += "<p>Looked at: " + (sets.empty() ? std::string("not told") : sets) + ".</p>";
    html += r["overlaps"].empty() ? "<p class=good>No sound of them is in this set.</p>"
                                  : count_table(r["overlaps"], "left out, also in");
  }
  html += "\n<h2 id=samples>Items to hear</h2>";
  for (const Json& type : r["samples"]) {
    html += fmt::format("<details><summary>{}, {} <span>({})</span></summary>",
                        html_text(type["skill"].get<std::string>()),
                        html_text(type["type"].get<std::string>()), type["items"].size());
    for (const Json& item : type["items"]) html += sample_card(item, audio_prefix) + "\n";
    html += "</details>\n";
  }
  return html + "</main></body></html>\n";
}

}  // namespace af2
