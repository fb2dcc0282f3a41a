// text: UTF-8 repair, case and strip as Python's, streaming, AF2's prompts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "af2/core/error.h"
#include "af2/text/prompt.h"
#include "af2/text/stop_text.h"
#include "af2/text/stream.h"
#include "af2/text/unicode.h"
#include "af2/text/utf8.h"
#include "text_test_util.h"

namespace af2 {
namespace {

using text_test::data_json;
using text_test::Json;

TEST(Utf8, ReplacesAsPythonOnEveryQuadOfEdgeBytes) {
  const Json golden = data_json("unicode.json");
  const std::string edges = text_test::from_hex(golden["utf8_edges"].get<std::string>());
  std::uint64_t state = text_test::kFnvStart;
  std::string quad(4, 0);
  const std::size_t n = edges.size();
  for (std::size_t i = 0; i < n * n * n * n; ++i) {
    quad = {edges[i / n / n / n], edges[i / n / n % n], edges[i / n % n], edges[i % n]};
    const std::string text = replace_invalid_utf8(quad);
    state = text_test::fnv64(text, state);
    ASSERT_EQ(is_valid_utf8(quad), text == quad);
  }
  char hex[17];
  std::snprintf(hex, sizeof hex, "%016llx", static_cast<unsigned long long>(state));
  EXPECT_EQ(golden["utf8_hash"], hex);
}

TEST(Utf8, CodePointsGoThereAndBack) {
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c == 0xD800) c = 0xE000;
    std::string text;
    append_utf8(text, c);
    std::size_t at = 0;
    ASSERT_TRUE(is_valid_utf8(text));
    ASSERT_EQ(next_code_point(text, at), c);
    ASSERT_EQ(at, text.size());
  }
}

TEST(Utf8, StripsAsPython) {
  const Json golden = data_json("unicode.json");
  for (std::size_t i = 0; i < golden["strips"].size(); ++i) {
    const std::string text = golden["strips"][i].get<std::string>();
    EXPECT_EQ(strip_python(text), golden["stripped"][i].get<std::string>()) << i;
  }
}

TEST(Unicode, AsciiIsLoweredInAnyBuild) {
  EXPECT_EQ(lower_case("What IS [Z@]?"), "what is [z@]?");
}

#ifdef AF2_WITH_ICU

using testing::HasSubstr;

TEST(Unicode, LowersAsPython) {
  const Json golden = data_json("unicode.json");
  EXPECT_EQ(lower_case(golden["upper"].get<std::string>()), golden["lower"].get<std::string>());
  for (std::size_t i = 0; i < golden["sigma"].size(); ++i) {
    EXPECT_EQ(lower_case(golden["sigma"][i].get<std::string>()), golden["sigma_lower"][i].get<std::string>())
        << golden["sigma"][i];
  }
  EXPECT_EQ(lower_case("A\xff"), "a\uFFFD");
}

TEST(Stream, JoinsToDecodeAndNeverHalfACharacter) {
  const ByteBpe bpe = text_test::small_tokenizer();
  const std::string texts[] = {"h\u00e9llo \U0001f468\u200d\U0001f469 \u4f60\u597d \u0928\u092e", "plain", "",
                               "<|im_start|>x<SEP>"};
  for (const std::string& text : texts) {
    const std::vector<int> ids = bpe.encode(text);
    StreamDecoder stream(bpe, false);
    std::string joined;
    for (const int id : ids) {
      const std::string piece = stream.push(id);
      EXPECT_TRUE(is_valid_utf8(piece));
      EXPECT_THAT(piece, testing::Not(HasSubstr("\uFFFD")));
      joined += piece;
    }
    EXPECT_EQ(stream.flush(), "");
    EXPECT_EQ(joined, text);
  }
}

TEST(Stream, AnyByteTokensInAnyOrderEqualDecode) {
  const ByteBpe bpe = text_test::small_tokenizer();
  std::uint32_t state = 12345;
  std::size_t replaced = 0;
  for (int round = 0; round < 500; ++round) {
    std::vector<int> ids;
    StreamDecoder stream(bpe);
    std::string joined;
    for (int i = 0; i < 40; ++i) {
      state = state * 1664525u + 1013904223u;
      ids.push_back(static_cast<int>((state >> 8) % static_cast<std::uint32_t>(bpe.size())));
      const std::string piece = stream.push(ids.back());
      ASSERT_TRUE(is_valid_utf8(piece));
      joined += piece;
    }
    joined += stream.flush();
    EXPECT_EQ(stream.flush(), "");
    ASSERT_EQ(joined, bpe.decode(ids, true));
    replaced += joined.find("\uFFFD") != std::string::npos;
  }
  EXPECT_GT(replaced, 400u);  // so that broken characters were really there
}

TEST(Stream, AnUnfinishedCharacterEndsAsOneReplacement) {
  const ByteBpe bpe = text_test::small_tokenizer();
  std::vector<int> ids = bpe.encode("\U000f1234");
  ASSERT_EQ(ids.size(), 4u);
  StreamDecoder stream(bpe);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(stream.push(ids[i]), "");
  EXPECT_EQ(stream.flush(), "\uFFFD");
  EXPECT_EQ(stream.push(bpe.encode("a")[0]), "a");  // as new
  EXPECT_THROW(stream.push(bpe.size()), Error);
}

TEST(Prompt, IsAudioLoweredQuestionSeparator) {
  const ByteBpe bpe = text_test::small_tokenizer();
  const Prompt prompt = build_prompt(bpe, " \u2003What do You HEAR?\x1f\n");
  EXPECT_EQ(prompt.text, "<audio>what do you hear?<SEP>");
  EXPECT_EQ(prompt.ids, bpe.encode("<audio>what do you hear?<SEP>"));
  EXPECT_EQ(prompt.ids.front(), bpe.id_of("<audio>"));
  EXPECT_EQ(prompt.ids.back(), bpe.id_of("<SEP>"));
  EXPECT_EQ(prompt.tokens_cut, 0);
  EXPECT_EQ(build_prompt(bpe, "HI", {.lowercase = false}).text, "<audio>HI<SEP>");
  EXPECT_EQ(build_prompt(bpe, "").ids.size(), 2u);
  EXPECT_EQ(build_prompt(bpe, "A\xff").text, "<audio>a\uFFFD<SEP>");
}

TEST(Prompt, TheCutKeepsTheSeparatorAndIsReported) {
  const ByteBpe bpe = text_test::small_tokenizer();
  std::string question;
  for (int i = 0; i < 600; ++i) question += "7 ";
  const std::vector<int> whole = bpe.encode("<audio>" + std::string(strip_python(question)) + "<SEP>");
  const Prompt prompt = build_prompt(bpe, question);
  ASSERT_EQ(prompt.ids.size(), 512u);
  EXPECT_EQ(prompt.tokens_cut, static_cast<int>(whole.size()) - 512);
  EXPECT_TRUE(std::equal(prompt.ids.begin(), prompt.ids.end() - 1, whole.begin()));
  EXPECT_EQ(prompt.ids.back(), bpe.id_of("<SEP>"));
  EXPECT_EQ(build_prompt(bpe, question, {.max_prompt_tokens = static_cast<int>(whole.size())}).tokens_cut, 0);
  EXPECT_EQ(build_prompt(bpe, question, {.max_prompt_tokens = 2}).ids.size(), 2u);
  EXPECT_THROW(build_prompt(bpe, question, {.max_prompt_tokens = 1}), Error);
}

TEST(Prompt, ATokenThatTheTokenizerLacksIsAModelError) {
  const ByteBpe bpe = text_test::small_tokenizer();
  try {
    build_prompt(bpe, "x", {.sep_token = "<sep>"});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kModel);
    EXPECT_THAT(error.what(), HasSubstr("<sep>"));
  }
  EXPECT_THROW(build_prompt(bpe, "x", {.audio_token = ""}), Error);
}

#endif

TEST(Prompt, ChoicesAreWrittenAsPublished) {
  EXPECT_EQ(with_choices("Which animal", {"dog", "cat"}), "Which animal? (A) dog. (B) cat.");
  EXPECT_EQ(with_choices(" Which? ", {" dog. ", "cat", "a bird"}), "Which? (A) dog. (B) cat. (C) a bird.");
  EXPECT_EQ(with_choices("Choose:", {"(A) dog", "(B) cat"}), "Choose: (A) dog. (B) cat.");
  EXPECT_EQ(with_choices("x?", {"(A) dog", "cat"}), "x? (A) (A) dog. (B) cat.");
  EXPECT_EQ(choice_answers(1, " A dog. "),
            (std::vector<std::string>{"A dog", "a dog", "(B) A dog", "(b) a dog"}));
  EXPECT_EQ(choice_answers(0, "(A) cat"), (std::vector<std::string>{"cat", "(A) cat", "(a) cat"}));
  EXPECT_THROW(with_choices("x?", {"one"}), Error);
  EXPECT_THROW(with_choices("x?", {"one", " "}), Error);
  EXPECT_THROW(with_choices(" ", {"one", "two"}), Error);
  EXPECT_THROW(with_choices("x?", std::vector<std::string>(27, "y")), Error);
}

TEST(Prompt, ChoicesAreSplitOffAgain) {
  const std::vector<std::string> choices = {"a dog", "rain. Then wind", "the key of (C) minor"};
  const SplitPrompt split = split_choices(with_choices("Which (of these) is heard", choices));
  EXPECT_EQ(split.question, "Which (of these) is heard?");
  EXPECT_EQ(split.choices, choices);
  EXPECT_EQ(split_choices("which? (a) a dog. (b) rain.").choices,
            (std::vector<std::string>{"a dog", "rain"}));
  for (const char* none : {"What is heard?", "Is it (A) a dog?", "(A) alone",
                           "Which? (B) no first. (C) third.", "Is it f(a) or (b) b?", ""}) {
    EXPECT_TRUE(split_choices(none).choices.empty()) << none;
    EXPECT_EQ(split_choices(none).question, none);
  }
}

TEST(Prompt, AVerdictStandsBehindItsLead) {
  EXPECT_EQ(behind_lead("a dog barking: yes", ":"), "yes");
  EXPECT_EQ(behind_lead("a dog 1, rain 2: a dog, rain", ":"), "a dog, rain");
  EXPECT_EQ(behind_lead("at 1:30", ":"), "at 1:30");
  EXPECT_EQ(behind_lead("yes", ":"), "yes");
  EXPECT_EQ(behind_lead("a dog barking: yes", ""), "a dog barking: yes");
}

TEST(StopText, HoldsBackWhatMayBecomeAStop) {
  StopText stop({"END", "\n\n"});
  EXPECT_EQ(stop.push("one E"), "one ");
  EXPECT_EQ(stop.push("N"), "");
  EXPECT_EQ(stop.push("T two\n"), "ENT two");
  EXPECT_EQ(stop.push("x"), "\nx");
  EXPECT_FALSE(stop.stopped());
  EXPECT_EQ(stop.push("a\n"), "a");
  EXPECT_EQ(stop.push("\nEND"), "");
  EXPECT_TRUE(stop.stopped());
  EXPECT_EQ(stop.push("more"), "");
  EXPECT_EQ(stop.flush(), "");
  StopText open({"END"});
  EXPECT_EQ(open.push("the EN"), "the ");
  EXPECT_EQ(open.flush(), "EN");
  EXPECT_THROW(StopText({""}), Error);
  // However the text is cut into pieces, the same comes out.
  const std::string text = "abcabcabdabc";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    StopText pieces({"abcabd"});
    std::string shown = pieces.push(text.substr(0, cut));
    shown += pieces.push(text.substr(cut));
    shown += pieces.flush();
    EXPECT_EQ(shown, "abc") << cut;
  }
}

}  // namespace
}  // namespace af2
