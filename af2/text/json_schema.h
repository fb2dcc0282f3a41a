// JSON Schema as a grammar: answers that are JSON of a given form.
//
// Known: type (one or a list), properties, required, additionalProperties (false when not given), items,
// minItems, maxItems, minLength, maxLength, enum, const, anyOf, oneOf (taken as anyOf), $ref to "#" or a
// place in the schema itself, and what says nothing about values (title, description, default, examples,
// $comment, $schema, $id, $defs, definitions, deprecated, readOnly, writeOnly). Members come in the order of
// `properties`. Any other keyword is refused by name. Texts are JSON with at most one space after { [ , : and
// before } ]. Thread rule: pure functions.
//
//   Grammar grammar = grammar_of_json_schema(R"({"type": "array", "items": {"enum": ["dog", "cat"]}})",
//   "-j");
#pragma once

#include <string>
#include <string_view>

#include "af2/text/grammar.h"

namespace af2 {

// The schema, JSON text, as GBNF. Throws kUser naming `where` and the place in the schema: not JSON (or a
// key that stands twice, or more than 100 levels), an unknown keyword, a value of the wrong kind, a schema
// that allows nothing.
std::string gbnf_of_json_schema(std::string_view schema, const std::string& where);

// The same, parsed. Throws also as Grammar::parse.
Grammar grammar_of_json_schema(std::string_view schema, const std::string& where);

}  // namespace af2
