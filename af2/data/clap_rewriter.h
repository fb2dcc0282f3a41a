// Captions merged, cleaned, reworded and falsified by a language model (docs/spec/data.md section 4, back end
// A). What it writes is a proposal: whether it holds is for ClapMaker to find out.
//
// Thread rule: any thread.
//
//   const ClapRewriter rewriter(&client, "");
//   const auto clean = rewriter.clean(caption, heard, visual, counts);
//   const auto rewordings = rewriter.positives(*clean, 2, "", counts);
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "af2/data/captions.h"
#include "af2/data/llm_client.h"
#include "af2/data/llm_template.h"

namespace af2 {

// How often what happened, by "stage/reason".
using ClapCounts = std::map<std::string, std::int64_t>;

class ClapRewriter {
 public:
  // `client` may be null where only preview() is called. `templates`: a folder whose files replace embedded
  // ones; may be empty.
  ClapRewriter(LlmClient* client, const std::filesystem::path& templates);

  // One sentence of what was heard, corrected by what was seen; nothing: the model says None, or no valid
  // reply (counted as merge/none, merge/failed_parse).
  std::optional<std::string> merge(const std::string& caption, const std::string& visual,
                                   ClapCounts& counts) const;
  // Both passes of cleaning; counts clean/changed, clean/none, clean/failed_parse.
  std::optional<std::string> clean(const std::string& caption, const std::string& heard,
                                   const std::string& visual, ClapCounts& counts) const;
  // `words`: a sentence that says which words may be used; may be empty.
  std::vector<std::string> positives(const std::string& caption, int number, const std::string& words,
                                     ClapCounts& counts) const;
  std::vector<ClapNegative> negatives(const std::string& caption, int number, const std::string& words,
                                      ClapCounts& counts) const;

  // The requests of a caption as they would be sent, for --dry-run; those that follow from replies stand with
  // the caption itself in their place.
  std::vector<LlmRequest> preview(const std::string& caption, const std::string& visual, bool clean,
                                  int n_positives, int n_negatives, const std::string& words) const;
  // Name and version of each template.
  Json versions() const;

 private:
  std::optional<Json> ask(const LlmRequest& request, const char* stage, ClapCounts& counts) const;
  LlmRequest merge_request(const std::string& caption, const std::string& visual) const;
  LlmRequest audible_request(const std::string& caption, const std::string& heard,
                             const std::string& visual) const;

  LlmClient* client_;
  LlmTemplate merge_, visual_, audible_, positives_, negatives_;
};

}  // namespace af2
