// What both reports say of a scored run: its figures as people read them, the published values beside them,
// the words that an interval allows, and the caveats (docs/spec/evaluation.md sections 6 to 8).
//
// For report_markdown.cpp and report_html.cpp, so that the two never say different things. Computes no score:
// summary.json has them all. Every text here is plain, not yet escaped. Thread rule: free functions.
//
//   check_summary(summary);
//   const Headline head = headline_of(summary);
//   plus_minus(head.main);                          // "62.4 % ± 3.0"
//   published_view(summary).rows.front().verdict;   // "inside the interval: no difference can be told"
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "af2/core/json.h"

namespace af2 {

// Below so many items a percentage is not printed without its count.
inline constexpr std::int64_t kCountedBelow = 20;

// Throws kData when this is no summary of a scored run, or of another schema.
void check_summary(const Json& summary);

// Reading what may be absent or null.
const Json& part_at(const Json& object, const char* key);  // null
std::optional<double> number_at(const Json& object, const char* key);
std::string text_at(const Json& object, const char* key);  // ""; lists are joined by " | "
std::string plain_text(const Json& value);                 // of a string, number, list; "" of null
std::int64_t count_at(const Json& object, const char* key);
// At most `most` bytes, whole characters, with an ellipsis where something was cut.
std::string cut_text(std::string_view text, std::size_t most);

// What the owner of the data allows a report to hold; where nothing is said, neither.
bool texts_allowed(const Json& summary);
bool sounds_allowed(const Json& summary);

// A metric with its 95 % interval; `value` is empty where it could not be computed, and `note` says why.
// Units share, percent, fraction and "" hold 0 to 1 and are shown as percentages, others (mark, cider_d,
// seconds, count ...) as they are.
struct ReportFigure {
  std::string name, matcher, unit, note;
  std::optional<double> value, low, high;
  std::int64_t n = 0, clusters = 0;

  std::string title() const;  // "accuracy (official)"
};
ReportFigure read_figure(const Json& metric);
std::optional<ReportFigure> find_figure(const Json& metrics, std::string_view name, std::string_view matcher);
bool is_share(std::string_view unit);
std::string count_text(std::int64_t n);  // "1,000"
std::string shown_share(double share);   // "62.4 %"
std::string shown_value(double value, std::string_view unit);
std::string shown_value(const ReportFigure& figure);    // with "of 12" where there are few; "not computed"
std::string interval_text(const ReportFigure& figure);  // "59.4 to 65.4", "" without one
std::string plus_minus(const ReportFigure& figure);     // value and half the interval's width
std::string difference_text(std::optional<double> value, std::string_view unit);  // "+22.3 points"

struct Headline {
  ReportFigure main;  // the primary metric by the official rule, where there is one
  std::optional<ReportFigure> official, robust;
};
Headline headline_of(const Json& summary);
// The same metric of a group: [{name, matcher ...}].
ReportFigure group_figure(const Json& group, const ReportFigure& main);

struct PublishedLine {
  std::string role, model, source, note;
  std::optional<double> value;
  std::string value_shown, verdict;
};
// `ours`: the run's value in the published unit; empty, with `why_not`, where they are not the same metric.
struct PublishedView {
  std::string metric, unit, why_not;
  std::optional<ReportFigure> ours;
  std::vector<PublishedLine> rows;

  const PublishedLine* first(std::string_view role) const;
};
PublishedView published_view(const Json& summary);
// What the published AF2 reached in one group ("" where that is not known).
std::string published_part(const Json& summary, std::string_view group);

// What scores of items are (summary.json's item_score) where that is not the primary metric itself, else "":
// gain, lengths, rotations, prompts and comparisons are made of those, 0 to 1.
std::string item_score_words(const Json& summary);

// What can be reached without hearing, or by hearing less: blind solvers and other variants of the run.
struct WeaknessLine {
  std::string name, note, verdict;
  ReportFigure figure;
  std::optional<ReportFigure> beside;  // the run itself over the same items, where they are not all
  bool blind = false;                  // no model was asked
  bool reached = false;  // with shares: the run's interval, over the same items, is not above it
};
std::vector<WeaknessLine> weaknesses(const Json& summary);

// Marks of a judge, as rows {what, n, mean}; empty where none was asked.
struct JudgeView {
  std::string title;  // "Marks of JUDGE by rubric longaudiobench, 1 to 10"
  std::vector<std::vector<std::string>> rows;
};
JudgeView judge_view(const Json& summary);
std::string hearing_gain_text(const Json& summary);

// What a reader must know beside the score: in a few words, and as a sentence.
std::vector<std::pair<std::string, std::string>> caveats(const Json& summary);

// Two runs, by the scores of their items (0 to 1): `difference` is B minus A, `wins` are items where B is
// better.
struct CompareView {
  std::string a, b, verdict;
  std::vector<std::pair<std::string, std::string>> facts;
};
CompareView compare_view(const Json& compare);

// Name and value of everything that a rerun needs, nested names joined by a blank.
std::vector<std::pair<std::string, std::string>> reproducibility(const Json& summary);
// The same of judge, prompts, rotations and power, and how many answers and seconds of sound there were.
std::vector<std::pair<std::string, std::string>> more_facts(const Json& summary);

}  // namespace af2
