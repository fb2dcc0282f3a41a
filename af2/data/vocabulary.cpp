#include "af2/data/vocabulary.h"

#include <algorithm>
#include <set>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/text_util.h"
#include "af2/data/record.h"
#include "af2/data/text_terms.h"
#include "af2/data/tsv.h"

namespace af2 {
namespace {

// Two sorted lists have a term in common.
bool share_a_term(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  for (auto i = a.begin(), j = b.begin(); i != a.end() && j != b.end();) {
    if (*i == *j) return true;
    if (*i < *j) {
      ++i;
    } else {
      ++j;
    }
  }
  return false;
}

std::vector<std::string> listed_in(const std::string& cell) {
  std::vector<std::string> parts;
  for (const std::string& part : split(cell, '|'))
    if (!part.empty()) parts.push_back(part);
  return parts;
}

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

std::string plain_label(const std::string& label) {
  std::string plain;
  for (const char c : trim(label))
    plain += c == '_' ? ' ' : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return plain;
}

LabelInfo label_of_name(const std::string& name) {
  const std::string plain = plain_label(name);
  return {plain, plain, plain, "there is " + plain, {}, "", {}};
}

std::vector<LabelInfo> read_label_table(const std::filesystem::path& path) {
  const TsvTable table = TsvTable::read(path, {"label", "phrase", "short", "sentence"});
  std::vector<LabelInfo> labels;
  std::set<std::string> names;
  const auto more = [&](std::size_t row, const char* column) {
    return table.has(column) ? table.text_or_empty(row, column) : std::string();
  };
  for (std::size_t row = 0; row < table.rows(); ++row) {
    LabelInfo info;
    info.name = table.text(row, "label");
    info.phrase = table.text(row, "phrase");
    info.short_name = table.text(row, "short");
    info.sentence = table.text(row, "sentence");
    info.synonyms = listed_in(more(row, "synonyms"));
    info.family = more(row, "family");
    info.parents = listed_in(more(row, "parents"));
    if (!names.insert(info.name).second) throw table.error(row, "label", "stands twice: " + info.name);
    labels.push_back(std::move(info));
  }
  if (labels.empty()) throw data_error("has no labels", path.string());
  std::sort(labels.begin(), labels.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return labels;
}

void write_label_table(const std::filesystem::path& path, const std::vector<LabelInfo>& labels) {
  std::string table = "label\tphrase\tshort\tsentence\tsynonyms\tfamily\tparents\n";
  for (const LabelInfo& label : labels)
    table += label.name + "\t" + label.phrase + "\t" + label.short_name + "\t" + label.sentence + "\t" +
             join(label.synonyms, "|") + "\t" + label.family + "\t" + join(label.parents, "|") + "\n";
  write_file_atomic(path, table);
}

Vocabulary::Vocabulary(std::vector<LabelInfo> labels) : labels_(std::move(labels)) {
  std::sort(labels_.begin(), labels_.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  for (const LabelInfo& label : labels_) {
    const int id = static_cast<int>(terms_.size());
    terms_.push_back(label_terms(label));
    by_name_.emplace(label.name, id);
    for (const std::string& term : terms_.back()) by_term_.emplace(term, id);
  }
}

Vocabulary Vocabulary::of_records(const std::vector<Record>& records, const std::vector<LabelInfo>& known) {
  const Vocabulary table(known);
  std::vector<LabelInfo> labels = known;
  std::set<std::string> names;
  for (const LabelInfo& label : known) names.insert(label.name);
  const auto add = [&](const std::string& label) {
    if (names.contains(label) || names.contains(plain_label(label))) return;
    LabelInfo info = label_of_name(label);
    if (const int found = table.find(label); found >= 0) {
      info = table.at(found);
      info.name = plain_label(label);
    }
    names.insert(info.name);
    labels.push_back(std::move(info));
  };
  for (const Record& record : records) {
    for (const RecordEvent& event : record.events) add(event.label);
    for (const std::string& label : record.labels) add(label);
  }
  return Vocabulary(std::move(labels));
}

int Vocabulary::find(std::string_view label) const {
  if (const auto name = by_name_.find(label); name != by_name_.end()) return name->second;
  if (const auto name = by_name_.find(plain_label(std::string(label))); name != by_name_.end())
    return name->second;
  const auto term = by_term_.find(normal_term(label));
  return term == by_term_.end() ? -1 : term->second;
}

std::string Vocabulary::worded(const std::string& label, std::string LabelInfo::*how) const {
  const int found = find(label);
  return found < 0 ? plain_label(label) : at(found).*how;
}

bool Vocabulary::confusable(int label_a, int label_b) const {
  if (label_a == label_b) return true;
  const LabelInfo &a = at(label_a), &b = at(label_b);
  return has(a.parents, b.name) || has(b.parents, a.name) || share_a_term(terms(label_a), terms(label_b));
}

bool Vocabulary::confusable(const std::string& a, const std::string& b) const {
  const int label_a = find(a), label_b = find(b);
  return label_a < 0 || label_b < 0 ? plain_label(a) == plain_label(b) : confusable(label_a, label_b);
}

}  // namespace af2
