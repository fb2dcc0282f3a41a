// Skill "information": what lies beyond the surface of a sound (docs/spec/data.md section 2). Here what its
// files share; harmony in harmony_rules.cpp, who plays what and how in playing_rules.cpp, who makes a sound
// in source_rules.cpp, the plain tasks of section 4 in foundational_rules.cpp.
#include <algorithm>
#include <map>

#include "af2/core/text_util.h"
#include "af2/data/text_terms.h"
#include "af2/factory/rules/information_detail.h"
#include "af2/factory/rules/tables.h"

namespace af2 {

std::vector<RuleType> information_rules() {
  std::vector<RuleType> types;
  for (const auto& table : {harmony_rules, playing_rules, source_rules, foundational_rules})
    for (RuleType& type : table()) types.push_back(std::move(type));
  return types;
}

RuleType claim_type(const std::string& name, const Find& find) {
  const Find claimed = [find](const RuleContext& context) -> std::optional<Finding> {
    std::optional<Finding> finding = find(context);
    if (!finding || finding->wrong.empty()) return std::nullopt;
    const bool right = context.rng.chance(0.5);
    const std::string claim =
        right ? finding->answer : finding->wrong[context.rng.below(finding->wrong.size())].text;
    finding->slots["claim"] = claim;
    finding->facts["claim"] = claim;
    finding->answer = right ? "yes" : "no";
    finding->sentence.clear(), finding->wrong.clear(), finding->variant.clear();
    return finding;
  };
  return {"information", name, false, {"yes_no"}, claimed};
}

std::optional<int> named_note(const std::string& text) {
  static const std::string steps = "C D EF G A B";
  const std::size_t step = text.empty() || text[0] == ' ' ? std::string::npos : steps.find(text[0]);
  if (step == std::string::npos) return std::nullopt;
  int note = static_cast<int>(step);
  for (const char c : text.substr(1)) {
    if (c != '#' && c != 'b') return std::nullopt;
    note += c == '#' ? 1 : 11;
  }
  return note % 12;
}

std::optional<NamedKey> named_key(const std::string& text) {
  const std::vector<std::string> words = split(trim(text), ' ');
  if (words.size() != 2) return std::nullopt;
  const std::optional<int> tonic = named_note(words[0]);
  const std::string mode = plain_label(words[1]);
  static const std::vector<std::string> modes = {"major", "minor", "dorian", "mixolydian"};
  if (!tonic || std::find(modes.begin(), modes.end(), mode) == modes.end()) return std::nullopt;
  return NamedKey{*tonic, mode};
}

std::optional<NamedChord> named_chord(const std::string& text) {
  const std::string whole = split(trim(text), '/').front();
  std::size_t letters = 1;
  while (letters < whole.size() && (whole[letters] == '#' || whole[letters] == 'b')) ++letters;
  const std::optional<int> root = named_note(whole.substr(0, letters));
  if (!root) return std::nullopt;
  static const std::map<std::string, std::string> same = {
      {":maj", ""},    {":min", "m"},  {"min", "m"},      {"maj", ""},     {":7", "7"},
      {":min7", "m7"}, {"min7", "m7"}, {":maj7", "maj7"}, {":dim", "dim"}, {"M7", "maj7"}};
  const std::string behind = whole.substr(letters);
  static const std::vector<std::string> plain = {"", "m", "7", "maj7", "m7", "dim", "m7b5"};
  if (std::find(plain.begin(), plain.end(), behind) != plain.end()) return NamedChord{*root, behind};
  const auto found = same.find(behind);
  if (found == same.end()) return std::nullopt;
  return NamedChord{*root, found->second};
}

std::vector<Entry> entries_of(const Record& record) {
  std::map<std::string, Entry> by_name;
  for (const RecordNote& note : record.music.notes) {
    if (note.instrument.empty()) continue;
    Entry& entry =
        by_name.try_emplace(note.instrument, Entry{note.instrument, note.start, note.end}).first->second;
    entry.first = std::min(entry.first, note.start), entry.last = std::max(entry.last, note.end);
    entry.mean_pitch += note.pitch, ++entry.n_notes;
  }
  std::vector<Entry> entries;
  for (auto& [name, entry] : by_name) {
    entry.mean_pitch /= entry.n_notes;
    entries.push_back(entry);
  }
  std::stable_sort(entries.begin(), entries.end(),
                   [](const Entry& a, const Entry& b) { return a.first < b.first; });
  return entries;
}

std::string one_player(const std::string& instrument) {
  static const std::map<std::string, std::string> single = {{"drums", "drum kit"},
                                                            {"bagpipes", "bagpipe"},
                                                            {"tubular bells", "set of tubular bells"},
                                                            {"pizzicato strings", "pizzicato string group"},
                                                            {"strings", "string group"}};
  const auto found = single.find(instrument);
  return found == single.end() ? instrument : found->second;
}

std::vector<std::string> absent_instruments(const RuleContext& context, int n) {
  std::vector<std::string> present = context.record.music.instruments, chosen;
  for (const Entry& entry : entries_of(context.record)) present.push_back(entry.instrument);
  if (present.empty()) return chosen;
  std::vector<std::string> rest;
  for (const auto& group : instrument_groups()) rest.insert(rest.end(), group.begin(), group.end());
  context.rng.shuffle(rest);
  for (const std::string& name : rest) {
    if (static_cast<int>(chosen.size()) == n) break;
    if (std::any_of(present.begin(), present.end(),
                    [&](const std::string& other) { return same_instrument_group(name, other); }))
      continue;
    present.push_back(name);
    chosen.push_back(name == "french horn" ? "French horn" : name);
  }
  return chosen;
}

}  // namespace af2
