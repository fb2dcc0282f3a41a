// text: JSON Schema as a grammar. What the grammar takes is JSON that obeys the schema; what is not known is
// refused by name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "af2/core/error.h"
#include "af2/text/grammar_match.h"
#include "af2/text/json_schema.h"
#include "text_test_util.h"

namespace af2 {
namespace {

using testing::HasSubstr;

void expect_json(const std::string& schema, const std::vector<std::string>& good,
                 const std::vector<std::string>& bad) {
  const auto grammar = std::make_shared<const Grammar>(grammar_of_json_schema(schema, "-j"));
  GrammarMatcher matcher(grammar);
  const auto takes = [&](const std::string& text) {
    matcher.reset();
    return matcher.accept(text) && matcher.can_end();
  };
  for (const auto& text : good) {
    EXPECT_TRUE(takes(text)) << schema << "\n" << text << "\n" << gbnf_of_json_schema(schema, "-j");
    EXPECT_TRUE(text_test::Json::accept(text)) << text;
  }
  for (const auto& text : bad) EXPECT_FALSE(takes(text)) << schema << "\n" << text;
}

void expect_schema_refused(const std::string& schema, const std::vector<std::string>& words) {
  try {
    grammar_of_json_schema(schema, "-j");
    ADD_FAILURE() << "taken: " << schema.substr(0, 200);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUser) << error.what();
    for (const auto& word : words) EXPECT_THAT(error.what(), HasSubstr(word));
  }
}

TEST(JsonSchema, PlainTypes) {
  expect_json(R"({"type": "string"})", {R"("")", R"("a \"b\" \n é \u00e9 \uD7ff \\")", R"("€😀")"},
              {"a", R"("a)", R"("\x")", R"("\ud83d")", "\"\n\"", R"("a" )", R"(""")"});
  expect_json(R"({"type": "integer"})", {"0", "-7", "120"}, {"01", "1.5", "1e3", "-", "+1", ""});
  expect_json(R"({"type": "number"})", {"0", "-7.25", "1e3", "1.5E-10", "0.001"},
              {".5", "1.", "1e", "NaN", "00"});
  expect_json(R"({"type": "boolean", "title": "said", "default": true})", {"true", "false"},
              {"True", "null", "1"});
  expect_json(R"({"type": "null"})", {"null"}, {"none", ""});
  expect_json(R"({"type": ["integer", "null"]})", {"3", "null"}, {"\"3\"", "3.5"});
  expect_json("{}", {"1", "[]", R"({"a": [1, {"b": null}], "c": "d"})", "true"},
              {"[1,]", "{a: 1}", "{\"a\"}", ""});
  expect_json("true", {"1", "{}"}, {""});
}

TEST(JsonSchema, LengthsOfStrings) {
  expect_json(R"({"type": "string", "minLength": 2, "maxLength": 3})",
              {R"("ab")", R"("é€😀")", R"("\n\u0041")"}, {R"("")", R"("a")", R"("abcd")", R"("\n")"});
  expect_json(R"({"maxLength": 1})", {R"("")", R"("a")"}, {R"("ab")", "1"});
  expect_json(R"({"type": "string", "minLength": 3})", {R"("abc")", R"("abcdefgh")"}, {R"("ab")"});
}

TEST(JsonSchema, ObjectsHaveTheirMembersInOrder) {
  expect_json(
      R"({"type": "object", "properties": {"sound": {"type": "string"}, "times": {"type": "integer"}},
                  "required": ["sound", "times"]})",
      {R"({"sound": "a dog", "times": 2})", R"({"sound":"","times":0})", R"({ "sound": "x", "times": 1 })"},
      {R"({"times": 2, "sound": "x"})", R"({"sound": "x"})", "{}", R"({"sound": "x", "times": 1, "more": 1})",
       R"({"sound": "x", "times": "1"})", R"({"sound": "x" , "times": 1})"});
  expect_json(
      R"({"properties": {"a": {"type": "null"}, "b": {"type": "null"}, "c": {"type": "null"}}, "required": ["b"]})",
      {R"({"b": null})", R"({"a": null, "b": null})", R"({"b": null, "c": null})",
       R"({"a": null, "b": null, "c": null})"},
      {"{}", R"({"a": null})", R"({"a": null, "c": null})", R"({"b": null, "a": null})", R"({"b": null,})",
       R"({, "b": null})"});
  expect_json(R"({"type": "object", "properties": {"a": true, "b": true}})",
              {"{}", R"({"a": 1})", R"({"b": [1]})", R"({"a": 1, "b": {}})"}, {R"({"b": 1, "a": 1})"});
  expect_json(R"({"type": "object"})", {"{}", "{ }"}, {R"({"a": 1})"});
  expect_json(R"({"type": "object", "properties": {"a \"b\"\n": {"const": 1}}})", {R"({"a \"b\"\n": 1})"},
              {R"({"a": 1})"});
}

TEST(JsonSchema, FurtherMembersWhereTheyAreAllowed) {
  expect_json(R"({"type": "object", "additionalProperties": {"type": "integer"}})",
              {"{}", R"({"a": 1})", R"({"a": 1, "é": 2})"}, {R"({"a": "x"})", R"({"a": 1,})"});
  // A key of the properties does not come a second time with another value.
  expect_json(R"({"type": "object", "properties": {"id": {"type": "integer"}, "idle": {"type": "boolean"}},
                  "required": ["id"], "additionalProperties": {"type": "string"}})",
              {R"({"id": 1})", R"({"id": 1, "idle": true})",
               R"({"id": 1, "x": "y", "i": "", "idx": "", "": "", "ids": ""})"},
              {R"({"id": 1, "id": "x"})", R"({"id": 1, "idle": "x"})", R"({"x": "y", "id": 1})",
               R"({"id": 1, "\u0069d": "x"})"});
  expect_json(R"({"additionalProperties": true, "required": ["a"]})",
              {R"({"a": [1]})", R"({"a": 1, "b": 2})"}, {"{}", R"({"b": 2})"});
}

TEST(JsonSchema, Arrays) {
  expect_json(R"({"type": "array", "items": {"type": "integer"}})", {"[]", "[1]", "[1, 2,3]", "[ 1 ]"},
              {"[1 2]", "[\"a\"]", "[,]"});
  expect_json(R"({"type": "array", "items": {"const": 1}, "minItems": 2, "maxItems": 3})",
              {"[1, 1]", "[1, 1, 1]"}, {"[]", "[1]", "[1, 1, 1, 1]"});
  expect_json(R"({"items": {"const": 1}, "minItems": 1})", {"[1]", "[1, 1, 1, 1]"}, {"[]"});
  expect_json(R"({"items": {"const": 1}, "maxItems": 1})", {"[1]", "[]"}, {"[1, 1]"});
  expect_json(R"({"type": "array", "maxItems": 0})", {"[]"}, {"[1]"});
  expect_json(R"({"type": "array"})", {R"([1, "a", []])"}, {"{}"});
}

TEST(JsonSchema, GivenValuesAndAlternatives) {
  expect_json(R"({"enum": ["a dog", "a \"cat\"", 3, null, {"x": [1]}]})",
              {R"("a dog")", R"("a \"cat\"")", "3", "null", R"({"x":[1]})"}, {R"("a")", "4", "a dog"});
  expect_json(R"({"type": "string", "enum": ["é", "b"]})", {R"("é")"}, {R"("c")"});
  expect_json(R"({"const": "yes"})", {R"("yes")"}, {R"("no")"});
  expect_json(R"({"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "boolean"}}]})",
              {"1", "[true]"}, {"[1]", "true"});
  expect_json(R"({"oneOf": [{"const": 1}, {"const": 2}], "description": "one or two"})", {"1", "2"}, {"3"});
}

TEST(JsonSchema, References) {
  const std::string tree =
      R"({"$defs": {"node": {"type": "object", "properties": {"name": {"$ref": "#/$defs/name"},
      "below": {"type": "array", "items": {"$ref": "#/$defs/node"}}}, "required": ["name"]},
      "name": {"type": "string", "maxLength": 5}}, "$ref": "#/$defs/node"})";
  expect_json(tree, {R"({"name": "a"})", R"({"name": "a", "below": [{"name": "b", "below": []}]})"},
              {R"({"name": "abcdef"})", R"({"below": []})"});
  expect_json(R"({"type": "array", "items": {"$ref": "#"}})", {"[]", "[[], [[]]]"}, {"[1]"});
  expect_json(R"({"definitions": {"a/b": {"const": 1}}, "$ref": "#/definitions/a~1b"})", {"1"}, {"2"});
}

TEST(JsonSchema, UnknownKeywordsAreNamed) {
  for (const char* keyword :
       {"pattern", "format", "minimum", "maximum", "multipleOf", "uniqueItems", "prefixItems", "allOf", "not",
        "if", "patternProperties", "minProperties", "contains", "dependentRequired", "$dynamicRef", "tpye"})
    expect_schema_refused(
        std::string(R"({"type": "object", "properties": {"a": {")") + keyword + R"(": 1}}})",
        {keyword, "not supported", "#/properties/a"});
}

TEST(JsonSchema, MistakesAreRefused) {
  expect_schema_refused("{", {"no JSON"});
  expect_schema_refused("3", {"no schema"});
  expect_schema_refused("false", {"allows nothing"});
  expect_schema_refused(R"({"type": "text"})", {"type is none of", "text"});
  expect_schema_refused(R"({"type": 3})", {"type is none of"});
  expect_schema_refused(R"({"type": []})", {"names none"});
  expect_schema_refused(R"({"type": "string", "type": "integer"})", {"\"type\" stands twice"});
  expect_schema_refused(R"({"type": "integer", "minLength": 1})", {"minLength", "for type string"});
  expect_schema_refused(R"({"minLength": -1})", {"minLength"});
  expect_schema_refused(R"({"minLength": 1.5})", {"minLength"});
  expect_schema_refused(R"({"maxLength": 1000000})", {"maxLength", "100000"});
  expect_schema_refused(R"({"minLength": 3, "maxLength": 2})", {"maxLength is below minLength"});
  expect_schema_refused(R"({"minItems": 3, "maxItems": 2})", {"maxItems is below minItems"});
  expect_schema_refused(R"({"properties": []})", {"properties"});
  expect_schema_refused(R"({"properties": {"a": true}, "required": ["b"]})", {"required", "b"});
  expect_schema_refused(R"({"required": "a"})", {"required"});
  expect_schema_refused(R"({"enum": []})", {"enum"});
  expect_schema_refused(R"({"enum": ["a"], "minLength": 1})", {"minLength", "enum"});
  expect_schema_refused(R"({"type": "integer", "enum": [1, "a"]})", {"\"a\"", "type"});
  expect_schema_refused(R"({"anyOf": [], "title": "x"})", {"anyOf"});
  expect_schema_refused(R"({"anyOf": [true], "type": "string"})", {"type", "anyOf"});
  expect_schema_refused(R"({"$ref": "#/$defs/none"})", {"names nothing"});
  expect_schema_refused(R"({"$ref": "other.json"})", {"no place"});
  expect_schema_refused(R"({"$ref": "#/a~9"})", {"no place"});
  expect_schema_refused(R"({"$ref": 3})", {"no place"});
}

TEST(JsonSchema, HostileOnesAreRefused) {
  expect_schema_refused(R"({"$ref": "#"})", {"can never be finished"});
  expect_schema_refused(
      R"({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"})",
      {"can never be finished"});
  expect_schema_refused(R"({"properties": {"next": {"$ref": "#"}}, "required": ["next"]})",
                        {"can never be finished"});
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += R"({"items":)";
  expect_schema_refused(deep, {"100 levels"});
  expect_schema_refused(std::string(100000, '['), {"100 levels"});
  std::string many = R"({"enum": [0)";
  for (int i = 1; i < 200000; ++i) many += "," + std::to_string(i);
  expect_schema_refused(many + "]}", {"too large"});
  expect_schema_refused(
      R"({"additionalProperties": true, "properties": {")" + std::string(3000, 'k') + R"(": true}})",
      {"too long"});
}

}  // namespace
}  // namespace af2
