// The form that a value of a YAML file must have: built from a few words, checked with line and key.
//
// Of benchmark_shape.cpp, which says what a benchmark's file may hold; what a language model answers is
// af2/data/json_shape.h's. Thread rule: plain values.
//
//   const shape::Shape form = shape::table({{"id!", shape::text()}, {"size", shape::whole(1)}});
//   shape::check(file, form, lines, "x.yaml");   // throws kUser: "lacks the key "id"" (x.yaml line 1)
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "af2/core/json.h"

namespace af2::shape {

// What may stand at a key.
struct Shape {
  enum Kind { kText, kWord, kWhole, kNumber, kFlag, kScalar, kList, kTable, kMap, kEither };
  Kind kind = kText;
  std::vector<std::string> words;                               // kWord: those allowed
  double low = -1e300;                                          // kWhole, kNumber
  std::vector<std::pair<std::string, Shape>> keys;              // kTable: known keys
  std::vector<std::string> needed;                              // kTable
  std::vector<std::shared_ptr<const Shape>> inner;              // kList, kMap: of each; kEither: the two
  std::size_t fewest = 0, most = static_cast<std::size_t>(-1);  // kList
};

Shape text();
Shape flag();
Shape scalar();  // a text, a number or a flag
Shape number(double low = -1e300);
Shape whole(double low = 0);
Shape word(std::vector<std::string> words);  // one of them
Shape list(const Shape& inner, std::size_t fewest = 0, std::size_t most = static_cast<std::size_t>(-1));
Shape texts();                                 // a list of them
Shape map(const Shape& inner);                 // with any keys
Shape either(const Shape& a, const Shape& b);  // told apart by the type of the value
// With these keys only; one that is given with "!" behind must be there.
Shape table(std::vector<std::pair<std::string, Shape>> keys);

// "x.yaml line 17 key data.format": the place of a pointer in a file.
std::string place(const std::string& file, const YamlLines& lines, const std::string& pointer);

// Throws kUser naming file, line and key: an unknown key (with the nearest known one), a key that is missing,
// a wrong type, a word that is none of those allowed.
void check(const Json& value, const Shape& form, const YamlLines& lines, const std::string& file);

}  // namespace af2::shape
