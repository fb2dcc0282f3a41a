#include "af2/data/ontology.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/json.h"
#include "af2/core/text_util.h"

namespace af2 {
namespace {

std::string text_at(const Json& node, const char* key, const std::string& where) {
  if (!node.is_object() || !node.contains(key) || !node.at(key).is_string())
    throw data_error("a class has no text at this key", where + " key " + key,
                     "AudioSet's ontology.json has id, name and child_ids in each");
  return node.at(key).get<std::string>();
}

void add_once(std::vector<std::string>& list, const std::string& text) {
  if (std::find(list.begin(), list.end(), text) == list.end()) list.push_back(text);
}

}  // namespace

std::vector<LabelInfo> read_ontology(const std::filesystem::path& path) {
  const Json nodes = parse_json(read_file(path), path.string());
  if (!nodes.is_array() || nodes.empty())
    throw data_error("is no list of classes", path.string(), "give AudioSet's ontology.json");
  std::map<std::string, std::size_t> place;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const std::string where = path.string() + " [" + std::to_string(i) + "]";
    if (!place.emplace(text_at(nodes[i], "id", where), i).second)
      throw data_error("stands twice: " + nodes[i]["id"].get<std::string>(), where + " key id");
    text_at(nodes[i], "name", where);
  }
  std::vector<std::vector<std::size_t>> above(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const std::string where = path.string() + " [" + std::to_string(i) + "] key child_ids";
    if (!nodes[i].contains("child_ids")) continue;
    if (!nodes[i]["child_ids"].is_array()) throw data_error("must be a list", where);
    for (const Json& child : nodes[i]["child_ids"]) {
      const auto found = child.is_string() ? place.find(child.get<std::string>()) : place.end();
      if (found == place.end()) throw data_error("names no class: " + child.dump(), where);
      above[found->second].push_back(i);
    }
  }
  std::vector<LabelInfo> labels;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    LabelInfo info = label_of_name(nodes[i]["name"].get<std::string>());
    const std::vector<std::string> parts = split(info.name, ',');
    if (parts.size() > 1)
      for (const std::string& part : parts) add_once(info.synonyms, trim(part));
    std::set<std::size_t> seen;
    std::vector<std::size_t> open = above[i];
    while (!open.empty()) {
      const std::size_t parent = open.back();
      open.pop_back();
      if (parent == i)
        throw data_error("a class stands above itself: " + info.name,
                         path.string() + " [" + std::to_string(i) + "]");
      if (!seen.insert(parent).second) continue;
      open.insert(open.end(), above[parent].begin(), above[parent].end());
    }
    for (const std::size_t parent : seen)
      add_once(info.parents, plain_label(nodes[parent]["name"].get<std::string>()));
    labels.push_back(std::move(info));
  }
  std::sort(labels.begin(), labels.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return labels;
}

void add_parents(std::vector<LabelInfo>& labels, const std::vector<LabelInfo>& ontology) {
  const Vocabulary known(ontology);
  std::multimap<std::string, std::string> meant;  // name in the ontology to names of labels
  std::vector<int> node(labels.size(), -1);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    node[i] = known.find(labels[i].name);
    for (std::size_t s = 0; node[i] < 0 && s < labels[i].synonyms.size(); ++s)
      node[i] = known.find(labels[i].synonyms[s]);
    if (node[i] >= 0) meant.emplace(known.at(node[i]).name, labels[i].name);
  }
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (node[i] < 0) continue;
    for (const std::string& parent : known.at(node[i]).parents) {
      add_once(labels[i].parents, parent);
      const auto [begin, end] = meant.equal_range(parent);
      for (auto m = begin; m != end; ++m)
        if (m->second != labels[i].name) add_once(labels[i].parents, m->second);
    }
  }
}

}  // namespace af2
