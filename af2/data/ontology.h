// AudioSet's ontology: which class of sounds is a kind of which, from its published ontology.json.
//
// The file is a list of {"id", "name", "child_ids", ...}; a class may have several parents. Names come as
// words ("Bark" is "bark"), the parts of "Vehicle horn, car horn, honking" as synonyms. Not for labels of
// clips (af2/data/record_readers.h). Thread rule: free functions.
//
//   const auto ontology = read_ontology("ontology.json");
//   std::vector<LabelInfo> labels = read_label_table("bank/labels.tsv");
//   add_parents(labels, ontology);           // dog: "domestic animals, pets", "animal"
//   const Vocabulary words(labels);
#pragma once

#include <filesystem>
#include <vector>

#include "af2/data/vocabulary.h"

namespace af2 {

// Every class with all its ancestors as parents, sorted by name. Throws kData naming file and class: no list,
// a class without id or name, an id twice, an unknown child, a class above itself.
std::vector<LabelInfo> read_ontology(const std::filesystem::path& path);

// Gives labels that the ontology knows, by name or synonym, its ancestors as parents: by their names there,
// and by the names of those `labels` that are meant by them. Parents that a label has already are kept.
void add_parents(std::vector<LabelInfo>& labels, const std::vector<LabelInfo>& ontology);

}  // namespace af2
