#include "af2/eval/dense_captions.h"

#include <algorithm>
#include <map>
#include <string>

#include "af2/core/error.h"
#include "af2/core/json_lines.h"
#include "af2/core/text_util.h"

namespace af2 {
namespace {

constexpr const char* kDenseCaption = "dense_caption";
constexpr std::size_t kNamedItems = 3;

// By id of an item, and by path of a clip.
std::map<std::string, std::string> dense_captions_in(const std::filesystem::path& file) {
  std::map<std::string, std::string> captions;
  each_json_line(file, [&](const Json& line, const std::string& where) {
    const auto word = [&](const char* key) {
      return line.is_object() && line.contains(key) && line[key].is_string() ? line[key].get<std::string>()
                                                                             : std::string();
    };
    const std::string caption = trim(word("caption"));
    const std::string name = word("id").empty() ? word("audio") : word("id");
    if (caption.empty() || name.empty())
      throw data_error("is no line {id or audio, caption}", where, "correct the line");
    if (!captions.emplace(name, caption).second)
      throw data_error("gives a second caption of " + name, where, "leave one of them");
  });
  return captions;
}

}  // namespace

void tell_dense_captions(const std::filesystem::path& file, const std::vector<const EvalItem*>& items,
                         JudgeSpec& spec, std::vector<JudgeCase>& cases) {
  if (std::count(spec.variant_inputs.begin(), spec.variant_inputs.end(), kDenseCaption) == 0)
    throw user_error("the benchmark's judge is told nothing of the clips", "--dense-captions",
                     "it is for benchmarks whose judge has dense_caption among its variant_inputs");
  const std::map<std::string, std::string> captions = dense_captions_in(file);
  std::vector<std::string> without;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    auto found = captions.find(items[i]->id);
    if (found == captions.end() && !items[i]->audio.empty()) found = captions.find(items[i]->audio.front());
    if (found == captions.end())
      without.push_back(items[i]->id);
    else
      cases[i].inputs[kDenseCaption] = found->second;
  }
  if (!without.empty()) {
    const std::size_t n = without.size();
    without.resize(std::min(n, kNamedItems));
    throw user_error("has no caption for " + std::to_string(n) + " items, such as " + join(without, ", "),
                     file.string(), "add lines {id, caption} or {audio, caption}");
  }
  spec.inputs.emplace_back(kDenseCaption);
  spec.rubric += "_dense";
}

}  // namespace af2
