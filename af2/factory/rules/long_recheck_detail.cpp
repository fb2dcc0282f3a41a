#include "af2/factory/rules/long_recheck_detail.h"

#include <algorithm>
#include <set>

#include "af2/core/text_util.h"
#include "af2/data/text_terms.h"
#include "af2/factory/rules/long_tables.h"

namespace af2::long_recheck {
namespace {

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

bool letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

}  // namespace

std::string LongRecheckScene::fact(const char* key) const {
  const auto found = context_.item.facts.find(key);
  if (found == context_.item.facts.end() || !found->is_string())
    throw Refused{std::string("has no fact ") + key};
  return found->get<std::string>();
}

std::vector<std::string> LongRecheckScene::fact_list(const char* key) const {
  const auto found = context_.item.facts.find(key);
  if (found == context_.item.facts.end() || !found->is_array())
    throw Refused{std::string("has no fact ") + key};
  std::vector<std::string> texts;
  for (const Json& text : *found) {
    if (!text.is_string()) throw Refused{std::string("has no fact ") + key};
    texts.push_back(text.get<std::string>());
  }
  return texts;
}

double LongRecheckScene::fact_number(const char* key) const {
  const auto found = context_.item.facts.find(key);
  if (found == context_.item.facts.end() || !found->is_number())
    throw Refused{std::string("has no fact ") + key};
  return found->get<double>();
}

std::vector<std::string> LongRecheckScene::named(const std::string& text) const {
  const std::string asked = normal_term(text);
  std::set<std::string> found;
  for (int i = 0; i < context_.words.size(); ++i) {
    const LabelInfo& label = context_.words.at(i);
    // Synonyms are terms too, but rules do not say them.
    const auto& terms = context_.words.terms(i);
    const bool maybe = std::binary_search(terms.begin(), terms.end(), asked);
    if (text == label.sentence ||
        (maybe && (asked == normal_term(label.phrase) || asked == normal_term(label.short_name) ||
                   asked == normal_term(label.name))))
      found.insert(label.name);
  }
  for (const RecordEvent& event : context_.record.events)
    if (asked == normal_term(plain_label(event.label))) found.insert(event.label);
  if (found.empty()) throw Refused{"names no known sound: " + text};
  return {found.begin(), found.end()};
}

bool LongRecheckScene::same(const std::string& label_a, const std::string& label_b) const {
  const int a = context_.words.find(label_a), b = context_.words.find(label_b);
  return a < 0 || b < 0 ? plain_label(label_a) == plain_label(label_b) : a == b;
}

bool LongRecheckScene::mistaken(const std::string& label_a, const std::string& label_b) const {
  const int a = context_.words.find(label_a), b = context_.words.find(label_b);
  return a < 0 || b < 0 ? plain_label(label_a) == plain_label(label_b) : context_.words.confusable(a, b);
}

std::vector<Heard> LongRecheckScene::times(const std::string& label, bool background) const {
  std::vector<Heard> found;
  for (const RecordEvent& event : context_.record.events)
    if ((event.role == "background") == background && same(event.label, label))
      found.push_back({event.onset, event.offset});
  std::sort(found.begin(), found.end(), [](const Heard& a, const Heard& b) { return a.start < b.start; });
  return found;
}

std::vector<Heard> LongRecheckScene::occasions(const std::string& label) const {
  std::vector<Heard> joined;
  for (const Heard& time : times(label)) {
    const bool near = !joined.empty() && joined.back().end + margins().join_gap_s > time.start;
    if (!near) joined.push_back(time);
    joined.back().end = std::max(joined.back().end, time.end);
  }
  return joined;
}

bool LongRecheckScene::anywhere(const std::string& label) const {
  const Record& record = context_.record;
  return std::any_of(record.events.begin(), record.events.end(),
                     [&](const RecordEvent& event) { return mistaken(event.label, label); }) ||
         std::any_of(record.labels.begin(), record.labels.end(),
                     [&](const std::string& other) { return mistaken(other, label); });
}

bool LongRecheckScene::within(const std::string& label, Heard stretch, double slack) const {
  for (const RecordEvent& event : context_.record.events)
    if (mistaken(event.label, label) && event.onset < stretch.end + slack &&
        stretch.start - slack < event.offset)
      return true;
  return false;
}

Heard LongRecheckScene::only_time(const std::string& label) const {
  const std::vector<Heard> heard = occasions(label);
  if (heard.size() != 1) throw Refused{label + " is heard " + std::to_string(heard.size()) + " times"};
  for (const RecordEvent& event : context_.record.events)
    if (mistaken(event.label, label) && (!same(event.label, label) || event.role == "background"))
      throw Refused{label + " may be mistaken for " + event.label};
  return heard.front();
}

const std::vector<PlaceSpan>& LongRecheckScene::places() const {
  if (places_.empty())
    for (const RecordPart& part : context_.record.story.parts) {
      if (!places_.empty() && places_.back().place == place_phrase(part.place))
        places_.back().end = part.end;
      else
        places_.push_back({place_phrase(part.place), part.start, part.end});
    }
  if (places_.empty()) throw Refused{"the record has no parts"};
  return places_;
}

std::vector<Heard> LongRecheckScene::spans_of_place(const std::string& place) const {
  std::vector<Heard> spans;
  for (const PlaceSpan& span : places())
    if (places_alike(span.place, place)) spans.push_back({span.start, span.end});
  return spans;
}

std::vector<std::string> LongRecheckScene::mentioned(const std::string& text,
                                                     std::vector<std::string> known) const {
  std::stable_sort(known.begin(), known.end(),
                   [](const std::string& a, const std::string& b) { return a.size() > b.size(); });
  std::string rest = lower(text);
  std::vector<std::pair<std::size_t, std::string>> found;
  for (const std::string& words : known) {
    const std::string wanted = lower(words);
    if (wanted.empty()) continue;
    for (std::size_t at = rest.find(wanted); at != std::string::npos; at = rest.find(wanted, at + 1)) {
      const std::size_t end = at + wanted.size();
      if ((at > 0 && letter(rest[at - 1])) || (end < rest.size() && letter(rest[end]))) continue;
      found.emplace_back(at, words);
      rest.replace(at, wanted.size(), wanted.size(), '#');
    }
  }
  std::sort(found.begin(), found.end());
  std::vector<std::string> order;
  for (const auto& [at, words] : found) order.push_back(words);
  return order;
}

std::string LongRecheckScene::judge(const std::function<Truth(const std::string&)>& truth) const {
  const Item& item = context_.item;
  if (item.options.empty())
    return truth(item.answer) == Truth::kYes ? "" : "the labels do not say: " + item.answer;
  if (item.answer_index < 0 || item.answer_index >= static_cast<int>(item.options.size()))
    return "has no right option";
  for (int i = 0; i < static_cast<int>(item.options.size()); ++i) {
    const std::string& option = item.options[static_cast<std::size_t>(i)];
    const Truth found = truth(option);
    if (i == item.answer_index) {
      if (found != Truth::kYes) return "the labels do not say: " + option;
      if (option != item.answer) return "the answer is not its option: " + item.answer;
    } else if (found != Truth::kNo) {
      return "another option may be right: " + option;
    }
  }
  return "";
}

std::string LongRecheckScene::judge_labels(const std::function<Truth(const std::string&)>& truth) const {
  return judge([&](const std::string& text) {
    Truth most = Truth::kNo;
    for (const std::string& label : named(text)) most = std::max(most, truth(label));
    return most;
  });
}

std::string LongRecheckScene::judge_number(int right) const {
  return judge(
      [&](const std::string& text) { return text == std::to_string(right) ? Truth::kYes : Truth::kNo; });
}

std::string LongRecheckScene::judge_yes_no(Truth truth) const {
  if (truth == Truth::kUnclear) return "the labels leave it open";
  return judge([&](const std::string& text) {
    if (text != "yes" && text != "no") throw Refused{"is no yes or no: " + text};
    return (text == "yes") == (truth == Truth::kYes) ? Truth::kYes : Truth::kNo;
  });
}

Recheck guarded(std::function<std::string(const LongRecheckScene&)> check) {
  return [check = std::move(check)](const RecheckContext& context) -> std::string {
    try {
      return check(LongRecheckScene(context));
    } catch (const Refused& refused) {
      return refused.why;
    }
  };
}

}  // namespace af2::long_recheck
