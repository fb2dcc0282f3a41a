// Answers of a tiny network that are held: by biases of tokens, by a grammar, by the rule of conclusions.
#include "af2/generate/constraint.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "af2/generate/beams.h"
#include "af2/generate/conclusion.h"
#include "af2/generate/convert.h"
#include "af2/generate/engine.h"
#include "af2/text/json_schema.h"
#include "published_checkpoint.h"

namespace af2 {
namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();

std::shared_ptr<const Grammar> gbnf(const std::string& text) {
  return std::make_shared<const Grammar>(Grammar::parse(text, "test.gbnf"));
}

class Held : public test::Published {
 protected:
  Held() {
    write(true, SaveType::kF32);
    convert(folder, model, "f32");
    load(Json::object());
  }
  static void convert(const std::filesystem::path& from, const std::filesystem::path& to,
                      const std::string& type) {
    ConvertOptions some;
    some.type = type;
    convert_model(from, to, some);
  }
  // The converted folder with more in its config.json.
  void load(const Json& more) {
    Json config = Json::parse(read_file(model / "config.json"));
    config.merge_patch(more);
    write_file_atomic(model / "config.json", config.dump());
    engine.emplace(Engine::load(model, {.threads = 1}));
    Clip clip;
    const torch::Tensor sound = test::sound_like("held", 1, 160000)[0].contiguous();
    clip.samples.assign(sound.data_ptr<float>(), sound.data_ptr<float>() + sound.numel());
    clip.rate_hz = 16000;
    clip.seconds = clip.wanted_seconds = clip.file_seconds = 10;
    memory.emplace(engine->listen(clip));
  }
  Answer ask(const AnswerOptions& options) const { return engine->answer(*memory, "what?", options); }
  static AnswerOptions options(int n, double temperature = 0, std::uint64_t seed = 0) {
    AnswerOptions some;
    some.max_new_tokens = n;
    some.sampling.temperature = temperature;
    some.sampling.seed = seed;
    return some;
  }

  const std::filesystem::path model = scratch / "model";
  std::optional<Engine> engine;
  std::optional<af2::Memory> memory;
  const int end = test::kTinyVocabulary - 1;  // <|endoftext|>
};

TEST_F(Held, BiasesForbidAndForceTokens) {
  AnswerOptions some = options(8);
  some.ignore_eos = true;
  const Answer free = ask(some);
  for (const double temperature : {0.0, 1.0}) {
    some.sampling.temperature = temperature;
    some.sampling.logit_bias = {{free.tokens[0], kNever}};
    for (const int id : ask(some).tokens) EXPECT_NE(id, free.tokens[0]) << temperature;
    some.sampling.logit_bias = {engine->logit_bias("\"an\"=200")};
    EXPECT_EQ(ask(some).text, "anananananananan") << temperature;
    // Of one token they add up.
    some.sampling.logit_bias.push_back(engine->logit_bias("\"an\"=-200"));
    some.sampling.logit_bias.push_back(engine->logit_bias("\"nd\"=200"));
    EXPECT_EQ(ask(some).text, "ndndndndndndndnd") << temperature;
  }
  // Log-probabilities stay those of the model.
  some = options(1);
  some.ignore_eos = some.log_probabilities = true;
  const int id = free.tokens[0];
  const double plain = ask(some).log_probabilities[0];
  some.sampling.logit_bias = {{id, 30}};
  EXPECT_EQ(ask(some).log_probabilities[0], plain);
}

TEST_F(Held, BiasesThatCannotBeMeantAreRefused) {
  const auto [id, bias] = engine->logit_bias(" 97 = -1.5 ");
  EXPECT_EQ(id, 97);
  EXPECT_EQ(bias, -1.5);
  EXPECT_EQ(engine->logit_bias("0=never").second, kNever);
  EXPECT_EQ(engine->logit_bias("\"=\"=-inf").second, kNever);
  EXPECT_EQ(engine->logit_bias("\"<SEP>\"=+2").first, test::kTinyVocabulary + 3);
  EXPECT_EQ(engine->logit_bias("\" \\u0061\"=1").first, engine->logit_bias("\" a\"=1").first);
  const auto refused = [&](const std::string& text, const std::string& word) {
    test::expect_error(ErrorKind::kUser, {"--logit-bias", word}, [&] { engine->logit_bias(text); });
  };
  refused("265=1", "0..264");
  refused("-1=1", "0..264");
  refused("99999999999999999999=1", "0..264");
  refused("\"dog\"=1", "3 tokens");
  refused("\"\"=1", "0 tokens");
  refused("dog=1", "no token id");
  refused("\"a=1", "no token id");
  refused("3x=1", "no token id");
  refused("3", "no =");
  refused("3=", "no number");
  refused("3=much", "no number");
  refused("3=nan", "no number");
  refused("3=inf", "no number");
  refused("\"\\q\"=1", "JSON");
  AnswerOptions some = options(3);
  some.sampling.logit_bias = {{100000, 1}};
  test::expect_error(ErrorKind::kUser, {"--logit-bias", "100000"}, [&] { ask(some); });
  some.sampling.logit_bias.clear();
  for (int i = 0; i < 265; ++i) some.sampling.logit_bias.emplace_back(i, kNever);
  test::expect_error(ErrorKind::kUser, {"forbids every token"}, [&] { ask(some); });
}

TEST_F(Held, AnswersObeyTheirGrammar) {
  AnswerOptions some = options(40);
  some.grammar = gbnf("root ::= (\"a dog\" | \"no sound\" | \"an \u00e9lan\") (\", \" [0-9]{1,2})?");
  for (int seed = 0; seed < 12; ++seed) {
    some.sampling = options(1, seed ? 1.5 : 0, static_cast<std::uint64_t>(seed)).sampling;
    const Answer answer = ask(some);
    GrammarMatcher matcher(some.grammar);
    EXPECT_TRUE(matcher.accept(answer.text) && matcher.can_end()) << answer.text;
    EXPECT_EQ(answer.finish_reason, "stop");
    EXPECT_TRUE(answer.warnings.empty());
  }
  // Nothing can follow: the answer is over without a stop token.
  some = options(40);
  some.grammar = gbnf("root ::= \"dog\"");
  some.sampling.logit_bias = {{end, kNever}};
  EXPECT_EQ(ask(some).text, "dog");
  EXPECT_EQ(ask(some).finish_reason, "stop");
  // Free again afterwards.
  EXPECT_EQ(ask(options(6)).tokens,
            Engine::load(model, {.threads = 1}).answer(*memory, "what?", options(6)).tokens);
}

TEST_F(Held, CharactersOfSeveralTokensAreWhole) {
  AnswerOptions some = options(60);
  some.grammar = gbnf("root ::= [\u00e9\u20ac\U0001F600]{4}");  // each of 2 to 4 single-byte tokens
  for (int seed = 0; seed < 6; ++seed) {
    some.sampling = options(1, 2, static_cast<std::uint64_t>(seed)).sampling;
    const Answer answer = ask(some);
    GrammarMatcher matcher(some.grammar);
    EXPECT_TRUE(matcher.accept(answer.text) && matcher.complete()) << answer.text;
  }
}

TEST_F(Held, SchemasGiveJson) {
  AnswerOptions some = options(200);
  some.grammar = std::make_shared<const Grammar>(grammar_of_json_schema(
      R"({"type": "object", "properties": {"sound": {"enum": ["a dog", "rain"]}, "times": {"type": "integer"},
          "sure": {"type": "boolean"}, "text": {"type": "string", "maxLength": 6}}, "required": ["sound", "times"]})",
      "-j"));
  for (int seed = 0; seed < 8; ++seed) {
    some.sampling = options(1, seed ? 1 : 0, static_cast<std::uint64_t>(seed)).sampling;
    const Answer answer = ask(some);
    ASSERT_EQ(answer.finish_reason, "stop") << answer.text;
    const Json json = Json::parse(answer.text);
    EXPECT_TRUE(json["sound"] == "a dog" || json["sound"] == "rain");
    EXPECT_TRUE(json["times"].is_number_integer());
    EXPECT_TRUE(json.value("sure", Json(true)).is_boolean());
  }
}

TEST_F(Held, ACutGrammarIsSaid) {
  AnswerOptions some = options(5);
  some.grammar = gbnf("root ::= [a-z]{10} \"!\"");
  Answer answer = ask(some);
  EXPECT_EQ(answer.text.size(), 5u);
  EXPECT_EQ(answer.finish_reason, "length");
  EXPECT_EQ(answer.warnings, (std::vector<std::string>{"length", "unfinished"}));
  some.grammar = gbnf("root ::= [a-z]{2,}");  // may end there
  some.sampling.logit_bias = {{end, kNever}};
  EXPECT_EQ(ask(some).warnings, std::vector<std::string>{"length"});
  some.stop = {answer.text.substr(2, 1)};
  some.grammar = gbnf("root ::= \"" + answer.text + "!\"");
  some.max_new_tokens = 20;
  answer = ask(some);
  EXPECT_EQ(answer.finish_reason, "stop");
  EXPECT_EQ(answer.warnings, std::vector<std::string>{"unfinished"});
}

TEST_F(Held, GrammarsThatCannotBeFollowedAreErrors) {
  AnswerOptions some = options(5);
  some.grammar = gbnf("root ::= \"dog\"");
  some.beams = 3;
  test::expect_error(ErrorKind::kUser, {"--beams", "--grammar-file"}, [&] { ask(some); });
  some.grammar = nullptr;
  some.sampling.logit_bias = {{3, 1}};
  test::expect_error(ErrorKind::kUser, {"--beams", "--logit-bias"}, [&] { ask(some); });
  some = options(5);
  some.grammar = gbnf("root ::= \"dog\"");
  some.ignore_eos = true;
  test::expect_error(ErrorKind::kUser, {"--ignore-eos", "--grammar-file"}, [&] { ask(some); });
  some.ignore_eos = false;
  some.sampling.logit_bias = {engine->logit_bias("\"d\"=never")};
  test::expect_error(ErrorKind::kUser, {"forbids every token"}, [&] { ask(some); });
  // A vocabulary without the bytes that are asked for.
  GrammarCache cache;
  const ByteBpe words = ByteBpe::from_lists({"a", "b", "<end>"}, {}, {1, 1, 3}, "smollm");
  const std::vector<int> stops = {2};
  Constraint constraint(gbnf("root ::= \"abc\"?"), words, stops, cache);
  const auto masked = [&] {
    std::vector<float> logits(4, 1.0f);
    constraint.mask(logits);
    return logits;
  };
  const float none = -std::numeric_limits<float>::infinity();
  EXPECT_EQ(masked(), (std::vector<float>{1, none, 1, none}));
  constraint.accept(0);
  EXPECT_EQ(masked(), (std::vector<float>{none, 1, none, none}));
  constraint.accept(1);
  EXPECT_TRUE(constraint.unfinished());
  test::expect_error(ErrorKind::kUser, {"test.gbnf", "no token"}, masked);
}

TEST_F(Held, AnAnswerWithoutConclusionIsContinuedOnce) {
  AnswerOptions some = options(200);
  some.sampling.logit_bias = {{end, 500}};  // it stops at once, always
  EXPECT_EQ(ask(some).text, "");
  load({{"text", {{"conclusion", "<CONCLUSION>"}, {"max_prompt_tokens", nullptr}}},
        {"generation", {{"max_new_tokens", nullptr}}}});
  EXPECT_EQ(engine->config().text.conclusion, "<CONCLUSION>");
  EXPECT_EQ(engine->config().text.max_prompt_tokens, 1024);
  EXPECT_EQ(engine->config().generation.max_new_tokens, 1024);
  std::string streamed;
  some.log_probabilities = true;
  const Answer answer =
      engine->answer(*memory, "what?", some, [&](std::string_view text) { streamed += text; });
  EXPECT_EQ(answer.text, "<CONCLUSION>");
  EXPECT_EQ(streamed, answer.text);
  EXPECT_EQ(answer.finish_reason, "stop");
  EXPECT_EQ(answer.log_probabilities.size(), answer.tokens.size());
  // No room for the words, all tokens wanted, a grammar: as without the rule.
  some.max_new_tokens = 3;
  EXPECT_EQ(ask(some).text, "");
  some.max_new_tokens = 20;
  some.ignore_eos = true;
  EXPECT_EQ(ask(some).text.find("<CONCLUSION>"), std::string::npos);
  some.ignore_eos = false;
  some.grammar = gbnf("root ::= \"a\"?");
  EXPECT_EQ(ask(some).text, "");
}

// What is written behind the words is what the model writes when they stand in its prompt.
TEST_F(Held, TheContinuationIsTheModelsOwn) {
  const int first = ask(options(1)).tokens[0];
  const Json tokenizer = Json::parse(read_file(model / "tokenizer.json"));
  std::string stop;
  if (first > end) stop = engine->config().text.added[static_cast<std::size_t>(first - end - 1)];
  for (const auto& [token, id] : tokenizer["model"]["vocab"].items())
    if (id == first) stop = token;
  load({{"text", {{"conclusion", "<C>"}, {"stop", {stop}}}}});
  const Answer answer = ask(options(12));
  const std::vector<int> words(answer.tokens.begin(), answer.tokens.begin() + 3);
  EXPECT_EQ(answer.text.substr(0, 3), "<C>");
  std::vector<int> ids = engine->prompt_ids("what?");
  ids.insert(ids.end(), words.begin(), words.end());
  load({{"text", {{"conclusion", nullptr}}}});
  const Answer rest = engine->answer_tokens(*memory, ids, options(9));
  EXPECT_EQ(std::vector<int>(answer.tokens.begin() + 3, answer.tokens.end()), rest.tokens);
  EXPECT_EQ(answer.finish_reason, rest.finish_reason);
}

TEST_F(Held, TheRuleOfConclusionsStaysInConvertedFolders) {
  load({{"text", {{"conclusion", "<CONCLUSION>"}, {"max_prompt_tokens", 300}}}});
  convert(model, scratch / "again", "keep");
  const Engine again = Engine::load(scratch / "again", {.threads = 1});
  EXPECT_EQ(again.config().text.conclusion, "<CONCLUSION>");
  EXPECT_EQ(again.config().text.max_prompt_tokens, 300);
  EXPECT_EQ(again.config().generation.max_new_tokens, 256);
  test::expect_error(ErrorKind::kUser, {"key text key conclusion", "must be a text"}, [&] {
    load({{"text", {{"conclusion", 3}}}});
  });
}

TEST(Conclusion, IsBegunOnceWhereItIsMissing) {
  test::TinyGguf lists;
  test::add_tiny_tokenizer(lists);
  std::vector<std::string> tokens;
  for (const auto& [key, value] : lists.metadata)
    if (key == "tokenizer.ggml.tokens") tokens = std::get<std::vector<std::string>>(value);
  std::vector<int> types(tokens.size(), 1);
  types.back() = 3;
  const ByteBpe bpe = ByteBpe::from_lists(tokens, {}, types, "smollm");
  const std::vector<int> stops = {bpe.size() - 1};
  const int stop = stops[0];
  const auto write = [&](Conclusion& rule, const std::string& text) {
    std::vector<int> written;
    for (const int id : bpe.encode(text)) written.push_back(rule.next(id, written));
    for (int id; (id = rule.next(stop, written)) != stop;) written.push_back(id);
    return bpe.decode(written);
  };
  Conclusion rule("\n<C>", bpe, stops, 100);
  EXPECT_EQ(write(rule, "it barks"), "it barks\n<C>");
  EXPECT_EQ(write(rule, "again"), "again");  // once
  Conclusion there("\n<C>", bpe, stops, 100), none("", bpe, stops, 100), full("<C>", bpe, stops, 11);
  EXPECT_EQ(write(there, "so <C>a dog"), "so <C>a dog");
  EXPECT_EQ(write(none, "a dog"), "a dog");
  EXPECT_EQ(write(full, "it barks"), "it barks");
}

// A search that stops at once is followed by a second one behind the words.
TEST_F(Held, BeamsAreContinuedToo) {
  torch::NoGradGuard no_grad;
  const torch::Tensor heard = network->remember(network->encode(test::sound_like("held", 1, 160000)), {});
  const AudioContext audio = network->listen(heard, {});
  const std::vector<int> prompt = {3, 70, 12};
  const BeamOptions search{1, 9, false};
  const int first = beam_search(*network, audio, prompt, {}, search).tokens[0];
  const ByteBpe bpe = ByteBpe::from_tokenizer_json(folder / "Qwen2.5-tiny" / "tokenizer.json");
  const std::vector<int> stops = {first}, words = bpe.encode("<C>");
  Conclusion rule("<C>", bpe, stops, 9);
  const BeamAnswer found = beam_search(*network, audio, prompt, stops, search, rule);
  std::vector<int> longer = prompt;
  longer.insert(longer.end(), words.begin(), words.end());
  std::vector<int> wanted = words;
  const BeamAnswer rest = beam_search(*network, audio, longer, stops, {1, 6, false});
  wanted.insert(wanted.end(), rest.tokens.begin(), rest.tokens.end());
  EXPECT_EQ(found.tokens, wanted);
}

}  // namespace
}  // namespace af2
