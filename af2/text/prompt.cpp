#include "af2/text/prompt.h"

#include <algorithm>

#include "af2/core/error.h"
#include "af2/text/unicode.h"
#include "af2/text/utf8.h"

namespace af2 {
namespace {

int need_token(const ByteBpe& tokenizer, const std::string& token, const char* what) {
  const std::optional<int> id = tokenizer.id_of(token);
  if (!id || tokenizer.encode(token) != std::vector<int>{*id}) {
    throw model_error(std::string("the tokenizer has no ") + what + " token '" + token + "'", "tokenizer",
                      "add it, or name the model's own in the config");
  }
  return *id;
}

// Where the label of choice `i`, "(A) " or "(a) ", stands in a text, looked for from `from`; npos: nowhere.
std::size_t label_at(const std::string& text, std::size_t i, std::size_t from) {
  const std::string label = choice_label(i), lower = lower_case(label);
  for (std::size_t at = from; (at = text.find('(', at)) != std::string::npos; ++at)
    if ((text.compare(at, label.size(), label) == 0 || text.compare(at, label.size(), lower) == 0) &&
        (at == 0 || text[at - 1] == ' ' || text[at - 1] == '\n'))
      return at;
  return std::string::npos;
}

}  // namespace

std::string choice_label(std::size_t i) {
  return {'(', static_cast<char>('A' + i), ')', ' '};
}

std::string clean_question(std::string_view question, bool lowercase) {
  const std::string valid = replace_invalid_utf8(question);
  const std::string_view core = strip_python(valid);
  return lowercase ? lower_case(core) : std::string(core);
}

Prompt build_prompt(const ByteBpe& tokenizer, std::string_view question, const PromptOptions& options) {
  if (options.max_prompt_tokens < 2) {
    throw user_error("a prompt needs room for 2 tokens at least", "max_prompt_tokens");
  }
  need_token(tokenizer, options.audio_token, "audio");
  const int sep = need_token(tokenizer, options.sep_token, "separator");
  Prompt prompt;
  prompt.text = options.audio_token + clean_question(question, options.lowercase) + options.sep_token;
  prompt.ids = tokenizer.encode(prompt.text);
  const auto room = static_cast<std::size_t>(options.max_prompt_tokens);
  if (prompt.ids.size() > room) {
    prompt.tokens_cut = static_cast<int>(prompt.ids.size() - room);
    prompt.ids.resize(room - 1);
    prompt.ids.push_back(sep);
  }
  return prompt;
}

std::vector<std::string> choice_answers(std::size_t i, std::string_view choice) {
  const std::string valid = replace_invalid_utf8(choice);
  const std::string label = choice_label(i);
  std::string text(strip_python(valid));
  if (text.starts_with(label)) text = std::string(strip_python(std::string_view(text).substr(label.size())));
  if (!text.empty() && text.back() == '.') text.pop_back();
  std::vector<std::string> answers;
  for (const std::string& answer : {text, lower_case(text), label + text, lower_case(label + text)})
    if (std::find(answers.begin(), answers.end(), answer) == answers.end()) answers.push_back(answer);
  return answers;
}

std::string behind_lead(const std::string& answer, const std::string& lead) {
  if (lead.empty()) return answer;
  const std::size_t at = answer.rfind(lead + " ");
  return at == std::string::npos ? answer : answer.substr(at + lead.size() + 1);
}

std::string with_choices(std::string_view question, const std::vector<std::string>& choices) {
  if (choices.size() < 2 || choices.size() > 26) {
    throw user_error(std::to_string(choices.size()) + " choices", "choices", "give 2 to 26");
  }
  bool labelled = true;
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    const std::string valid = replace_invalid_utf8(choices[i]);
    texts.emplace_back(strip_python(valid));
    if (texts.back().empty()) throw user_error("choice " + choice_label(i) + "is empty", "choices");
    labelled = labelled && texts.back().starts_with(choice_label(i));
  }
  const std::string valid = replace_invalid_utf8(question);
  std::string text(strip_python(valid));
  if (text.empty()) throw user_error("the question is empty", "question");
  if (std::string_view(".?!:").find(text.back()) == std::string_view::npos) text += '?';
  for (std::size_t i = 0; i < texts.size(); ++i) {
    text += ' ';
    if (!labelled) text += choice_label(i);
    text += texts[i];
    if (texts[i].back() != '.') text += '.';
  }
  return text;
}

SplitPrompt split_choices(const std::string& prompt) {
  std::size_t first = std::string::npos;
  for (std::size_t at = 0; (at = label_at(prompt, 0, at)) != std::string::npos; at += 4) first = at;
  SplitPrompt split{prompt, {}};
  if (first == std::string::npos) return split;
  std::vector<std::string> choices;
  for (std::size_t i = 0, begin = first; begin != std::string::npos && i < 26; ++i) {
    const std::size_t end = label_at(prompt, i + 1, begin + 4);
    const std::string part = prompt.substr(begin + 4, end == std::string::npos ? end : end - begin - 4);
    std::string choice(strip_python(part));
    if (choice.ends_with('.')) choice.pop_back();
    if (choice.empty()) return split;
    choices.push_back(std::move(choice));
    begin = end;
  }
  if (choices.size() < 2) return split;
  const std::string question = prompt.substr(0, first);
  split.question = strip_python(question);
  split.choices = std::move(choices);
  return split;
}

}  // namespace af2
