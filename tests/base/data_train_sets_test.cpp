// The sets of a stage: manifests read, items that cannot be trained on counted, shares and choices of sets.
#include "af2/data/train_sets.h"

#include <gtest/gtest.h>

#include "../scratch.h"
#include "af2/audio/wav.h"
#include "af2/core/file.h"
#include "af2/data/sound_place.h"
#include "af2/data/train_sound.h"
#include "af2/io/atomic_file.h"
#include "refused.h"
#include "tar_writer.h"
#include "text_test_util.h"

namespace af2 {
namespace {

struct TrainSets : ::testing::Test {
  test::Scratch scratch;
  ByteBpe tokenizer = text_test::small_tokenizer();
  TrainTokens tokens{tokenizer, {}, {"<end>", "<|endoftext|>"}, ":"};
  TrainTextOptions text;
  TrainWindows windows{3, 10};
  double fraction = 1;
  std::vector<std::string> groups, only, exclude;

  // A manifest of lines as given.
  TrainSetOptions set(const std::string& name, const std::string& lines, double passes = 1) {
    write_file_atomic(scratch / (name + ".jsonl"), lines);
    TrainSetOptions options;
    options.name = name, options.manifest = (scratch / (name + ".jsonl")).string(), options.passes = passes;
    return options;
  }
  static std::string line(const std::string& id, double seconds, const std::string& output = "a dog") {
    return Json{{"audio", id + ".wav"},
                {"prompt", "What is heard?"},
                {"output", output},
                {"duration", seconds},
                {"id", id}}
               .dump() +
           "\n";
  }
  std::vector<TrainSet> read(const std::vector<TrainSetOptions>& options) {
    return read_train_sets(options, {groups, only, exclude, fraction}, tokens, text, windows, 42);
  }
};

TEST_F(TrainSets, CountsWindowsAndWhatTheCapCuts) {
  const auto sets = read({set("a",
                              line("one", 0.5) + line("two", 10) + line("three", 10.1) + line("four", 29.9) +
                                  line("five", 95, "rain"),
                              2.5)});
  ASSERT_EQ(sets.size(), 1u);
  std::vector<std::int32_t> counts;
  for (const TrainItem& item : sets[0].items) counts.push_back(item.windows);
  EXPECT_EQ(counts, (std::vector<std::int32_t>{1, 1, 2, 3, 3}));
  EXPECT_EQ(sets[0].over_cap, 1);
  EXPECT_DOUBLE_EQ(sets[0].seconds_cut, 65);
  EXPECT_NEAR(sets[0].hours, 145.5 / 3600, 1e-9);
  EXPECT_EQ(sets[0].passes_micro, 2'500'000);
  const std::vector<BlendSet> blended = blend_sets(sets);
  EXPECT_EQ(blended[0].windows, counts);
  EXPECT_EQ(Blend(blended, {.slices = 1}).total(), 5 + 2 + 5);  // each bucket on its own
  const Json told = train_sets_json(sets)[0];
  EXPECT_EQ(told["items"], 5);
  EXPECT_EQ(told["over_cap"], 1);
}

TEST_F(TrainSets, QuestionsWithChoicesAreAskedInSharesOfThreeForms) {
  text.plain_share = 0.5, text.unlettered_share = 0.3;
  int plain = 0, unlettered = 0, lettered = 0;
  for (int i = 0; i < 1000; ++i) {
    ManifestItem item;
    item.audio = "a.wav", item.id = std::to_string(i);
    item.prompt = "What is heard? (A) a dog. (B) rain.", item.outputs = {"(B) rain"};
    const ManifestItem asked = asked_item(item, text, "set", 42, tokens.lead);
    EXPECT_EQ(asked_item(item, text, "set", 42, tokens.lead).prompt, asked.prompt) << "drawn by name";
    if (asked.outputs[0] == "(B) rain") {
      EXPECT_EQ(asked.prompt, item.prompt);
      ++lettered;
      continue;
    }
    EXPECT_EQ(asked.outputs[0], "rain");
    asked.prompt == "What is heard?" ? ++plain : ++unlettered;
    EXPECT_TRUE(asked.prompt == "What is heard?" || asked.prompt == item.prompt) << asked.prompt;
  }
  EXPECT_NEAR(plain, 500, 60);
  EXPECT_NEAR(unlettered, 300, 60);
  EXPECT_EQ(plain + unlettered + lettered, 1000);
}

TEST_F(TrainSets, OnlyAnswersThatAreOneOfTheChoicesLoseTheirs) {
  text.plain_share = 1;
  const std::pair<const char*, const char*> kept[] = {{"Sort these. (A) a dog. (B) rain.", "(B)(A)"},
                                                      {"Which? (A) a dog. (B) rain.", "(A) rain"},
                                                      {"Which? (A) a dog. (B) rain.", "rain"},
                                                      {"What is heard?", "(A) a dog"}};
  for (const auto& [prompt, output] : kept) {
    ManifestItem item;
    item.prompt = prompt, item.outputs = {output};
    EXPECT_EQ(asked_item(item, text, "set", 42, tokens.lead).prompt, prompt);
    EXPECT_EQ(asked_item(item, text, "set", 42, tokens.lead).outputs[0], output);
  }
}

TEST_F(TrainSets, SharesOfFormsThatAreMoreThanAllAreRefused) {
  text.plain_share = 0.8, text.unlettered_share = 0.3;
  test::refused(ErrorKind::kUser, {"stage.text.plain_share"}, [&] { text.check("stage.text."); });
}

TEST_F(TrainSets, AnswersBeginWithTheLeadWhereOneIsWanted) {
  ManifestItem item;
  item.prompt = "How often? (A) 2. (B) 3.", item.outputs = {"(B) 3"};
  item.meta = {{"lead", "a dog barking"}};
  EXPECT_EQ(asked_item(item, text, "set", 42, tokens.lead).outputs[0], "(B) 3");
  text.leads = true;
  EXPECT_EQ(asked_item(item, text, "set", 42, tokens.lead).outputs[0], "a dog barking: (B) 3");
  text.plain_share = 1;
  EXPECT_EQ(asked_item(item, text, "set", 42, tokens.lead).outputs[0], "a dog barking: 3");
  EXPECT_EQ(asked_item(item, text, "set", 42, " ->").outputs[0], "a dog barking -> 3");
  item.meta = nullptr;
  EXPECT_EQ(asked_item(item, text, "set", 42, tokens.lead).outputs[0], "3");
}

TEST_F(TrainSets, LeadsOfAModelThatWritesNoneAreRefused) {
  text.leads = true, tokens.lead = "";
  test::refused(ErrorKind::kUser, {"stage.text.leads", "config.json", "lead"},
                [&] { read({set("a", line("1", 5))}); });
}

TEST_F(TrainSets, ItemsOfChosenTasksAlone) {
  std::string lines;
  for (const char* task : {"temporal", "counting", "temporal", ""})
    lines += Json{{"audio", "a.wav"},
                  {"prompt", "What?"},
                  {"output", "rain"},
                  {"duration", 3},
                  {"id", std::to_string(lines.size())},
                  {"task", task}}
                 .dump() +
             "\n";
  TrainSetOptions some = set("a", lines);
  some.tasks = {"temporal"};
  const auto sets = read({some});
  EXPECT_EQ(sets[0].items.size(), 2u);
  EXPECT_EQ(sets[0].unused, 2);
  some.tasks = {"none"};
  test::refused(ErrorKind::kData, {"has no item"}, [&] { read({some}); });
}

TEST_F(TrainSets, AnAnswerThatDoesNotFitIsTakenOutOrItsQuestionCut) {
  std::string longer;
  for (int i = 0; i < 300; ++i) longer += "word ";
  const std::string asked = Json{{"audio", "q.wav"},
                                 {"prompt", longer},
                                 {"output", "a dog"},
                                 {"duration", 3},
                                 {"id", "long question"}}
                                .dump() +
                            "\n";
  const std::string answered = line("long answer", 3, longer);
  tokens.prompt.max_prompt_tokens = 64;
  auto sets = read({set("a", line("fine", 3) + asked + answered)});
  ASSERT_EQ(sets[0].items.size(), 1u);
  EXPECT_EQ(sets[0].left_out.dropped.at("answer_cut"), 2);
  EXPECT_EQ(sets[0].left_out.first.at("answer_cut"), "long question");
  text.cut_prompt = true;
  sets = read({set("a", line("fine", 3) + asked + answered)});
  ASSERT_EQ(sets[0].items.size(), 2u);
  const TrainIds ids = train_ids(longer, "A Dog", tokens, text);
  EXPECT_TRUE(ids.fits);
  EXPECT_EQ(ids.prompt.size() + ids.answer.size(), 64u);
  EXPECT_EQ(ids.prompt.front(), *tokenizer.id_of("<audio>"));
  EXPECT_EQ(ids.prompt.back(), *tokenizer.id_of("<SEP>"));
  EXPECT_EQ(tokenizer.decode({ids.answer.begin(), ids.answer.end() - 2}), "a dog");
  EXPECT_EQ(ids.answer[ids.answer.size() - 2], *tokenizer.id_of("<end>"));
  text.keep_case = true;
  const TrainIds kept = train_ids("What?", "A Dog", tokens, text);
  EXPECT_EQ(tokenizer.decode({kept.answer.begin(), kept.answer.end() - 2}), "A Dog");
}

TEST_F(TrainSets, OfSeveralAnswersOneIsDrawnByName) {
  const std::string several = Json{{"audio", "q.wav"},
                                   {"prompt", "what?"},
                                   {"output", {"one", "two", "three"}},
                                   {"duration", 3},
                                   {"id", "q"}}
                                  .dump() +
                              "\n";
  const auto sets = read({set("a", several)});
  const TrainItem& item = sets[0].items.front();
  ASSERT_EQ(item.outputs.size(), 3u);
  std::set<std::string> drawn;
  for (std::int64_t pass = 0; pass < 20; ++pass) {
    drawn.insert(train_output(item, "a", pass, 42));
    EXPECT_EQ(train_output(item, "a", pass, 42), train_output(item, "a", pass, 42));
  }
  EXPECT_EQ(drawn.size(), 3u);
}

TEST_F(TrainSets, ALengthThatIsNowhereIsReadFromTheSound) {
  write_wav(scratch / "there.wav", std::vector<float>(16000 * 12, 0.1f));
  const auto without = [](const std::string& audio) {
    return Json{{"audio", audio}, {"prompt", "what?"}, {"output", "rain"}, {"id", audio}}.dump() + "\n";
  };
  const auto sets = read({set("a", without("there.wav") + without("gone.wav"))});
  ASSERT_EQ(sets[0].items.size(), 1u);
  EXPECT_EQ(sets[0].items[0].windows, 2);
  EXPECT_EQ(sets[0].left_out.dropped.at("audio_missing"), 1);
}

TEST_F(TrainSets, HeldOutSoundsAreNeverTrainedOn) {
  std::string lines;
  for (int i = 0; i < 200; ++i)  // two questions a sound
    for (const char* answer : {"a dog", "rain"})
      lines += Json{{"audio", "item" + std::to_string(i) + ".wav"},
                    {"prompt", "What is heard?"},
                    {"output", answer},
                    {"duration", 3}}
                   .dump() +
               "\n";
  TrainSetOptions train = set("a", lines), rest = set("a", lines);
  train.hold_out = rest.hold_out = 0.2;
  rest.held_out = true;
  const auto sounds = [&](const TrainSetOptions& options) {
    std::set<std::string> found;
    const std::vector<TrainSet> sets = read({options});
    for (const TrainItem& item : sets[0].items) found.insert(item.audio);
    return found;
  };
  const auto trained = sounds(train), held = sounds(rest);
  EXPECT_EQ(trained.size() + held.size(), 200u);
  EXPECT_NEAR(static_cast<double>(held.size()), 40, 16);
  for (const std::string& sound : held) EXPECT_FALSE(trained.contains(sound)) << sound;
  EXPECT_EQ(read({train})[0].unused, static_cast<std::int64_t>(2 * held.size()));
  rest.hold_out = 0;
  test::refused(ErrorKind::kUser, {"set a", "hold_out"}, [&] { read({rest}); });
}

TEST_F(TrainSets, ShardsAreReadWhereTheyLie) {
  if (!built_with_archive()) GTEST_SKIP() << "this build reads no tar";
  for (int shard = 0; shard < 2; ++shard) {
    test::TarWriter tar;
    for (int i = 0; i < 3; ++i) {
      const std::string key = std::to_string(shard) + std::to_string(i);
      write_wav(scratch / "one.wav", std::vector<float>(16000 * (i + 1), 0.1f * static_cast<float>(i + 1)));
      tar.add(key + ".wav", read_file(scratch / "one.wav"));
      Json json = {{"prompt", "what?"}, {"output", "tone " + key}};
      if (i > 0) json["duration"] = i + 1;  // the first one's is read from the sound
      tar.add(key + ".json", json.dump());
    }
    write_file_atomic(scratch / ("clips-0" + std::to_string(shard) + ".tar"), tar.done());
  }
  TrainSetOptions options;
  options.name = "shards", options.manifest = (scratch / "clips-{00..01}.tar").string();
  const auto sets = read({options});
  ASSERT_EQ(sets[0].items.size(), 6u);
  for (std::size_t k = 0; k < 6; ++k) {
    const TrainItem& item = sets[0].items[k];
    EXPECT_EQ(item.seconds, static_cast<double>(k % 3 + 1));
    const TrainSound sound = load_train_sound(item, {"shards", k, 0, 42}, {});
    EXPECT_EQ(sound.problem, "");
    EXPECT_DOUBLE_EQ(sound.seconds, item.seconds);
    EXPECT_EQ(item.outputs[0], "tone " + name_of_place(item.audio).substr(0, 2));
  }
  TrainItem gone = sets[0].items[0];
  std::filesystem::remove(scratch / "clips-00.tar");
  EXPECT_EQ(load_train_sound(gone, {"shards", 0, 0, 42}, {}).problem, "audio_missing");
  write_file_atomic(scratch / "clips-00.tar", std::string(20480, 'x'));
  EXPECT_EQ(load_train_sound(gone, {"shards", 0, 0, 42}, {}).problem, "audio_unreadable");
  options.manifest = (scratch / "clips-{01..02}.tar").string();
  test::refused(ErrorKind::kData, {"clips-02.tar"}, [&] { read({options}); });
}

TEST_F(TrainSets, GroupsAreChosenTogether) {
  auto a = set("a", line("one", 3)), b = set("b", line("two", 3)), again = a;
  a.group = "first", again.group = b.group = "second";
  const auto names = [&] {
    std::vector<std::string> found;
    for (const TrainSet& one : read({a, b, again})) found.push_back(one.name);
    return found;
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(names(), (Names{"first/a", "second/b", "second/a"}));
  groups = {"second"};
  EXPECT_EQ(names(), (Names{"second/b", "second/a"}));
  exclude = {"a"};
  EXPECT_EQ(names(), (Names{"second/b"}));
  groups = {}, exclude = {}, only = {"first/a", "b"};
  EXPECT_EQ(names(), (Names{"first/a", "second/b"}));
  groups = {"third"};
  test::refused(ErrorKind::kUser, {"third", "key groups", "first, second"}, names);
  groups = {"first"}, only = {"b"};
  test::refused(ErrorKind::kUser, {"leave no set"}, names);
}

TEST_F(TrainSets, SharesAndChoicesOfSets) {
  std::string lines;
  for (int i = 0; i < 90; ++i) lines += line("item" + std::to_string(i), 3);
  const auto a = set("a", lines), b = set("b", lines), c = set("c", lines);
  exclude = {"b"};
  auto sets = read({a, b, c});
  ASSERT_EQ(sets.size(), 2u);
  EXPECT_EQ(sets[1].name, "c");
  only = {"a", "b"};
  ASSERT_EQ(read({a, b, c}).size(), 1u);
  only = {"a"}, exclude = {};
  fraction = 1.0 / 3;
  const auto third = read({a, b, c});
  EXPECT_EQ(third[0].items.size(), 30u);
  EXPECT_EQ(third[0].unused, 60);
  fraction = 0.5;
  const auto half = read({a, b, c});
  // A smaller share is part of a larger one.
  std::set<std::string> of_half;
  for (const TrainItem& item : half[0].items) of_half.insert(item.id);
  for (const TrainItem& item : third[0].items) EXPECT_TRUE(of_half.contains(item.id));
}

TEST_F(TrainSets, NamesWhatIsWrong) {
  const auto fine = set("fine", line("one", 3));
  const auto refuse = [&](ErrorKind kind, const std::vector<std::string>& words,
                          const std::vector<TrainSetOptions>& options) {
    test::refused(kind, words, [&] { read(options); });
  };
  refuse(ErrorKind::kUser, {"fine", "twice"}, {fine, fine});
  auto bad = fine;
  bad.passes = 0;
  refuse(ErrorKind::kUser, {"set fine key passes"}, {bad});
  bad = fine, bad.fraction = 1.5;
  refuse(ErrorKind::kUser, {"set fine key fraction"}, {bad});
  bad = fine, bad.name = "";
  refuse(ErrorKind::kUser, {"key name"}, {bad});
  bad = fine, bad.manifest = (scratch / "gone.jsonl").string();
  refuse(ErrorKind::kData, {"gone.jsonl"}, {bad});
  refuse(ErrorKind::kData, {"broken.jsonl"}, {set("broken", "{\n")});
  only = {"other"};
  refuse(ErrorKind::kUser, {"other", "fine"}, {fine});
  only = {}, exclude = {"fine"};
  refuse(ErrorKind::kUser, {"leave no set"}, {fine});
}

}  // namespace
}  // namespace af2
