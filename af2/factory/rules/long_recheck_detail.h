// What the re-checks of the long categories share: which sounds a text may mean and when they are heard,
// where the parts are, which options are right. Shares no code with the rules.
//
// For the files long_*_recheck.cpp alone. Thread rule: a LongRecheckScene belongs to one call.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "af2/factory/rules/recheck.h"

namespace af2::long_recheck {

// Thrown inside a re-check, and its answer.
struct Refused {
  std::string why;
};

// Of an option; unclear ones are refused wherever they stand.
enum class Truth { kNo, kUnclear, kYes };

struct Heard {
  double start = 0, end = 0;
};

struct PlaceSpan {
  std::string place;
  double start = 0, end = 0;
};

class LongRecheckScene {
 public:
  explicit LongRecheckScene(const RecheckContext& context) : context_(context) {}

  const RecheckContext& context() const { return context_; }
  const Margins& margins() const { return context_.margins; }
  double length() const { return context_.record.duration.value_or(0); }

  // An argument of the facts; throws Refused where it is missing.
  std::string fact(const char* key) const;
  std::vector<std::string> fact_list(const char* key) const;
  double fact_number(const char* key) const;

  // Labels, of the record or the vocabulary, that a text names: by phrase, short name, sentence or name.
  // Throws Refused for a text that names none.
  std::vector<std::string> named(const std::string& text) const;
  bool same(const std::string& label_a, const std::string& label_b) const;      // one class
  bool mistaken(const std::string& label_a, const std::string& label_b) const;  // one word may mean both

  // When the label is heard, by onset; background events where asked for.
  std::vector<Heard> times(const std::string& label, bool background = false) const;
  // The same with what is closer than the join gap as one.
  std::vector<Heard> occasions(const std::string& label) const;
  // It, or what may be mistaken for it, is anywhere in the record, in any role.
  bool anywhere(const std::string& label) const;
  // As anywhere(), within a stretch widened by `slack`.
  bool within(const std::string& label, Heard stretch, double slack) const;
  // The one occasion of a sound; throws Refused where it is heard more or less often, or what may be mistaken
  // for it is heard too.
  Heard only_time(const std::string& label) const;

  // Parts with neighbours of one place joined.
  const std::vector<PlaceSpan>& places() const;
  std::vector<Heard> spans_of_place(const std::string& place) const;

  // Texts of `known` in the order in which they stand in `text`, longest first where one holds another.
  std::vector<std::string> mentioned(const std::string& text, std::vector<std::string> known) const;

  // "" where the item's answer is the one that `truth` takes and no option but it; else why not.
  std::string judge(const std::function<Truth(const std::string&)>& truth) const;
  // For options that name sounds: yes if one label that the text names is so, no if none is.
  std::string judge_labels(const std::function<Truth(const std::string& label)>& truth) const;
  std::string judge_number(int right) const;
  std::string judge_yes_no(Truth truth) const;

 private:
  const RecheckContext& context_;
  mutable std::vector<PlaceSpan> places_;
};

inline Truth truth_of(bool yes, bool no) {
  return yes ? Truth::kYes : no ? Truth::kNo : Truth::kUnclear;
}

// The function with what it throws as its answer.
Recheck guarded(std::function<std::string(const LongRecheckScene&)> check);

}  // namespace af2::long_recheck
