// Options of an item: how many, all different, one right, fair by the words and by what sounds (checks.h).
#include <algorithm>
#include <map>

#include "af2/core/text_util.h"
#include "af2/data/text_terms.h"
#include "af2/factory/checks.h"

namespace af2 {
namespace {

// Letters of an option as they are seen, a full stop at the end not counted.
int letters_in(const std::string& text) {
  const std::string plain = trim(text);
  return static_cast<int>(plain.size()) - (plain.ends_with('.') ? 1 : 0);
}

// Whether a label of the vocabulary sounds in the record, or may be said to by another's words.
enum class Sounds { kYes, kNo, kUnknown };
Sounds sounds(const Vocabulary& words, int label, const Record& record) {
  bool unknown = !record.all_labelled;
  const auto same = [&](const std::string& other) {
    const int found = words.find(other);
    if (found < 0) unknown = true;
    return found >= 0 && words.confusable(found, label);
  };
  for (const RecordEvent& event : record.events)
    if (same(event.label)) return Sounds::kYes;
  for (const std::string& other : record.labels)
    if (same(other)) return Sounds::kYes;
  return unknown ? Sounds::kUnknown : Sounds::kNo;
}

}  // namespace

std::string length_problem(const std::vector<std::string>& options, int answer, double share, int letters) {
  if (options.size() < 2 || answer < 0 || answer >= static_cast<int>(options.size())) return "";
  const int own = letters_in(options[static_cast<std::size_t>(answer)]);
  int longest = 0, shortest = 1 << 20;
  for (std::size_t i = 0; i < options.size(); ++i) {
    if (static_cast<int>(i) == answer) continue;
    longest = std::max(longest, letters_in(options[i]));
    shortest = std::min(shortest, letters_in(options[i]));
  }
  const auto apart = [&](int more, int less) { return more - less > letters && more > less * (1 + share); };
  if (apart(own, longest))
    return std::to_string(own) + " letters, the others at most " + std::to_string(longest);
  if (apart(shortest, own))
    return std::to_string(own) + " letters, the others at least " + std::to_string(shortest);
  return "";
}

void ItemChecker::check_options(const Item& item, const Record* record,
                                std::vector<ItemFault>& faults) const {
  const auto& options = item.options;
  const auto fault = [&](const char* reason, const std::string& detail) {
    faults.push_back({reason, detail});
  };
  if (options.empty()) {
    const std::string answer = normal_term(item.answer);
    if (item.form == "yes_no" && answer != "yes" && answer != "no") fault("options/yes_no", item.answer);
    return;
  }
  if (!is_choice_size(options.size())) fault("options/number", std::to_string(options.size()));
  const bool known_answer = item.answer_index >= 0 && item.answer_index < static_cast<int>(options.size());
  if (!known_answer) {
    fault("options/answer", "no option is named right");
    return;
  }
  const auto right = static_cast<std::size_t>(item.answer_index);
  std::map<std::string, int> terms;
  for (const std::string& option : options) ++terms[normal_term(option)];
  for (const auto& [term, n] : terms) {
    if (term.empty()) fault("options/empty", "an option says nothing");
    if (n > 1) fault("options/same", term);
  }
  if (normal_term(options[right]) != normal_term(item.answer))
    fault("options/answer", item.answer + " is not option " + std::to_string(right + 1));

  // What the words of the options mean: a synonym or a wider class of the answer would be right as well.
  std::vector<int> labels;
  for (const std::string& option : options) labels.push_back(words_.find(option));
  for (std::size_t i = 0; i < options.size(); ++i)
    if (i != right && labels[i] >= 0 && labels[right] >= 0 && words_.confusable(labels[i], labels[right]))
      fault("options/confusable", options[i] + " and " + options[right]);

  if (!item.kinds.empty() && item.kinds.size() != options.size()) {
    fault("options/kind", std::to_string(item.kinds.size()) + " kinds of " + std::to_string(options.size()));
  } else if (!item.kinds.empty()) {
    int present = 0, absent = 0;
    for (std::size_t i = 0; i < options.size(); ++i) {
      const std::string& kind = item.kinds[i];
      if (kind != "present" && kind != "absent" && kind != "value") fault("options/kind", kind + " is none");
      if (i != right) present += kind == "present", absent += kind == "absent";
      if (!record || labels[i] < 0 || kind == "value") continue;
      const Sounds there = sounds(words_, labels[i], *record);
      if (kind == "present" && there == Sounds::kNo) fault("options/kind", options[i] + " does not sound");
      if (kind == "absent" && there == Sounds::kYes) fault("options/kind", options[i] + " sounds");
    }
    // Data.md section 2, duration: of four wrong ones two are in the clip and two are not.
    const bool duration =
        item.skill == "temporal" && !item.is_long &&
        (starts_with(item.type, "duration") || item.type == "longest" || item.type == "shortest");
    if (duration && options.size() == 5 && present + absent == 4 && present != 2)
      fault("options/kind", std::to_string(present) + " wrong options of the clip, not 2");
  }
  if (const std::string why =
          length_problem(options, item.answer_index, options_.length_share, options_.length_letters);
      !why.empty())
    fault("options/length", why);
}

}  // namespace af2
