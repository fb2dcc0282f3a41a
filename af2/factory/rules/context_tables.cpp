#include "af2/factory/rules/context_tables.h"

#include <algorithm>
#include <set>

#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/data/text_terms.h"
#include "af2/factory/rules/tables.h"

namespace af2 {
namespace {

// The lines of a table, cut at '|'; each must have so many parts.
std::vector<std::vector<std::string>> rows_of(const std::string& name, std::size_t parts) {
  for (const auto& [file, text] : embedded_tables()) {
    if (file != name) continue;
    std::vector<std::vector<std::string>> rows;
    for (const std::string& raw : split(text, '\n')) {
      const std::string line = trim(raw);
      if (line.empty() || line[0] == '#') continue;
      std::vector<std::string> row;
      for (const std::string& part : split(line, '|')) row.push_back(trim(part));
      if (row.size() != parts || row[0].empty())
        throw internal_error("table " + name + " has another number of parts: " + line);
      rows.push_back(std::move(row));
    }
    return rows;
  }
  throw internal_error("table " + name + " is missing");
}

// Parts between ';'; "-" is none.
std::vector<std::string> list_of(const std::string& text) {
  std::vector<std::string> items;
  if (text == "-") return items;
  for (const std::string& part : split(text, ';'))
    if (const std::string item = trim(part); !item.empty()) items.push_back(item);
  return items;
}

std::map<std::string, std::vector<std::string>> lists_by_label(const std::string& name) {
  std::map<std::string, std::vector<std::string>> table;
  for (const auto& row : rows_of(name, 2))
    if (!table.emplace(row[0], list_of(row[1])).second)
      throw internal_error("table " + name + " has twice: " + row[0]);
  return table;
}

std::vector<ContextState> states(const std::string& name) {
  std::vector<ContextState> list;
  for (const auto& row : rows_of(name, 4))
    list.push_back({row[0], list_of(row[1]), list_of(row[2]), list_of(row[3])});
  return list;
}

ContextTables read_tables() {
  ContextTables tables;
  tables.causes = lists_by_label("causes");
  tables.purposes = lists_by_label("purposes");
  for (const auto& row : rows_of("places", 4))
    tables.places.push_back({row[0], list_of(row[1]), list_of(row[2]), row[3]});
  tables.weathers = states("weathers");
  tables.times = states("times");
  for (const auto& row : rows_of("speech_situations", 6)) {
    if (row[2] != "after" && row[2] != "before")
      throw internal_error("table speech_situations says neither after nor before: " + row[2]);
    tables.situations.push_back({row[0], row[1], row[2] == "after", row[3], row[4], row[5]});
  }
  return tables;
}

// Of the rows, the one with the longest name or other word that the text says.
template <class Row>
const Row* best_match(const std::vector<Row>& rows, const std::string& text) {
  const Row* best = nullptr;
  std::size_t longest = 0;
  for (const Row& row : rows) {
    std::vector<std::string> names = row.aliases;
    names.push_back(row.name);
    for (const std::string& name : names) {
      const std::string plain = normal_term(name);
      if (plain.size() > longest && says(text, plain)) best = &row, longest = plain.size();
    }
  }
  return best;
}

}  // namespace

const ContextTables& context_tables() {
  static const ContextTables tables = read_tables();
  return tables;
}

std::vector<SpeechSituation> speech_situations() {
  return context_tables().situations;
}

const ContextPlace* find_place(const std::string& text) {
  return best_match(context_tables().places, text);
}

const ContextState* find_state(const std::vector<ContextState>& list, const std::string& text) {
  return best_match(list, text);
}

bool says(const std::string& text, const std::string& words) {
  const auto letters = [](const std::string& source) {
    std::vector<std::string> kept;
    for (const std::string& word : words_of(source))
      if (word.find_first_not_of(".,;:!?()") != std::string::npos) kept.push_back(word);
    return kept;
  };
  const std::vector<std::string> all = letters(text), wanted = letters(words);
  return !wanted.empty() && std::search(all.begin(), all.end(), wanted.begin(), wanted.end()) != all.end();
}

bool alike(const std::string& a, const std::string& b) {
  static const std::set<std::string> small = {"a",    "an",   "the",       "to",  "of",  "for",      "in",
                                              "on",   "at",   "by",        "is",  "are", "that",     "and",
                                              "with", "from", "its",       "it",  "be",  "somebody", "people",
                                              "who",  "what", "something", "out", "up"};
  const auto core = [](const std::string& text) {
    std::set<std::string> words;
    for (const std::string& word : words_of(text))
      if (!small.contains(word) && word.find_first_not_of(".,;:!?()") != std::string::npos)
        words.insert(word);
    return words;
  };
  const std::set<std::string> first = core(a), second = core(b);
  std::size_t common = 0;
  for (const std::string& word : first) common += second.contains(word);
  return common > 0 && 2 * common >= std::min(first.size(), second.size());
}

}  // namespace af2
