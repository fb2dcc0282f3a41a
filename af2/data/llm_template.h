// What language models are asked, as files: one a purpose, with its version, the form of the answer and texts
// with slots. Those of af2/data/templates are in the program.
//
//   version: 1
//   limits: {"question_words": 20}
//   schema: {"type": "object", ...}
//   --- system
//   ...
//   --- prompt
//   Caption: <data>{{caption}}</data>
//   --- end
//
// `limits` may be left out: numbers that stand in the prompt as {{limit:question_words}} and that the answer
// is checked by, so that what is asked for and what is taken cannot drift apart.
//
// The version is part of what replies are kept under: whoever changes a template counts it up. Thread rule:
// free functions and constant objects.
//
//   const LlmTemplate& clean = llm_template("clap_clean_visual");
//   client.ask(clean.request({{"caption", data_slot(caption)}}));
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "af2/data/llm_client.h"

namespace af2 {

struct LlmTemplate {
  std::string name;
  int version = 0;
  Json limits = Json::object();  // numbers by name
  Json schema;
  std::string system, prompt;

  // Throws kUser for a slot of the prompt that is not given, or a limit that the template does not set.
  LlmRequest request(const std::map<std::string, std::string>& slots) const;
  // A limit; throws kUser naming template and limit where it is not set.
  int limit(const std::string& name) const;
};

// Throws kUser for a file that is no template, naming file and part.
LlmTemplate parse_template(const std::string& name, const std::string& text);
// The embedded one of that name, or `folder`'s NAME.txt where it has one.
LlmTemplate llm_template(const std::string& name, const std::filesystem::path& folder = {});

// A stranger's text for a slot between <data> and </data>: a JSON string without '<' and '>', so that nothing
// in it can end the place it stands in.
std::string data_slot(const std::string& text);
// The same for lists and tables of such texts, with their numbers as they are.
std::string data_json(const Json& json);

// Name and content of each file of af2/data/templates (generated).
const std::vector<std::pair<std::string, std::string>>& embedded_templates();

}  // namespace af2
