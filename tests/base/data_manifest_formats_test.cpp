// Manifests of others: each form read, written and read back; what is left out counted by name; what is no
// manifest refused.
#include "af2/data/manifest_formats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "../scratch.h"
#include "af2/audio/wav.h"
#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/data/tar_shard.h"
#include "refused.h"
#include "tar_writer.h"

namespace af2 {
namespace {
namespace fs = std::filesystem;
using test::refused;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Manifests : public ::testing::Test {
 protected:
  Manifests() {
    for (const char* name : {"a.wav", "b.wav"}) {
      fs::create_directories(scratch / "sounds");
      write_wav(scratch / "sounds" / name, std::vector<float>(32000, 0.25f));
    }
  }
  fs::path write(const std::string& name, const std::string& text) {
    fs::create_directories((scratch / name).parent_path());
    write_file_atomic(scratch / name, text);
    return scratch / name;
  }
  std::vector<ManifestItem> read(const std::string& name, const std::string& text,
                                 ManifestRead options = {}) {
    return read_any_manifest(write(name, text), options, counts);
  }
  static ManifestItem made(const std::string& audio, const std::string& prompt, const std::string& output) {
    ManifestItem item;
    item.audio = audio, item.prompt = prompt, item.outputs = {output};
    return item;
  }
  std::string sound(const std::string& name) { return (scratch / "sounds" / name).generic_string(); }

  test::Scratch scratch;
  RecordCounts counts;
};

TEST_F(Manifests, TablesOfQuestionsOrLabels) {
  auto items = read("questions.csv",
                    "Answer,file,Question,start,end,split,mood\n"
                    "\"a bell, then rain\",sounds/a.wav,What is heard?,0.5,1.25,val,calm\n"
                    ",sounds/b.wav,And now?,,,,\n"
                    "rain,sounds/b.wav,What falls?,,,,\n");
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(items[0].audio, sound("a.wav"));
  EXPECT_EQ(items[0].prompt, "What is heard?");
  EXPECT_THAT(items[0].outputs, ElementsAre("a bell, then rain"));
  EXPECT_EQ(items[0].start_s, 0.5);
  EXPECT_EQ(items[0].duration_s, 0.75);
  EXPECT_EQ(items[0].split, "val");
  EXPECT_EQ(items[0].meta["mood"], "calm");
  EXPECT_EQ(counts.dropped.at("output_empty"), 1);
  EXPECT_THAT(counts.first.at("output_empty"), HasSubstr("questions.csv:3"));

  items = read("labels.tsv", "path\tlabels\nsounds/a.wav\tbell|car horn\nsounds/b.wav\train\n");
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(items[0].prompt, "What sounds are heard?");
  EXPECT_THAT(items[0].outputs, ElementsAre("bell, car horn"));
  ManifestRead options;
  options.prompt = "Which sounds?";
  EXPECT_EQ(read("labels.tsv", "path\tlabels\nsounds/a.wav\tbell\n", options)[0].prompt, "Which sounds?");

  refused(ErrorKind::kData, {"odd.csv", "no column of sounds", "name, label"},
          [&] { read("odd.csv", "name,label\na,b\n"); });
  refused(ErrorKind::kData, {"odd.csv", "neither answers nor labels"},
          [&] { read("odd.csv", "file,id\na,b\n"); });
  refused(ErrorKind::kData, {"odd.csv:2", "start"}, [&] { read("odd.csv", "file,label,start\na,b,soon\n"); });
}

TEST_F(Manifests, Af2WithItsSplitPathAndTheFolderAbove) {
  const std::string text =
      R"({"split":"test","split_path":"sounds","flamingo_task":"AQA","total_num":3,"data":{
      "0":{"name":"a.wav","prompt":"What is it?","output":"A bell.","duration":2.0},
      "1":{"name":"b.wav","prompt":"And now?","output":"Rain.","duration":1,"audio_start":0.5},
      "2":{"name":"b.wav","prompt":" ","output":"Rain."}}})";
  const auto items = read("AQA/test.json", text);
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(fs::path(items[0].audio).lexically_normal(), fs::path(sound("a.wav")));
  EXPECT_EQ(items[0].task, "AQA");
  EXPECT_EQ(items[1].start_s, 0.5);
  EXPECT_EQ(counts.dropped["prompt_empty"], 1);
  EXPECT_THAT(counts.first["prompt_empty"], HasSubstr("test.json key 2"));
  EXPECT_EQ(read("x/y.json", text, {.audio = "/data"})[0].audio, "/data/sounds/a.wav");
  std::string wrong = text;
  wrong.replace(wrong.find("\"total_num\":3"), 13, "\"total_num\":4");
  refused(ErrorKind::kData, {"total_num is 4, there are 3"}, [&] { read("w.json", wrong); });
  refused(ErrorKind::kData, {"split_path"}, [&] { read("w.json", R"({"data":{},"total_num":0})"); });
  refused(ErrorKind::kData, {"has no items"},
          [&] { read("w.json", R"({"split_path":"","data":{},"total_num":0})"); });
}

TEST_F(Manifests, ConversationsWithTheirTurnsAndSounds) {
  const std::string text = R"([
    {"id":"x","sound":"a.wav","duration":2,"conversations":[{"from":"human","value":"<sound>\nWhat is it?"},{"from":"gpt","value":"A bell."}]},
    {"id":7,"sound":["b.wav"],"conversations":[{"from":"human","value":"Is <sound-1> rain?"},{"from":"gpt","value":"Yes."},
      {"from":"human","value":"How <soundly>?"},{"from":"gpt","value":"Softly."}]},
    {"id":"two","sound":["a.wav","b.wav"],"conversations":[{"from":"human","value":"?"},{"from":"gpt","value":"!"}]},
    {"id":"none","sound":[],"conversations":[{"from":"human","value":"?"},{"from":"gpt","value":"!"}]},
    {"id":"text","conversations":[{"from":"human","value":"?"},{"from":"gpt","value":"!"}]},
    {"id":"odd","sound":"a.wav","conversations":[{"from":"human","value":"?"}]},
    {"id":"turned","sound":"a.wav","conversations":[{"from":"gpt","value":"?"},{"from":"human","value":"!"}]},
    {"id":"bare","sound":"a.wav","conversations":[{"from":"human","value":"<sound>"},{"from":"gpt","value":"!"}]},
    {"id":"x","sound":"a.wav","conversations":[{"from":"human","value":"?"},{"from":"gpt","value":"!"}]}])";
  const auto one = read("af3.json", text);
  ASSERT_EQ(one.size(), 1u);
  EXPECT_EQ(one[0].prompt, "What is it?");
  EXPECT_EQ(one[0].duration_s, 2);
  EXPECT_THAT(counts.dropped, ElementsAre(std::pair("id_twice", 1), std::pair("prompt_empty", 1),
                                          std::pair("sounds_none", 2), std::pair("sounds_several", 1),
                                          std::pair("turns_out_of_order", 2), std::pair("turns_several", 1)));
  const auto first = read("af3.json", text, {.turns = "first"});
  ASSERT_EQ(first.size(), 2u);
  EXPECT_EQ(first[1].prompt, "Is  rain?");
  EXPECT_EQ(first[1].id, "7");
  const auto each = read("af3.json", text, {.turns = "each"});
  ASSERT_EQ(each.size(), 3u);
  EXPECT_EQ(each[2].id, "7-2");
  EXPECT_EQ(each[2].prompt, "How <soundly>?");
  refused(ErrorKind::kUser, {"turns"}, [&] { read("af3.json", text, {.turns = "all"}); });
}

TEST_F(Manifests, LtuAndGama) {
  const auto items = read("ltu.json", R"([
    {"audio_id":"a.wav","instruction":"Classify.","input":"","output":"Bell","dataset":"fsd","task":"cla"},
    {"audio_id":"a.wav","instruction":"Compare","input":"with rain","output":"No"},
    {"audio_id":"a.wav","instruction":"x","output":""}, {"audio_id":"a.wav","output":"y"}, {"audio_id":3,"instruction":"x","output":"y"}, "z"])");
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(items[0].meta["dataset"], "fsd");
  EXPECT_EQ(items[0].task, "cla");
  EXPECT_EQ(items[1].prompt, "Compare\nwith rain");
  EXPECT_THAT(counts.dropped, ElementsAre(std::pair("key_missing", 1), std::pair("output_empty", 1),
                                          std::pair("wrong_type", 2)));
  EXPECT_THAT(counts.first["output_empty"], HasSubstr("ltu.json item 2"));
}

TEST_F(Manifests, EveryFormComesBackFromEveryOther) {
  std::vector<ManifestItem> items(2);
  items[0] = made(sound("a.wav"), "What \"is\" it? (A) a. (B) b.", "(A) a");
  items[1] = made(sound("b.wav"), "How\noften?", "3");
  for (auto& item : items) item.duration_s = 2;
  for (const std::string format : {"jsonl", "af2", "af3", "ltu"}) {
    const fs::path file = scratch / ("out/" + format + (format == "jsonl" ? ".jsonl" : ".json"));
    EXPECT_EQ(write_any_manifest(file, format, items, {}, counts), 2u);
    EXPECT_EQ(manifest_format(file), format);
    const auto back = read_any_manifest(file, {}, counts);
    ASSERT_EQ(back.size(), 2u) << format;
    for (std::size_t i = 0; i < 2; ++i) {
      EXPECT_EQ(fs::path(back[i].audio).lexically_normal(), fs::path(items[i].audio)) << format;
      EXPECT_EQ(back[i].prompt, items[i].prompt) << format;
      EXPECT_EQ(back[i].outputs, items[i].outputs) << format;
      if (format != "ltu") {
        EXPECT_EQ(back[i].duration_s, 2) << format;
      }
    }
    // The same bytes out of another folder's paths: what is written does not hang on where it was read.
    EXPECT_THAT(read_file(file), ::testing::Not(HasSubstr(scratch.path().string()))) << format;
  }
  EXPECT_THAT(counts.dropped, IsEmpty());
}

TEST_F(Manifests, SeveralQuestionsAboutASoundComeBackFromConversations) {
  std::vector<ManifestItem> items;
  for (const char* prompt : {"What is it?", "How loud is it?", "How long is it?"})
    items.push_back(made(sound("a.wav"), prompt, "o"));
  EXPECT_EQ(write_any_manifest(scratch / "o.json", "af3", items, {}, counts), 3u);
  const auto back = read_any_manifest(scratch / "o.json", {}, counts);
  ASSERT_EQ(back.size(), 3u);  // none is refused for an id that another has
  EXPECT_EQ(back[2].prompt, "How long is it?");
  EXPECT_EQ(back[2].id, "sounds/a.wav#3");
}

TEST_F(Manifests, WritingCountsWhatAFormCannotHold) {
  std::vector<ManifestItem> items(4);
  for (std::size_t i = 0; i < 4; ++i) {
    items[i] = made(sound("a.wav"), "p", "o");
    items[i].id = "i" + std::to_string(i), items[i].task = "t";
  }
  items[0].meta = {{"x", 1}};
  items[1].outputs = {"o", "p"};
  items[2].start_s = 0.5;
  items[3].audio = sound("none.wav");
  EXPECT_EQ(write_any_manifest(scratch / "o.json", "af3", items, {}, counts), 1u);
  EXPECT_THAT(counts.dropped, ElementsAre(std::pair("duration_unknown", 1), std::pair("lost_meta", 1),
                                          std::pair("lost_task", 2), std::pair("outputs_several", 1),
                                          std::pair("stretch", 1)));
  EXPECT_EQ(read_any_manifest(scratch / "o.json", {}, counts)[0].duration_s, 2);  // out of the sound's header
  EXPECT_EQ(write_any_manifest(scratch / "o.jsonl", "jsonl", items, {}, counts), 4u);
  EXPECT_EQ(write_any_manifest(scratch / "o.json", "af2", items, {.outputs = "each"}, counts), 4u);
  const Json af2 = parse_json(read_file(scratch / "o.json"), "o.json");
  EXPECT_EQ(af2["flamingo_task"], "t");
  EXPECT_EQ(af2["data"]["3"]["audio_start"], 0.5);
  EXPECT_EQ(af2["data"]["3"]["duration"], 1.5);
  EXPECT_EQ(write_any_manifest(scratch / "o.json", "ltu", items, {.outputs = "first"}, counts), 3u);
  refused(ErrorKind::kUser, {"format"}, [&] { write_any_manifest(scratch / "o", "tar", items, {}, counts); });
  refused(ErrorKind::kData, {"no item is left of 1"},
          [&] { write_any_manifest(scratch / "o", "af3", {items[3]}, {}, counts); });
}

TEST_F(Manifests, TarShards) {
  if (!built_with_archive()) GTEST_SKIP() << "built without libarchive";
  const std::string wav = read_file(scratch / "sounds" / "a.wav");
  test::TarWriter tar;
  tar.add("d/one.wav", wav);
  tar.add("d/one.json", R"({"prompt":"What?","output":["A bell.","Bells."]})");
  tar.add("two.txt", "Rain falls.\n");
  tar.add("two.wav", wav);
  tar.add("three.json", R"({"prompt":"What?","output":"x"})");
  tar.add("four.wav", wav);
  tar.add("../five.wav", wav);
  tar.add("../five.json", R"({"prompt":"What?","output":"x"})");
  write("s.tar", tar.done());
  ManifestRead options{.prompt = "Describe it.", .sounds = (scratch / "unpacked").string()};
  const auto items = read_any_manifest(scratch / "s.tar", options, counts);
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(items[0].id, "d/one");
  EXPECT_EQ(items[0].outputs.size(), 2u);
  EXPECT_EQ(items[1].prompt, "Describe it.");
  EXPECT_EQ(items[1].outputs[0], "Rain falls.");
  EXPECT_EQ(read_file(items[1].audio), wav);
  EXPECT_FALSE(fs::exists(scratch / "five.wav"));
  EXPECT_THAT(counts.dropped, ElementsAre(std::pair("path_leads_out", 1), std::pair("sound_missing", 1),
                                          std::pair("text_missing", 1)));
  options.sounds = "";
  refused(ErrorKind::kUser, {"--sounds"}, [&] { read_any_manifest(scratch / "s.tar", options, counts); });
}

TEST_F(Manifests, VerifyingOpensEverySound) {
  std::vector<ManifestItem> items(4);
  for (auto& item : items) item = made(sound("a.wav"), "p", "o");
  items[0].duration_s = 2.4;
  items[1].duration_s = 2.6;
  items[2].audio = sound("gone.wav");
  items[3].audio = write("sounds/page.wav", "<html>").generic_string();
  verify_sounds(items, true, counts);
  EXPECT_EQ(items.size(), 2u);
  EXPECT_THAT(counts.dropped, ElementsAre(std::pair("audio_missing", 1), std::pair("audio_unreadable", 1),
                                          std::pair("duration_differs", 1)));
}

TEST_F(Manifests, WhatIsNoneIsRefused) {
  refused(ErrorKind::kData, {"no manifest"}, [&] { read("x.json", "[1, 2]"); });
  refused(ErrorKind::kData, {"no manifest"}, [&] { read("x.json", ""); });
  refused(ErrorKind::kData, {"x.json"}, [&] { read("x.json", "[{\"id\":"); });
  refused(ErrorKind::kData, {"x.jsonl:2"},
          [&] { read("x.jsonl", "{\"audio\":\"a\",\"prompt\":\"p\",\"output\":\"o\"}\n{cut"); });
  refused(ErrorKind::kData, {"has no items"}, [&] { read("x.jsonl", "\n"); });
  refused(ErrorKind::kUser, {"format"}, [&] { read("x.json", "[]", {.format = "csv"}); });
  refused(ErrorKind::kData, {"cannot"}, [&] { read_any_manifest(scratch / "gone.json", {}, counts); });
}

}  // namespace
}  // namespace af2
