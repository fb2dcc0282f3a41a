// The words for the sounds that records name: which label is meant, how it is said, which two one word may
// name.
//
// Labels of a sound bank come with their words (labels.tsv); labels of others are words themselves
// ("Dog_bark" is "dog bark"). Not for sounds (af2/data/bank.h). Thread rule: constant after construction.
//
//   const Vocabulary words = Vocabulary::of_records(records, read_label_table("bank/labels.tsv"));
//   words.at(words.find("dog")).phrase;  // "a dog barking"
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace af2 {

struct Record;

// One class of sounds.
struct LabelInfo {
  std::string name;                       // dog
  std::string phrase;                     // a dog barking
  std::string short_name;                 // a dog
  std::string sentence;                   // a dog barks
  std::vector<std::string> synonyms;      // puppy, hound
  std::string family;                     // animal
  std::vector<std::string> parents = {};  // names of the wider classes it belongs to
};

class Vocabulary {
 public:
  explicit Vocabulary(std::vector<LabelInfo> labels);
  // Every label of the records, as `known` words it where it has it by name or synonym, else by its own name;
  // then the labels of `known` that no record has.
  static Vocabulary of_records(const std::vector<Record>& records, const std::vector<LabelInfo>& known = {});

  int size() const { return static_cast<int>(labels_.size()); }
  const LabelInfo& at(int label) const { return labels_.at(static_cast<std::size_t>(label)); }
  const std::vector<LabelInfo>& labels() const { return labels_; }
  // By name, by plain name, else by a term of it; -1: unknown.
  int find(std::string_view label) const;
  // One of its wordings (&LabelInfo::phrase), that of the label's own name where it is unknown.
  std::string worded(const std::string& label, std::string LabelInfo::*how) const;
  // The same label, a shared name, phrase or synonym, or one a parent of the other: never distractors of one
  // another.
  bool confusable(int label_a, int label_b) const;
  // The same of names: of unknown ones, those that are plainly the same.
  bool confusable(const std::string& a, const std::string& b) const;
  const std::vector<std::string>& terms(int label) const {
    return terms_.at(static_cast<std::size_t>(label));
  }

 private:
  std::vector<LabelInfo> labels_;                // sorted by name
  std::vector<std::vector<std::string>> terms_;  // [labels], each sorted
  std::map<std::string, int, std::less<>> by_name_, by_term_;
};

// Columns label, phrase, short, sentence, and, where they are there, synonyms, family, parents (several
// parted by '|'); sorted by name. Throws kData naming file, line and column.
std::vector<LabelInfo> read_label_table(const std::filesystem::path& path);
// The same table; what read_label_table() reads again. Throws kResource.
void write_label_table(const std::filesystem::path& path, const std::vector<LabelInfo>& labels);
// "Dog_bark" to "dog bark".
std::string plain_label(const std::string& label);
// A label that is worded by its own name alone.
LabelInfo label_of_name(const std::string& name);

}  // namespace af2
