// Whether a JSON value has the form that a schema asks for, in words that a language model can use.
//
// Looks at type (one or a list), properties, required, additionalProperties: false, items, minItems,
// maxItems, minLength, maxLength, minimum, maximum and enum; the order of members and all else is free.
// Answers that are written to a schema are af2/text/json_schema.h's. Thread rule: free functions.
//
//   shape_problem(Json::parse("{}"), schema);   // "lacks \"texts\""
#pragma once

#include <string>

#include "af2/core/json.h"

namespace af2 {

// What is wrong first, with its place ("texts[1] must be a string"); empty if nothing is.
std::string shape_problem(const Json& value, const Json& schema);

// The JSON value in a reply that may have it between ``` fences, or behind </think>; throws kData with the
// parser's message.
Json json_in_reply(const std::string& text);

}  // namespace af2
