#include "af2/eval/report_figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "af2/core/error.h"
#include "af2/core/text_util.h"

namespace af2 {
namespace {

constexpr double kMatchersMayDiffer = 0.01;  // section 3: more means a problem of the prompt
constexpr double kJudgeMayFail = 0.01;

std::string fixed_text(double value, int decimals) {
  std::string text = fmt::format("{:.{}f}", value, decimals);
  if (text.find_first_not_of("-0.") == std::string::npos && text.front() == '-') text.erase(0, 1);
  return text;
}
int unit_decimals(std::string_view unit) {
  return unit == "count" ? 0 : is_share(unit) || unit == "seconds" ? 1 : 3;
}
double unit_factor(std::string_view unit) {
  return is_share(unit) ? 100 : 1;
}

void flat_facts(const Json& value, const std::string& name,
                std::vector<std::pair<std::string, std::string>>& out) {
  if (value.is_object()) {
    for (const auto& [key, inner] : value.items())
      flat_facts(inner, name.empty() ? key : name + " " + key, out);
    return;
  }
  const std::string text = plain_text(value);
  if (!text.empty()) out.emplace_back(name, text);
}

}  // namespace

void check_summary(const Json& summary) {
  if (!summary.is_object() || !part_at(summary, "benchmark").is_object() ||
      !part_at(summary, "metrics").is_array())
    throw data_error("is no summary of a scored run", "summary.json", "`af2 eval score` writes it");
  const std::string schema = text_at(summary, "schema");
  if (!schema.empty() && schema != "af2-eval/1")
    throw data_error("has the schema " + printable(schema), "summary.json",
                     "this version reads af2-eval/1; score the run again");
}

const Json& part_at(const Json& object, const char* key) {
  static const Json nothing;
  if (!object.is_object()) return nothing;
  const auto found = object.find(key);
  return found == object.end() ? nothing : *found;
}
std::optional<double> number_at(const Json& object, const char* key) {
  const Json& value = part_at(object, key);
  if (!value.is_number() || !std::isfinite(value.get<double>())) return std::nullopt;
  return value.get<double>();
}
std::int64_t count_at(const Json& object, const char* key) {
  return std::llround(number_at(object, key).value_or(0));
}
std::string plain_text(const Json& value) {
  if (value.is_null()) return "";
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return fmt::format("{:.6g}", value.get<double>());
  if (!value.is_array()) return value.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::vector<std::string> parts;
  for (const Json& part : value) parts.push_back(plain_text(part));
  return join(parts, " | ");
}
std::string text_at(const Json& object, const char* key) {
  return plain_text(part_at(object, key));
}

std::string cut_text(std::string_view text, std::size_t most) {
  if (text.size() <= most) return std::string(text);
  std::size_t end = most > 3 ? most - 3 : 0;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return std::string(text.substr(0, end)) + "\xe2\x80\xa6";
}

bool sounds_allowed(const Json& summary) {
  return text_at(part_at(summary, "benchmark"), "redistribute") == "all";
}
bool texts_allowed(const Json& summary) {
  return sounds_allowed(summary) || text_at(part_at(summary, "benchmark"), "redistribute") == "text";
}

std::string ReportFigure::title() const {
  return matcher.empty() ? name : name + " (" + matcher + ")";
}

ReportFigure read_figure(const Json& metric) {
  ReportFigure figure;
  figure.name = text_at(metric, "name");
  figure.matcher = text_at(metric, "matcher");
  figure.unit = text_at(metric, "unit");
  figure.note = text_at(metric, "note");
  figure.n = count_at(metric, "n");
  figure.clusters = count_at(metric, "clusters");
  const Json& known = part_at(metric, "known");
  if (known.is_boolean() && !known.get<bool>()) return figure;
  figure.value = number_at(metric, "value");
  figure.low = number_at(metric, "low");
  figure.high = number_at(metric, "high");
  return figure;
}

std::optional<ReportFigure> find_figure(const Json& metrics, std::string_view name,
                                        std::string_view matcher) {
  if (!metrics.is_array()) return std::nullopt;
  for (const Json& metric : metrics)
    if (text_at(metric, "name") == name && text_at(metric, "matcher") == matcher) return read_figure(metric);
  return std::nullopt;
}

bool is_share(std::string_view unit) {
  return unit.empty() || unit == "share" || unit == "percent" || unit == "fraction";
}

std::string count_text(std::int64_t n) {
  std::string digits = std::to_string(n);
  for (std::ptrdiff_t at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > (n < 0 ? 1 : 0); at -= 3)
    digits.insert(static_cast<std::size_t>(at), ",");
  return digits;
}
std::string shown_share(double share) {
  return fixed_text(100 * share, 1) + " %";
}
std::string shown_value(double value, std::string_view unit) {
  return fixed_text(unit_factor(unit) * value, unit_decimals(unit)) + (is_share(unit) ? " %" : "");
}
std::string shown_value(const ReportFigure& figure) {
  if (!figure.value) return "not computed";
  std::string text = shown_value(*figure.value, figure.unit);
  if (figure.n > 0 && figure.n < kCountedBelow)
    text += (is_share(figure.unit) ? " of " : ", n ") + count_text(figure.n);
  return text;
}
std::string interval_text(const ReportFigure& figure) {
  if (!figure.low || !figure.high) return "";
  const double factor = unit_factor(figure.unit);
  const int decimals = unit_decimals(figure.unit);
  return fixed_text(factor * *figure.low, decimals) + " to " + fixed_text(factor * *figure.high, decimals);
}
std::string plus_minus(const ReportFigure& figure) {
  std::string text = shown_value(figure);
  if (figure.value && figure.low && figure.high)
    text += " \xc2\xb1 " + fixed_text(unit_factor(figure.unit) * (*figure.high - *figure.low) / 2,
                                      unit_decimals(figure.unit));
  return text;
}
std::string difference_text(std::optional<double> value, std::string_view unit) {
  if (!value) return "not computed";
  const std::string size = fixed_text(unit_factor(unit) * std::fabs(*value), unit_decimals(unit));
  const bool zero = size.find_first_not_of("0.") == std::string::npos;
  return (zero ? "" : *value < 0 ? "-" : "+") + size + (is_share(unit) ? " points" : "");
}

Headline headline_of(const Json& summary) {
  const Json& metrics = part_at(summary, "metrics");
  const std::string primary = text_at(part_at(summary, "benchmark"), "primary");
  Headline head;
  head.official = find_figure(metrics, primary, "official");
  head.robust = find_figure(metrics, primary, "robust");
  const auto plain = find_figure(metrics, primary, "");
  head.main.name = primary;
  head.main.note = "not among the metrics of this run";
  const std::optional<ReportFigure>* const order[] = {&head.official, &plain, &head.robust};
  // One that is known; else one that says why it is not.
  for (const auto* figure : order)
    if (*figure && (*figure)->value) return head.main = **figure, head;
  for (const auto* figure : order)
    if (*figure) return head.main = **figure, head;
  return head;
}

ReportFigure group_figure(const Json& group, const ReportFigure& main) {
  const Json& metrics = part_at(group, "metrics");
  ReportFigure figure;
  if (auto found = find_figure(metrics, main.name, main.matcher))
    figure = *found;
  else if (metrics.is_array() && !metrics.empty())
    figure = read_figure(metrics.front());
  if (figure.n == 0) figure.n = count_at(group, "n");
  return figure;
}

namespace {

void put_verdict(WeaknessLine& line, const ReportFigure& main) {
  const ReportFigure& run = line.beside ? *line.beside : main;
  if (!line.figure.value || !run.value || line.figure.unit != main.unit) return;
  line.verdict = difference_text(*run.value - *line.figure.value, main.unit);
  if (line.beside)
    line.verdict +=
        fmt::format(" from {} of those {}", shown_value(*run.value, main.unit), count_text(run.n));
  if (!run.low || !run.high) return;
  line.reached = *line.figure.value >= *run.low;
  line.verdict += !line.reached                    ? ", the score is above it"
                  : *line.figure.value > *run.high ? ", the score is below it"
                                                   : ", the score is not told apart from it";
}

}  // namespace

std::vector<WeaknessLine> weaknesses(const Json& summary) {
  const ReportFigure main = headline_of(summary).main;
  std::vector<WeaknessLine> lines;
  for (const char* part : {"blind", "variants"}) {
    const Json& rows = part_at(summary, part);
    if (!rows.is_array()) continue;
    for (const Json& row : rows) {
      WeaknessLine line;
      line.figure = read_figure(row);
      line.figure.unit = main.unit;
      line.name = line.figure.name;
      line.note = line.figure.note;
      line.blind = std::string_view(part) == "blind";
      if (const std::int64_t n = count_at(row, "not_answered"); n > 0)
        line.note += (line.note.empty() ? "" : "; ") + count_text(n) + " items not answered";
      // Guessing is told in shares of right answers: no match for a mark or a caption's score.
      if (line.blind && !is_share(main.unit)) line.figure.unit = "fraction";
      // Item scores are the metric itself where both are shares of right answers.
      if (is_share(main.unit) && item_score_words(summary).empty() &&
          number_at(part_at(row, "beside"), "value"))
        line.beside = read_figure(part_at(row, "beside"));
      put_verdict(line, main);
      lines.push_back(std::move(line));
    }
  }
  return lines;
}

JudgeView judge_view(const Json& summary) {
  const Json& judge = part_at(summary, "judge");
  JudgeView view;
  if (!judge.is_object()) return view;
  view.title = fmt::format("Marks of {} by rubric {}", text_at(judge, "judge"), text_at(judge, "rubric"));
  if (const Json& scale = part_at(judge, "scale"); scale.is_array() && scale.size() == 2)
    view.title += fmt::format(", {} to {}", plain_text(scale[0]), plain_text(scale[1]));
  const auto add = [&](const std::string& what, const std::string& n, const std::optional<double>& mean) {
    if (mean) view.rows.push_back({what, n, fmt::format("{:.2f}", *mean)});
  };
  add("all answers", count_text(count_at(judge, "marked")), number_at(judge, "mean"));
  if (const Json& categories = part_at(judge, "categories"); categories.is_object())
    for (const auto& [name, one] : categories.items())
      add(name, count_text(count_at(one, "n")), number_at(one, "mean"));
  add("mean of the categories", "", number_at(judge, "category_macro_mean"));
  const Json& most = part_at(judge, "reference_as_response");
  add("the references themselves", count_text(count_at(most, "n")), number_at(most, "mean"));
  return view;
}

std::string item_score_words(const Json& summary) {
  return is_share(headline_of(summary).main.unit) ? "" : text_at(summary, "item_score");
}

std::string hearing_gain_text(const Json& summary) {
  const Json& gain = part_at(summary, "hearing_gain");
  if (!number_at(gain, "value")) return "not run";
  const ReportFigure figure = read_figure(gain);
  std::string text = difference_text(figure.value, figure.unit);
  const std::string interval = interval_text(figure), over = text_at(gain, "over"),
                    words = item_score_words(summary);
  if (!interval.empty()) text += " (" + interval + ")";
  if (!words.empty()) text += " of " + words;
  if (!over.empty()) text += " over " + over;
  return text;
}

std::vector<std::pair<std::string, std::string>> caveats(const Json& summary) {
  const Json &benchmark = part_at(summary, "benchmark"), &data = part_at(summary, "data"),
             &counts = part_at(summary, "counts");
  const Headline head = headline_of(summary);
  std::vector<std::pair<std::string, std::string>> list;
  const auto add = [&](std::string few, std::string sentence) { list.emplace_back(few, sentence); };
  if (const std::string text = text_at(benchmark, "contamination"); !text.empty())
    add("perhaps seen in training", "Contamination: " + text);
  if (const std::int64_t limit = count_at(part_at(summary, "run"), "limit"); limit > 0)
    add("a part of the items", fmt::format("Only {} items were asked: no published value is for them, and a "
                                           "metric with statistics of the whole set has others here.",
                                           count_text(limit)));
  if (const Json& mismatches = part_at(data, "mismatches"); mismatches.is_array() && !mismatches.empty())
    add("other data than expected",
        "The data are not what the file of the benchmark expects: " + plain_text(mismatches) + ".");
  if (const Json& overlap = part_at(data, "overlap"); overlap.is_object())
    for (const auto& [set, n] : overlap.items())
      if (n.is_number() && n.get<double>() > 0)
        add("overlaps with " + set,
            fmt::format("{} clips are also in {}.", count_text(std::llround(n.get<double>())), set));
  if (const std::int64_t n = count_at(data, "missing_audio"); n > 0)
    add(count_text(n) + " sounds missing",
        count_text(n) + " sounds are missing; their items count as wrong.");
  if (const std::string layout = text_at(benchmark, "layout"); !layout.empty() && layout != "verified")
    add("layout " + layout, layout == "documented"
                                ? "How the data lie on disk was taken from documents, not from the files."
                                : "How the data lie on disk is our guess: look at items before believing.");
  if (head.official && head.robust && head.official->value && head.robust->value)
    if (const double gap = *head.robust->value - *head.official->value;
        is_share(head.main.unit) && std::fabs(gap) > kMatchersMayDiffer)
      add("matchers differ",
          fmt::format("The robust matcher gives {} against the official one: the form of the answers, or the "
                      "prompt, costs points.",
                      difference_text(gap, head.main.unit)));
  if (const std::int64_t n = count_at(counts, "length"); n > 0)
    add(count_text(n) + " answers cut", count_text(n) + " answers were cut at the largest length.");
  if (const double cut = number_at(part_at(summary, "seconds"), "cut").value_or(0); cut > 0)
    add("sound cut", fmt::format("{:.0f} s of {:.0f} s of sound were not heard: the windows end before.", cut,
                                 number_at(part_at(summary, "seconds"), "heard").value_or(0)));
  std::string beside;
  for (const WeaknessLine& line : weaknesses(summary))
    if (line.blind && is_share(head.main.unit) && line.reached)
      beside += (beside.empty() ? "" : ", ") + line.name;
  if (!beside.empty())
    add("not above guessing",
        "The score is not told apart from, or is below, what needs no hearing: " + beside + ".");
  if (const auto low = number_at(part_at(summary, "hearing_gain"), "low"); low && *low <= 0)
    add("hearing gain not shown",
        "The interval of the hearing gain holds zero: that the sound helps is not shown.");
  if (const std::int64_t n = count_at(part_at(summary, "run"), "not_answered"); n > 0)
    add("unfinished", count_text(n) + " items have not been answered yet.");
  const Json& judge = part_at(summary, "judge");
  const std::int64_t failed = count_at(judge, "judge_failed"), n = count_at(judge, "n");
  if (n > 0 && static_cast<double>(failed) > kJudgeMayFail * static_cast<double>(n))
    add("judge failed", count_text(failed) + " answers got no mark from the judge and are out of the mean.");
  return list;
}

CompareView compare_view(const Json& compare) {
  CompareView view;
  const auto name = [&](const char* key) {
    const Json& run = part_at(compare, key);
    const std::string text = text_at(run, "name"), model = text_at(run, "model");
    return text.empty() || text == model ? model : text + " (" + model + ")";
  };
  view.a = name("a"), view.b = name("b");
  const auto value = [&](const char* key) {
    const auto number = number_at(compare, key);
    return number ? shown_share(*number) : std::string("not computed");
  };
  const ReportFigure difference = read_figure(compare);
  view.facts = {
      {"score of an item", text_at(compare, "score")},
      {"items of both", count_text(count_at(compare, "n"))},
      {"A", value("value_a")},
      {"B", value("value_b")},
      {"B minus A", difference_text(number_at(compare, "difference"), difference.unit)},
      {"95 % interval", interval_text(difference)},
      {"B better / worse / equal, items",
       fmt::format("{} / {} / {}", count_text(count_at(compare, "wins")),
                   count_text(count_at(compare, "losses")), count_text(count_at(compare, "ties")))}};
  if (const Json& test = part_at(compare, "mcnemar"); test.is_object())
    view.facts.emplace_back(
        "McNemar", fmt::format("A alone right {}, B alone right {}, exact p {:.4g}, mid p {:.4g}",
                               count_at(test, "only_a"), count_at(test, "only_b"),
                               number_at(test, "exact").value_or(1), number_at(test, "mid_p").value_or(1)));
  if (const std::int64_t a = count_at(compare, "only_a"), b = count_at(compare, "only_b"); a + b > 0)
    view.facts.emplace_back("left out, in one run only",
                            fmt::format("{} of A, {} of B", count_text(a), count_text(b)));
  if (const std::string note = text_at(compare, "note"); !note.empty()) view.facts.emplace_back("note", note);
  view.verdict = !difference.low || !difference.high ? "Without an interval nothing can be said."
                 : *difference.low > 0               ? "B is above A on these items."
                 : *difference.high < 0
                     ? "B is below A on these items."
                     : "The interval of the difference holds zero: no difference can be told.";
  return view;
}

std::vector<std::pair<std::string, std::string>> reproducibility(const Json& summary) {
  std::vector<std::pair<std::string, std::string>> out;
  const Json &benchmark = part_at(summary, "benchmark"), &data = part_at(summary, "data");
  for (const char* key : {"id", "version", "sha256", "layout", "licence", "redistribute"})
    flat_facts(part_at(benchmark, key), std::string("benchmark ") + key, out);
  for (const char* key : {"sha256", "items", "failed"})
    flat_facts(part_at(data, key), std::string("data ") + key, out);
  Json run = part_at(summary, "run");
  if (!texts_allowed(summary) && run.is_object()) run.erase("sample_prompt");  // a question of the owner's
  flat_facts(run, "", out);
  flat_facts(part_at(summary, "version"), "af2 version", out);
  return out;
}

std::vector<std::pair<std::string, std::string>> more_facts(const Json& summary) {
  std::vector<std::pair<std::string, std::string>> out;
  const Json &power = part_at(summary, "power"), &rotations = part_at(summary, "rotations"),
             &prompts = part_at(summary, "prompts"), &counts = part_at(summary, "counts"),
             &seconds = part_at(summary, "seconds");
  if (const auto low = number_at(power, "wilson_low"), high = number_at(power, "wilson_high"); low && high)
    out.emplace_back("Wilson interval", shown_share(*low) + " to " + shown_share(*high));
  if (const std::string note = text_at(power, "note"); !note.empty()) out.emplace_back("power", note);
  if (const auto mean = number_at(rotations, "mean"))
    out.emplace_back("options in other orders",
                     fmt::format("mean {}, spread {}; right in every order {}", shown_share(*mean),
                                 shown_share(number_at(rotations, "spread").value_or(0)),
                                 shown_share(number_at(rotations, "circular_accuracy").value_or(0))));
  if (const auto mean = number_at(prompts, "mean")) {
    std::string each;
    for (const Json& prompt : part_at(prompts, "names"))
      each += ", " + text_at(prompt, "name") + " " + shown_share(number_at(prompt, "value").value_or(0));
    out.emplace_back("prompts", fmt::format("mean {}, spread {}{}", shown_share(*mean),
                                            shown_share(number_at(prompts, "spread").value_or(0)), each));
  }
  for (const char* key : {"failed", "unmatched", "length", "empty"})
    if (number_at(counts, key))
      out.emplace_back(std::string("answers ") + key, count_text(count_at(counts, key)));
  for (const char* key : {"heard", "used", "cut"})
    if (const auto s = number_at(seconds, key))
      out.emplace_back(std::string("seconds ") + key, fixed_text(*s, 1));
  if (const auto ece = number_at(part_at(summary, "calibration"), "ece"))
    out.emplace_back("expected calibration error", fixed_text(*ece, 3));
  flat_facts(part_at(summary, "judge"), "judge", out);
  return out;
}

}  // namespace af2
