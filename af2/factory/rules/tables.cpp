#include "af2/factory/rules/tables.h"

#include <algorithm>

#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/data/text_terms.h"

namespace af2 {
namespace {

const std::string& table_text(const std::string& name) {
  for (const auto& [file, text] : embedded_tables())
    if (file == name) return text;
  throw internal_error("no table is named " + name);
}

// Lines that say something.
std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (const std::string& raw : split(text, '\n')) {
    const std::string line = trim(raw);
    if (!line.empty() && line[0] != '#') lines.push_back(line);
  }
  return lines;
}

bool has(const std::vector<std::string>& list, const std::string& name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

std::vector<std::vector<std::string>> parse_groups() {
  std::vector<std::vector<std::string>> groups;
  for (const std::string& line : lines_of(table_text("instruments"))) {
    groups.emplace_back();
    for (const std::string& member : split(line, ';'))
      for (const std::string& name : split(member, '=')) {
        if (normal_term(name).empty())
          throw internal_error("table of instruments has an empty name: " + line);
        groups.back().push_back(normal_term(name));
      }
  }
  return groups;
}

}  // namespace

const std::vector<std::vector<std::string>>& instrument_groups() {
  static const std::vector<std::vector<std::string>> all = parse_groups();
  return all;
}

bool same_instrument_group(const std::string& a, const std::string& b) {
  const std::string x = normal_term(a), y = normal_term(b);
  if (x == y) return true;
  for (const auto& group : instrument_groups())
    if (has(group, x) && has(group, y)) return true;
  // "first violin" and "violin" are one.
  const auto ends = [](const std::string& text, const std::string& end) {
    return text.size() > end.size() && text.ends_with(" " + end);
  };
  return ends(x, y) || ends(y, x);
}

std::vector<MadeSound> parse_made_sounds(const std::string& text, const std::string& where) {
  std::vector<MadeSound> all;
  for (const std::string& line : lines_of(text)) {
    if (line[0] == '[') {
      if (line.back() != ']') throw internal_error(where + ": a sound's names do not end: " + line);
      all.emplace_back();
      all.back().phrase = trim(split(line.substr(1, line.size() - 2), ';').front());
      for (const std::string& name : split(line.substr(1, line.size() - 2), ';'))
        all.back().names.push_back(normal_term(name));
      continue;
    }
    const std::vector<std::string> cells = split(line, '|');
    if (all.empty() || cells.size() != 2)
      throw internal_error(where + ": is no maker with its places: " + line);
    SoundMaker maker{trim(cells[0]), {}};
    for (const std::string& place : split(cells[1], ',')) maker.places.push_back(normal_term(place));
    if (maker.name.empty() || has(maker.places, ""))
      throw internal_error(where + ": is no maker with its places: " + line);
    all.back().makers.push_back(std::move(maker));
  }
  return all;
}

const std::vector<MadeSound>& made_sounds() {
  static const std::vector<MadeSound> all = parse_made_sounds(table_text("makers"), "table of makers");
  return all;
}

const MadeSound* made_sound(const std::string& label) {
  const std::string name = normal_term(label);
  for (const MadeSound& sound : made_sounds())
    if (has(sound.names, name)) return &sound;
  return nullptr;
}

bool belongs(const SoundMaker& maker, const std::string& place) {
  const std::string words = " " + normal_term(place) + " ";
  return std::any_of(maker.places.begin(), maker.places.end(),
                     [&](const std::string& at) { return words.find(" " + at + " ") != std::string::npos; });
}

std::vector<std::string> other_makers(const std::string& label, const std::string& maker,
                                      const std::string& place) {
  std::vector<std::string> others;
  const MadeSound* sound = made_sound(label);
  if (!sound || normal_term(place).empty()) return others;
  for (const SoundMaker& other : sound->makers)
    if (normal_term(other.name) != normal_term(maker) && !belongs(other, place)) others.push_back(other.name);
  return others;
}

}  // namespace af2
