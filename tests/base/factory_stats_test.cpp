// Figures of sets, manifests and records: numbers that can be counted by hand, the same in any order, from
// any form; what cannot be read is told.
#include "af2/factory/set_stats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "../scratch.h"
#include "af2/audio/wav.h"
#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/text_util.h"
#include "af2/factory/set_counts.h"
#include "af2/factory/set_files.h"
#include "af2/factory/set_input.h"
#include "factory_item_maker.h"
#include "refused.h"

namespace af2 {
namespace {
namespace fs = std::filesystem;
using test::refused;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

ManifestItem line_of(const std::string& prompt, const std::string& output) {
  ManifestItem line;
  line.audio = "a.wav", line.prompt = prompt, line.outputs = {output};
  return line;
}

TEST(FactoryStats, CountsDoNotHangOnOrderAndAddUp) {
  const std::vector<Item> items = test::made_items(200);
  SetCounts forward, backward, first, second;
  for (std::size_t i = 0; i < items.size(); ++i) {
    forward.add(items[i]), backward.add(items[items.size() - 1 - i]);
    (i % 3 == 0 ? first : second).add(items[i]);
  }
  EXPECT_EQ(forward.json().dump(), backward.json().dump());
  first.merge(second);
  EXPECT_EQ(forward.json().dump(), first.json().dump());
  EXPECT_EQ(forward.json()["items"], 200);
  EXPECT_EQ(forward.json()["clips"], 50);
}

TEST(FactoryStats, WordsDuplicatesAndUnknownDurations) {
  SetCounts counts;
  Item item = test::made_item(0);
  item.options.clear(), item.kinds.clear(), item.answer_index = -1;
  for (int words = 1; words <= 20; ++words) {
    item.audio = "clip" + std::to_string(words);
    item.question = "q";
    for (int k = 1; k < words; ++k) item.question += " w";
    item.duration = words == 20 ? 0 : 10;
    counts.add(item);
  }
  item.question = "The dog?", item.answer = "one", counts.add(item);
  item.question = "dog", counts.add(item);  // the same to a reader
  item.answer = "two", counts.add(item);    // asked before, answered otherwise
  item.start = 5, item.duration = 4, item.answer = "one", counts.add(item);  // another stretch of the file
  const Json json = counts.json();
  EXPECT_EQ(json["question_words"]["max"], 20);
  EXPECT_EQ(json["question_words"]["median"], 8);  // of 1 to 20 and 2, 1, 1, 1
  EXPECT_EQ(json["question_words"]["p95"], 19);
  EXPECT_NEAR(json["question_words"]["mean"].get<double>(), 215.0 / 24, 1e-9);
  EXPECT_EQ(json["duplicates"]["question"], 2);
  EXPECT_EQ(json["duplicates"]["question_and_answer"], 1);
  EXPECT_EQ(json["unknown_durations"]["items"], 4);
  EXPECT_EQ(json["unknown_durations"]["clips"], 1);
  EXPECT_EQ(json["durations"][0]["items"], 20);
  EXPECT_NEAR(json["hours"].get<double>(), (19 * 10 + 4) / 3600.0, 1e-9);
}

TEST(FactoryStats, LinesOfManifestsAsItems) {
  const Item choice =
      item_of_line(line_of("What is it? (A) a dog. (B) the U.S. anthem. (C) rain.", "(B) the U.S. anthem"));
  EXPECT_EQ(choice.question, "What is it?");
  EXPECT_THAT(choice.options, ElementsAre("a dog", "the U.S. anthem", "rain"));
  EXPECT_EQ(choice.answer_index, 1);
  EXPECT_EQ(choice.form, "choice");
  const Item in_words = item_of_line(line_of("What is it? (A) a dog. (B) rain.", "rain"));
  EXPECT_EQ(in_words.answer_index, 1);
  const Item sequences = item_of_line(line_of(
      "In which order: (A) a dog, (B) rain, (C) a bell? (A) (C)(A)(B). (B) (B)(A)(C).", "(A) (C)(A)(B)"));
  EXPECT_EQ(sequences.question, "In which order: (A) a dog, (B) rain, (C) a bell?");
  EXPECT_THAT(sequences.options, ElementsAre("(C)(A)(B)", "(B)(A)(C)"));
  EXPECT_EQ(sequences.answer_index, 0);
  // A letter inside an option begins no list.
  const Item inside = item_of_line(line_of("Which is it? (A) (B)(A) twice. (B) once.", "(B) once"));
  EXPECT_THAT(inside.options, ElementsAre("(B)(A) twice", "once"));
  // A list that the answer chooses nothing of is part of the question.
  const Item order = item_of_line(line_of("Put them in order: (A) a dog, (B) rain.", "(B)(A)"));
  EXPECT_EQ(order.question, "Put them in order: (A) a dog, (B) rain.");
  EXPECT_TRUE(order.options.empty());
  EXPECT_EQ(item_of_line(line_of("Is it rain?", "Yes.")).form, "yes_no");
  EXPECT_EQ(item_of_line(line_of("What is it?", "No rain falls here.")).form, "");
  ManifestItem told = line_of("What?", "Rain");
  told.task = "AQA", told.split = "val", told.start_s = 2;
  told.meta = {{"type", "t"},    {"level", "hard"}, {"form", "short"},
               {"dataset", "d"}, {"group", "g"},    {"licence", 3}};
  const Item item = item_of_line(told);
  EXPECT_EQ(item.skill + item.type + item.level + item.form + item.source + item.group + item.split,
            "AQAthardshortdgval");
  EXPECT_EQ(item.licence, "");
  EXPECT_EQ(item.start, 2);
}

TEST(FactoryStats, AnItemComesBackFromItsLine) {
  for (const Item& item : test::made_items(40)) {
    const Item back = item_of_line(manifest_item(item));
    EXPECT_EQ(back.options, item.options);
    EXPECT_EQ(back.answer_index, item.answer_index);
    EXPECT_EQ(back.answer, item.answer);
    EXPECT_EQ(back.question, item.question);
    EXPECT_EQ(back.form, item.form);
    EXPECT_EQ(question_key(back), question_key(item));
  }
}

class Stats : public ::testing::Test {
 protected:
  Stats() {
    items = test::made_items(80);
    for (const Item& item : items)
      if (records.empty() || records.back().id != item.record) records.push_back(test::made_record(item));
    write_item_set(scratch / "set", items, records);
    // The same clips in another's form, two of them with questions of the set, one asked twice.
    write("aqa/test.json",
          R"({"split":"test","split_path":"clips","flamingo_task":"AQA","total_num":4,"data":{
      "0":{"name":"clip0000000.wav","prompt":"Is it raining?","output":"no","duration":10},
      "1":{"name":"clip0000000.wav","prompt":"is it raining","output":"No.","duration":10},
      "2":{"name":"new.wav","prompt":"What is it? (A) rain. (B) a bell.","output":"(B) a bell"},
      "3":{"name":"new.wav","prompt":"","output":"x","duration":1}}})");
  }
  fs::path write(const std::string& name, const std::string& text) {
    fs::create_directories((scratch / name).parent_path());
    write_file_atomic(scratch / name, text);
    return scratch / name;
  }
  std::string path(const std::string& name) { return (scratch / name).string(); }

  test::Scratch scratch;
  std::vector<Item> items;
  std::vector<Record> records;
};

TEST_F(Stats, SetManifestAndTotal) {
  StatsOptions options;
  options.read.audio = (scratch / "set").string();
  const SetStats stats = stats_of({path("set"), path("aqa/test.json")}, options);
  ASSERT_EQ(stats.inputs.size(), 2u);
  const Json &set = stats.inputs[0], &aqa = stats.inputs[1], &total = stats.total;
  EXPECT_EQ(set["form"], "items");
  EXPECT_EQ(set["items"], 80);
  EXPECT_EQ(set["clips"], 20);
  EXPECT_EQ(set["records"]["records"], 20);
  EXPECT_EQ(set["splits"]["train"], 80);
  EXPECT_EQ(set["licences"]["CC0"], 80);
  EXPECT_EQ(aqa["form"], "af2");
  EXPECT_EQ(aqa["items"], 3);
  EXPECT_EQ(aqa["skills"][0]["skill"], "AQA");
  EXPECT_EQ(aqa["splits"]["test"], 3);
  EXPECT_EQ(aqa["yes_no"]["AQA."]["no"], 2);
  EXPECT_EQ(aqa["letters"]["AQA"]["B"], 1);
  EXPECT_EQ(aqa["duplicates"]["question"], 1);
  EXPECT_EQ(aqa["left_out"]["prompt_empty"], 1);
  EXPECT_TRUE(stats.faults);
  EXPECT_EQ(total["form"], "total");
  EXPECT_EQ(total["items"], 83);
  EXPECT_EQ(total["clips"], 21);  // one of the two is a clip of the set
  EXPECT_EQ(total["unknown_durations"]["clips"], 1);
  EXPECT_EQ(total["left_out"]["prompt_empty"], 1);
  EXPECT_FALSE(stats_of({path("set")}, {}).faults);
  // Whatever the order of the paths.
  EXPECT_EQ(stats_of({path("aqa/test.json"), path("set")}, options).total.dump(), total.dump());
}

TEST_F(Stats, EveryFormIsToldFromTheFile) {
  write_jsonl_manifest(scratch / "lines.jsonl", items);
  write_af3_manifest(scratch / "talk.json", items);
  write("ltu.json", R"([{"audio_id":"a.wav","instruction":"What?","output":"Rain","dataset":"fsd"}])");
  write("scenes/records.jsonl", read_file(scratch / "set" / "records.jsonl"));
  const SetStats stats = stats_of({path("set/items.jsonl"), path("lines.jsonl"), path("talk.json"),
                                   path("ltu.json"), path("scenes"), path("scenes/../set/records.jsonl")},
                                  {});
  std::vector<std::string> forms;
  for (const Json& input : stats.inputs) forms.push_back(input["form"].get<std::string>());
  EXPECT_THAT(forms, ElementsAre("items", "jsonl", "af3", "ltu", "records", "records"));
  for (const std::size_t i : {0, 1, 2}) EXPECT_EQ(stats.inputs[i]["items"], 80) << i;
  EXPECT_EQ(stats.inputs[1]["letters"].dump(), stats.inputs[0]["letters"].dump());
  EXPECT_EQ(stats.inputs[1]["question_words"].dump(), stats.inputs[0]["question_words"].dump());
  EXPECT_EQ(stats.inputs[3]["sources"]["fsd"], 1);
  EXPECT_EQ(stats.inputs[4]["items"], 0);
  EXPECT_EQ(stats.inputs[4]["clips"], 20);
  EXPECT_EQ(stats.inputs[4]["records"]["events"], 20);  // of 20 clips, a choice each with one event
  EXPECT_NEAR(stats.inputs[4]["hours"].get<double>(), 200 / 3600.0, 1e-9);
  EXPECT_EQ(stats.inputs[4]["licences"]["CC0"], 20);
}

TEST_F(Stats, SoundsThatCannotBeReadAreNamedAndUnknownDurationsRead) {
  fs::create_directories(scratch / "set/clips");
  for (const char* name : {"clip0000000.wav", "new.wav"})
    write_wav(scratch / "set/clips" / name, std::vector<float>(16000 * 40, 0.1f));
  write("set/clips/clip0000001.wav", "<!DOCTYPE html>");
  StatsOptions options;
  options.sounds = true, options.listed = 3, options.read.audio = (scratch / "set").string();
  std::size_t told = 0;
  const SetStats stats =
      stats_of({path("set"), path("aqa/test.json")}, options,
               [&](std::size_t done, std::size_t all) { told = std::max(told, 100 * done / all); });
  EXPECT_EQ(told, 100u);
  const Json& sounds = stats.inputs[0]["sounds"];
  EXPECT_EQ(sounds["files"], 20);
  EXPECT_EQ(sounds["missing"], 18);
  EXPECT_EQ(sounds["unreadable"], 1);
  ASSERT_EQ(sounds["listed"].size(), 3u);
  EXPECT_EQ(sounds["listed"][0]["problem"], "unreadable");
  EXPECT_THAT(sounds["listed"][0]["path"].get<std::string>(), HasSubstr("clip0000001.wav"));
  EXPECT_EQ(stats.inputs[1]["sounds"]["missing"], 0);
  EXPECT_EQ(stats.inputs[1]["unknown_durations"]["items"], 0);
  EXPECT_EQ(stats.inputs[1]["durations"][1]["clips"], 1);  // 40 s, out of the file
  EXPECT_EQ(stats.total["sounds"]["files"], 21);
  EXPECT_EQ(stats.total["sounds"]["missing"], 18);
  const std::string table = stats_table(stats);
  EXPECT_THAT(table, HasSubstr("missing  " + path("set/clips/clip0000002.wav")));
  EXPECT_THAT(table, HasSubstr("and 16 more of " + path("set")));
}

TEST_F(Stats, TheTableIsAligned) {
  StatsOptions options;
  options.read.audio = (scratch / "set").string();
  const SetStats stats = stats_of({path("set"), path("aqa/test.json")}, options);
  const std::vector<std::string> lines = split(stats_table(stats), '\n');
  const auto row = [&](const std::string& name) {
    for (const std::string& line : lines)
      if (starts_with(line, name + " ")) return line;
    return std::string();
  };
  const std::size_t width = lines[0].size();
  EXPECT_THAT(lines[0], HasSubstr("test.json  total"));
  EXPECT_TRUE(lines[0].ends_with("total"));
  for (const std::string& line : lines) {
    if (line.empty() || line.find_first_of("0123456789") == std::string::npos ||
        line.find("  ", 2) == std::string::npos)
      continue;
    EXPECT_EQ(line.size(), width) << line;
  }
  EXPECT_TRUE(row("items").ends_with("83"));
  EXPECT_TRUE(row("  counting").ends_with("20"));
  EXPECT_TRUE(row("  general.presence").ends_with("20"));
  EXPECT_TRUE(row("  0-30").ends_with("20"));
  EXPECT_TRUE(row("  not known").ends_with("1"));
  EXPECT_EQ(row("  30-60"), "");
  // Levels by name, skills by size.
  const std::string table = join(lines, "\n");
  EXPECT_LT(table.find("\n  1 "), table.find("\n  easy "));
  EXPECT_LT(table.find("\n  easy "), table.find("\n  medium "));
  EXPECT_LT(table.find("\n  temporal "), table.find("\n  AQA "));
  // One path: no total.
  EXPECT_THAT(stats_table(stats_of({path("set")}, {})), Not(HasSubstr("total")));
}

TEST_F(Stats, WhatIsNoneIsRefused) {
  fs::create_directories(scratch / "empty");
  refused(ErrorKind::kData, {"items.jsonl", "empty"}, [&] { stats_of({path("empty")}, {}); });
  refused(ErrorKind::kData, {"not there"}, [&] { stats_of({path("gone.jsonl")}, {}); });
  refused(ErrorKind::kData, {"tar", "data convert"}, [&] { stats_of({write("x.tar", "x").string()}, {}); });
  refused(ErrorKind::kData, {"AF-CLAP", "data check"}, [&] {
    stats_of({write("clap.jsonl", R"({"audio":"a.wav","captions":["x"],"negatives":[["y"]]})").string()}, {});
  });
  refused(ErrorKind::kData, {"no question"}, [&] { stats_of({write("n.jsonl", "{\"x\":1}").string()}, {}); });
  refused(ErrorKind::kData, {"has no lines"}, [&] { stats_of({write("e.jsonl", "\n").string()}, {}); });
  refused(ErrorKind::kUser, {"twice"}, [&] { stats_of({path("set"), path("set/items.jsonl")}, {}); });
  write("set/items.jsonl", item_line(items[0]) + "\n{cut\n");
  refused(ErrorKind::kData, {"items.jsonl:2"}, [&] { stats_of({path("set")}, {}); });
}

TEST(SetCounts, AMixtureOfLicencesCountsForEach) {
  Item item;
  item.id = "a", item.audio = "a.wav", item.duration = 1, item.skill = "temporal", item.question = "q?",
  item.answer = "x";
  item.licence = "CC0 AND GPL-2 AND MIT (CSTR, Festival)", item.source = "one, two 0.1";
  SetCounts counts;
  counts.add(item);
  item.id = "b", item.licence = "GPL-2", item.source = "";
  counts.add(item);
  const Json json = counts.json();
  EXPECT_EQ(json["licences"], (Json{{"CC0", 1}, {"GPL-2", 2}, {"MIT (CSTR, Festival)", 1}}));
  EXPECT_EQ(json["sources"], (Json{{"none", 1}, {"one", 1}, {"two 0.1", 1}}));
}

}  // namespace
}  // namespace af2
