// Mixes: shares that hold, the same bytes whatever the order, nothing twice, no split beside another, and a
// word where there is too little.
#include "af2/factory/mix.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <set>

#include "../scratch.h"
#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/random.h"
#include "af2/core/text_util.h"
#include "af2/factory/balance.h"
#include "af2/factory/set_files.h"
#include "af2/factory/shares.h"
#include "factory_item_maker.h"
#include "refused.h"

namespace af2 {
namespace {
namespace fs = std::filesystem;
using test::refused;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// ---- Shares -----------------------------------------------------------------------------------------------

// Rows of the specification's tables: the first cell's first word and the number in column `column`.
std::map<std::string, double> rows_of_spec(const std::string& section, std::size_t column) {
  const std::string text = read_file(std::string(AF2_SOURCE_DIR) + "/docs/spec/data.md");
  const std::size_t begin = text.find("\n## " + section);
  std::map<std::string, double> rows;
  for (const std::string& line : split(text.substr(begin, text.find("\n## ", begin + 4) - begin), '\n')) {
    const std::vector<std::string> cells = split(line, '|');
    if (cells.size() <= column) continue;
    std::string number = trim(cells[column]);
    if (number.find(' ') != std::string::npos) number.clear();
    std::erase(number, ',');
    if (number.empty() || number.find_first_not_of("0123456789") != std::string::npos) continue;
    std::string name = trim(cells[1]);
    if (const std::size_t more = name.find(" ("); more != std::string::npos) name.resize(more);
    std::replace(name.begin(), name.end(), ' ', '_');
    if (name == "information_extraction") name = "information";
    rows[name] = std::stod(number);
  }
  return rows;
}

TEST(FactoryMix, TablesAreThoseOfTheSpecification) {
  const auto held = [](const std::string& name, const std::string& start,
                       std::map<std::string, double> spec) {
    const ShareTable table = read_shares(name);
    double sum = 0;
    for (const auto& [key, weight] : table.rows) {
      ASSERT_TRUE(key.starts_with(start)) << key;
      EXPECT_EQ(spec[key.substr(start.size())], weight) << key;
      spec.erase(key.substr(start.size())), sum += weight;
    }
    spec.erase("total");
    EXPECT_THAT(spec, IsEmpty()) << name;
    EXPECT_EQ(sum, name == "audioskills" ? 4259055 : name == "longaudio" ? 262928 : 2429) << name;
  };
  held("audioskills", "", rows_of_spec("2.", 4));
  auto longs = rows_of_spec("3.", 3), bench = rows_of_spec("3.", 4);
  held("longaudio", "long.", longs);
  held("longaudiobench", "long.", bench);
}

TEST(FactoryMix, PartsAddUpAndAreOffByLessThanOne) {
  Random rng("test/apportion");
  for (int round = 0; round < 300; ++round) {
    std::vector<double> weights(1 + rng.below(9));
    for (double& weight : weights) weight = rng.chance(0.2) ? 0 : rng.uniform(1e-3, 5);
    weights[rng.below(weights.size())] = 1;
    const auto n = static_cast<std::int64_t>(rng.below(2000));
    const auto parts = apportion(n, weights);
    double sum = 0;
    std::int64_t all = 0;
    for (const double weight : weights) sum += weight;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      all += parts[i];
      EXPECT_LT(std::abs(static_cast<double>(parts[i]) - static_cast<double>(n) * weights[i] / sum), 1.0);
      if (weights[i] == 0) {
        EXPECT_EQ(parts[i], 0);
      }
    }
    EXPECT_EQ(all, n);
  }
  EXPECT_THAT(apportion(1000, read_shares("audioskills").weights()),
              ElementsAre(44, 47, 12, 231, 299, 202, 165));
  EXPECT_THAT(apportion(2, {1, 1, 1}), ElementsAre(1, 1, 0));
  EXPECT_THROW(apportion(2, {0, 0}), Error);
}

TEST(FactoryMix, NamesOfSkillsAndTasks) {
  const ShareTable &skills = share_tables()[0], &longs = share_tables()[1];
  EXPECT_EQ(skills.row_of_skill("temporal"), 0);
  EXPECT_EQ(skills.row_of_skill("long.temporal"), -1);
  EXPECT_EQ(longs.row_of_skill("temporal"), -1);
  EXPECT_EQ(longs.row_of_task("temporal"), 4);
  EXPECT_EQ(longs.row_of_task("complex"), 2);
  EXPECT_EQ(longs.row_of_skill("long.complex"), 2);
  EXPECT_EQ(longs.row_of_task("LongAudio-plot"), 1);
  EXPECT_EQ(skills.row_of_task("AudioSkills-contextual_sound"), 3);
  EXPECT_EQ(skills.row_of_task("AQA"), -1);
  EXPECT_EQ(skills.row_of_task(""), -1);
}

TEST(FactoryMix, SharesOfAFile) {
  const test::Scratch scratch;
  write_file_atomic(scratch / "s.json", R"({"temporal": 3, "AQA": 0.5})");
  const ShareTable table = read_shares((scratch / "s.json").string());
  EXPECT_THAT(table.rows, ElementsAre(std::pair("temporal", 3.0), std::pair("AQA", 0.5)));
  for (const char* text :
       {"{}", "[1]", R"({"temporal": 0})", R"({"temporal": -1})", R"({"temporal": "2"})"}) {
    write_file_atomic(scratch / "s.json", text);
    EXPECT_THROW(read_shares((scratch / "s.json").string()), Error) << text;
  }
  refused(ErrorKind::kUser, {"audioskils", "did you mean audioskills"}, [] { read_shares("audioskils"); });
}

TEST(FactoryMix, InputsWithWeights) {
  EXPECT_EQ(mix_input_of("sets/a").weight, std::nullopt);
  EXPECT_EQ(mix_input_of("sets/a=0.5").weight, 0.5);
  EXPECT_EQ(mix_input_of("sets/x=1=2").path, "sets/x=1");
  const test::Scratch scratch;
  fs::create_directories(scratch / "a=3");
  EXPECT_EQ(mix_input_of((scratch / "a=3").string()).weight, std::nullopt);  // it is there under that name
  for (const char* text : {"a=0", "a=-1", "a=x", "a=", "a=nan", "a=inf"})
    EXPECT_THROW(mix_input_of(text), Error) << text;
}

// ---- Sets -------------------------------------------------------------------------------------------------

class Mixes : public ::testing::Test {
 protected:
  // `n` items about clips of their own, four skills by turns.
  std::vector<Item> items_of(const std::string& name, int n) {
    std::vector<Item> items = test::made_items(n, name);
    for (Item& item : items) {
      item.id = name + "-" + item.id, item.record = name + "-" + item.record;
      item.group = name + " " + item.group;
    }
    return items;
  }
  std::string save(const std::string& name, const std::vector<Item>& items) {
    std::map<std::string, Record> records;
    for (const Item& item : items) records.emplace(item.record, test::made_record(item));
    std::vector<Record> list;
    for (const auto& [id, record] : records) list.push_back(record);
    write_item_set(scratch / name, items, list);
    return (scratch / name).string();
  }
  std::string set(const std::string& name, int n) { return save(name, items_of(name, n)); }
  std::string lines(const std::string& name, const std::string& text) {
    fs::create_directories((scratch / name).parent_path());
    write_file_atomic(scratch / name, text);
    return (scratch / name).string();
  }
  MixResult run(const std::vector<std::string>& in, const std::string& out, const MixOptions& options = {}) {
    std::vector<MixInput> inputs;
    for (const std::string& text : in) inputs.push_back(mix_input_of(text));
    return mix(inputs, scratch / out, options);
  }
  std::map<std::string, std::string> bytes(const std::string& folder) {
    std::map<std::string, std::string> all;
    for (const auto& entry : fs::recursive_directory_iterator(scratch / folder))
      if (entry.is_regular_file())
        all[entry.path().lexically_relative(scratch / folder).string()] = read_file(entry.path());
    return all;
  }
  std::map<std::string, int> skills(const std::string& out) {
    std::map<std::string, int> n;
    for (const Item& item : read_item_set(scratch / out).items) ++n[item.skill];
    return n;
  }

  test::Scratch scratch;
};

TEST_F(Mixes, EverythingWithoutShares) {
  const std::string a = set("a", 40), b = set("deep/b", 24);
  const MixResult made = run({a, b}, "out/both");
  EXPECT_EQ(made.items, 64);
  EXPECT_EQ(made.renamed, 0);
  const ItemSet both = read_item_set(scratch / "out/both");
  EXPECT_EQ(both.items.size(), 64u);
  EXPECT_EQ(both.records.size(), 16u);
  std::set<std::string> audio;
  for (const Item& item : both.items) audio.insert(item.audio);
  EXPECT_TRUE(audio.contains("../../a/clips/clip0000000.wav"));
  EXPECT_TRUE(audio.contains("../../deep/b/clips/clip0000000.wav"));
  for (const Record& record : both.records) EXPECT_TRUE(audio.contains(record.audio)) << record.audio;
  for (const std::string& file : made.files) EXPECT_TRUE(fs::exists(scratch / "out/both" / file)) << file;
  const Json temporal = parse_json(read_file(scratch / "out/both/both-temporal/train.json"), "m");
  EXPECT_EQ(temporal["total_num"], 16);
  EXPECT_THAT(read_file(scratch / "out/both/mix.json"), ::testing::Not(HasSubstr(scratch.path().string())));
}

TEST_F(Mixes, SharesByWeightAndBySkillHold) {
  const std::string a = set("a", 400), b = set("b", 400);
  MixOptions options;
  options.n = 100;
  const MixResult made = run({a + "=3", b + "=1"}, "out", options);
  EXPECT_EQ(made.inputs[0].taken, 75);
  EXPECT_EQ(made.inputs[1].taken, 25);
  EXPECT_EQ(read_item_set(scratch / "out").items.size(), 100u);
  // By skill too: parts of the set's four skills, and in each the weights.
  options.shares = lines("shares.json", R"({"temporal": 5, "counting": 3, "general": 2})");
  const MixResult by_skill = run({a + "=3", b + "=1"}, "out", options);
  EXPECT_EQ(skills("out"), (std::map<std::string, int>{{"temporal", 50}, {"counting", 30}, {"general", 20}}));
  EXPECT_NEAR(static_cast<double>(by_skill.inputs[0].taken), 75, 2);
  EXPECT_EQ(by_skill.inputs[0].no_share, 100);
  EXPECT_EQ(by_skill.no_share.at("information"), 200);
  EXPECT_EQ(by_skill.shares[0].taken, 50);
  // Nothing of a skill that is no longer there stays behind.
  EXPECT_FALSE(fs::exists(scratch / "out/out-information"));
  EXPECT_TRUE(fs::exists(scratch / "out/out-counting/train.json"));
}

TEST_F(Mixes, OrderSaysNothingAndTheSeedMuch) {
  const std::string a = set("a", 200), b = set("b", 100);
  MixOptions options;
  options.n = 60, options.seed = 7;
  run({a, b}, "one", options);
  const auto one = bytes("one");
  run({b, a}, "one", options);  // a rerun in another order
  EXPECT_EQ(bytes("one"), one);
  std::vector<Item> turned = items_of("a", 200);
  std::reverse(turned.begin(), turned.end());
  std::string text;
  for (const Item& item : turned) text += item_line(item) + "\n";
  const auto before = one.at("items.jsonl");
  write_file_atomic(scratch / "a/items.jsonl", text);
  run({a, b}, "one", options);
  EXPECT_EQ(bytes("one").at("items.jsonl"), before);
  options.seed = 8;
  run({a, b}, "other", options);
  EXPECT_NE(bytes("other").at("items.jsonl"), before);
  // A larger mix with the same draws holds nearly all of the smaller one: what is added is added.
  options.seed = 7, options.n = 90;
  run({a, b}, "more", options);
  std::set<std::string> more;
  for (const Item& item : read_item_set(scratch / "more").items) more.insert(item.id);
  for (const Item& item : read_item_set(scratch / "one").items)
    EXPECT_TRUE(more.contains(item.id)) << item.id;
}

TEST_F(Mixes, ADrawHangsOnNothingButItsItem) {
  std::vector<Item> items = items_of("a", 200);
  MixOptions options;
  options.n = 50;
  run({save("a", items)}, "one", options);
  std::set<std::string> chosen;
  for (const Item& item : read_item_set(scratch / "one").items) chosen.insert(item.id);
  // Without some that were not chosen, and behind them all others in another place.
  int gone = 0;
  std::erase_if(items, [&](const Item& item) { return !chosen.contains(item.id) && gone++ < 20; });
  ASSERT_EQ(items.size(), 180u);
  run({save("a", items)}, "two", options);
  std::set<std::string> again;
  for (const Item& item : read_item_set(scratch / "two").items) again.insert(item.id);
  EXPECT_EQ(again, chosen);
}

TEST_F(Mixes, TooFewIsRefusedWithTheNumberThatWouldDo) {
  const std::string a = set("a", 400), b = set("b", 40);
  MixOptions options;
  options.n = 300;
  refused(ErrorKind::kUser, {"/b", "has 40 items, 150 are wanted", "--n 81", "--repeat"}, [&] {
    run({a + "=1", b + "=1"}, "out", options);
  });
  EXPECT_FALSE(fs::exists(scratch / "out"));
  options.n = 81;
  EXPECT_NO_THROW(run({a + "=1", b + "=1"}, "out", options));  // 41 and 40
  options.n = 0;
  const MixResult most = run({a + "=1", b + "=1"}, "out", options);
  EXPECT_EQ(most.items, 81);
  options.n = most.items + 1;
  EXPECT_THROW(run({a + "=1", b + "=1"}, "out", options), Error);
  options.shares = lines("shares.json", R"({"counting": 1, "general": 3})");
  refused(ErrorKind::kUser, {"of general"}, [&] {
    options.n = 200;
    run({a, b}, "out", options);
  });
}

TEST_F(Mixes, RepeatsAreWholePassesAndSomeMore) {
  const std::string a = set("a", 400), b = set("b", 40);
  MixOptions options;
  options.n = 200, options.repeat = true;
  const MixResult made = run({a + "=1", b + "=1"}, "out", options);
  EXPECT_EQ(made.inputs[1].taken, 100);
  EXPECT_EQ(made.inputs[1].repeats, 60);
  std::map<std::string, int> times;
  for (const Item& item : read_item_set(scratch / "out").items) {
    if (!item.id.starts_with("b-")) continue;
    const std::size_t copy = item.id.find("-copy");
    ++times[item.id.substr(0, copy)];
  }
  ASSERT_EQ(times.size(), 40u);
  int thrice = 0;
  for (const auto& [id, n] : times) {
    EXPECT_TRUE(n == 2 || n == 3) << id;
    thrice += n == 3;
  }
  EXPECT_EQ(thrice, 20);
  options.n = 0;
  refused(ErrorKind::kUser, {"--repeat", "--n"}, [&] { run({a}, "out2", options); });
}

TEST_F(Mixes, AQuestionIsKeptOnceAndCaptionsOfOneInputStay) {
  const std::string a = set("a", 40);
  std::vector<Item> twins = items_of("b", 20);
  for (std::size_t i = 0; i < 8; ++i) {
    const Item original = items_of("a", 40)[i];
    twins[i].audio = "../a/" + original.audio;
    twins[i].question = "The " + original.question + "!";  // the same in its normal form
  }
  for (std::size_t i = 8; i < 12; ++i) {  // one question, several answers
    twins[i].audio = "clips/one.wav", twins[i].question = "Describe it.", twins[i].options.clear();
    twins[i].kinds.clear(), twins[i].answer_index = -1, twins[i].form = "open";
    twins[i].answer = i == 11 ? "Sound 10." : "Sound " + std::to_string(i) + ".";
  }
  const std::string b = save("b", twins);
  const MixResult made = run({a, b}, "out");
  EXPECT_EQ(made.inputs[0].duplicates, 0);
  EXPECT_EQ(made.inputs[1].duplicates, 9);
  EXPECT_EQ(made.items, 51);
  const MixResult turned = run({b, a}, "out");
  EXPECT_EQ(turned.inputs[1].duplicates, 9);
}

TEST_F(Mixes, SplitsAreKeptApart) {
  const std::string a = set("a", 40);
  std::vector<Item> test_items = items_of("t", 24);
  for (Item& item : test_items) item.split = "test";
  const std::string t = save("t", test_items);
  refused(ErrorKind::kUser, {"several splits", "test (24 items", "train (40 items", "--split"}, [&] {
    run({a, t}, "out");
  });
  MixOptions options;
  options.split = "train";
  const MixResult one = run({a, t}, "out", options);
  EXPECT_EQ(one.items, 40);
  EXPECT_EQ(one.inputs[1].other_split, 24);
  options.split = "val";
  refused(ErrorKind::kData, {"no item is left"}, [&] { run({a, t}, "out", options); });
  options.split = "", options.allow_mixed_splits = true;
  run({a, t}, "out", options);
  EXPECT_TRUE(fs::exists(scratch / "out/out-temporal/train.json"));
  EXPECT_TRUE(fs::exists(scratch / "out/out-temporal/test.json"));
  // One original recording of many in a group is enough.
  test_items[5].group = "t own+a group0000001";
  save("t", test_items);
  refused(ErrorKind::kData, {"group a group0000001", "train", "test", test_items[5].id}, [&] {
    run({a, t}, "out", options);
  });
  test_items[5].group = "t own";
  test_items[5].audio = "../a/clips/clip0000003.wav";
  save("t", test_items);
  refused(ErrorKind::kData, {"sound ", "a/clips/clip0000003.wav"}, [&] { run({a, t}, "out", options); });
}

TEST_F(Mixes, IdsThatStandForTwoThingsAreToldApart) {
  std::vector<Item> first = items_of("a", 12), second = items_of("a", 12);
  for (Item& item : second) item.question += " Now?", item.facts = {{"x", 1}};
  const std::string a = save("x/a", first), b = save("y/a", second);
  const MixResult made = run({a, b}, "out");
  EXPECT_EQ(made.items, 24);
  const ItemSet set = read_item_set(scratch / "out");  // no id twice
  EXPECT_EQ(set.items.size(), 24u);
  EXPECT_EQ(set.records.size(), 6u);
  std::map<std::string, std::string> audio;
  for (const Record& record : set.records) audio[record.id] = record.audio;
  for (const Item& item : set.items) EXPECT_EQ(audio[item.record], item.audio) << item.id;
  run({b, a}, "again");
  EXPECT_EQ(bytes("again").at("items.jsonl"), bytes("out").at("items.jsonl"));
}

TEST_F(Mixes, WordsOfTheInputsTravel) {
  const std::string a = set("a", 8), b = set("b", 8);
  std::vector<LabelInfo> labels = test::maker_labels();
  write_label_table(scratch / "a/labels.tsv", {labels[0], labels[1]});
  labels[1].phrase = "a stallion neighing";
  write_label_table(scratch / "b/labels.tsv", {labels[1], labels[2]});
  const MixResult made = run({b, a}, "out");
  EXPECT_THAT(made.other_words, ElementsAre("horse"));
  const auto words = read_label_table(scratch / "out/labels.tsv");
  ASSERT_EQ(words.size(), 3u);
  for (const LabelInfo& label : words)
    if (label.name == "horse") {
      EXPECT_EQ(label.phrase, "a horse neighing");
    }
}

TEST_F(Mixes, AbsentSkillsAreNamed) {
  const std::string a = set("a", 80);
  MixOptions options;
  options.shares = "audioskills", options.n = 20;
  refused(ErrorKind::kUser, {"attribute, contextual_sound, contextual_speech", "--skip-absent"},
          [&] { run({a}, "out", options); });
  options.skip_absent = true;
  const MixResult made = run({a}, "out", options);
  EXPECT_EQ(skills("out"), (std::map<std::string, int>{
                               {"temporal", 2}, {"counting", 1}, {"information", 9}, {"general", 8}}));
  EXPECT_EQ(made.absent.size(), 3u);
  options.shares = "longaudio";
  refused(ErrorKind::kData, {"no item is left"}, [&] { run({a}, "out", options); });
}

TEST_F(Mixes, WrongCallsAreRefused) {
  const std::string a = set("a", 8), b = set("b", 8);
  lines("scenes/records.jsonl", read_file(scratch / "a/records.jsonl"));
  refused(ErrorKind::kUser, {"named twice"}, [&] { run({a, a + "/items.jsonl"}, "out"); });
  refused(ErrorKind::kUser, {"some inputs have a weight"}, [&] { run({a + "=1", b}, "out"); });
  refused(ErrorKind::kUser, {"no questions", "data skills"},
          [&] { run({(scratch / "scenes").string()}, "out"); });
  refused(ErrorKind::kUser, {"one of the inputs"}, [&] { run({a, b}, "a"); });
  refused(ErrorKind::kUser, {"that no mix made"}, [&] { run({a}, "b"); });
  refused(ErrorKind::kUser, {".jsonl"}, [&] {
    run({a, lines("m.jsonl", R"({"audio":"x.wav","prompt":"p","output":"o"})")}, "out");
  });
  MixOptions options;
  options.n = -1;
  EXPECT_THROW(run({a}, "out", options), Error);
  options.n = 4, options.dry_run = true;
  EXPECT_EQ(run({a}, "out", options).items, 4);
  EXPECT_FALSE(fs::exists(scratch / "out"));
}

// ---- Manifests --------------------------------------------------------------------------------------------

TEST_F(Mixes, ManifestsOfAllFormsGiveLines) {
  const std::string af2 = lines(
      "AQA/train.json", R"({"split":"train","split_path":"s","flamingo_task":"AQA","total_num":3,"data":{
    "0":{"name":"a.wav","prompt":"What is it?","output":"A bell.","duration":2.0},
    "1":{"name":"b.wav","prompt":"And now?","output":"Rain.","duration":1,"audio_start":0.5},
    "2":{"name":"b.wav","prompt":"Who?","output":"","duration":1}}})");
  const std::string jsonl = lines(
      "own.jsonl",
      R"({"audio":"AQA/s/a.wav","prompt":"what is it","output":"Bells","id":"1"})"
      "\n"
      R"({"audio":"AQA/s/c.wav","prompt":"How?","output":["Loud","Noisy"],"id":"2","meta":{"k":[1]},"task":"q"})"
      "\n");
  const std::string af3 = lines(
      "talk.json",
      R"([{"id":"2","sound":"AQA/s/d.wav","duration":3,"conversations":[{"from":"human","value":"<sound>\nHow?"},{"from":"gpt","value":"Softly"}]}])");
  const MixResult made = run({af2, jsonl, af3}, "out/mixed.jsonl");
  EXPECT_EQ(made.items, 4);
  EXPECT_EQ(made.renamed, 2);
  EXPECT_EQ(made.inputs[0].left_out.dropped.at("output_empty"), 1);
  const std::vector<ManifestItem> items = read_manifest(scratch / "out/mixed.jsonl");
  ASSERT_EQ(items.size(), 4u);
  std::map<std::string, ManifestItem> by_audio;
  for (const ManifestItem& item : items) by_audio[item.audio] = item;
  EXPECT_EQ(by_audio.at("../AQA/s/a.wav").prompt, "What is it?");  // without an id: before all others
  EXPECT_EQ(by_audio.at("../AQA/s/b.wav").start_s, 0.5);
  EXPECT_EQ(by_audio.at("../AQA/s/b.wav").meta["split"], "train");
  EXPECT_EQ(by_audio.at("../AQA/s/b.wav").task, "AQA");
  EXPECT_THAT(by_audio.at("../AQA/s/c.wav").outputs, ElementsAre("Loud", "Noisy"));
  EXPECT_EQ(by_audio.at("../AQA/s/c.wav").meta["k"][0], 1);
  EXPECT_EQ(by_audio.at("../AQA/s/d.wav").duration_s, 3);
  const std::string before = read_file(scratch / "out/mixed.jsonl");
  run({af3, af2, jsonl}, "out/mixed.jsonl");
  EXPECT_EQ(read_file(scratch / "out/mixed.jsonl"), before);
  // What the mix says of its splits is held against the next one.
  const std::string other =
      lines("AQA/test.json", R"({"split":"test","split_path":"s","flamingo_task":"AQA","total_num":1,"data":{
    "0":{"name":"z.wav","prompt":"What?","output":"A bell."}}})");
  refused(ErrorKind::kUser, {"several splits"}, [&] {
    run({(scratch / "out/mixed.jsonl").string(), other}, "x.jsonl");
  });
  MixOptions mixed;
  mixed.allow_mixed_splits = true;
  refused(ErrorKind::kUser, {"do not say their split"}, [&] {
    run({(scratch / "out/mixed.jsonl").string(), other}, "x.jsonl", mixed);
  });
}

TEST_F(Mixes, LinesWithoutIdsAreDrawnByTheirText) {
  std::vector<std::string> rows;
  for (int i = 0; i < 50; ++i)
    rows.push_back(R"({"audio":"s)" + std::to_string(i) + R"(.wav","prompt":"What?","output":"x"})");
  const auto text = [&] {
    std::string all;
    for (const std::string& row : rows) all += row + "\n";
    return all;
  };
  MixOptions options;
  options.n = 10;
  const std::string m = lines("m.jsonl", text());
  run({m}, "one.jsonl", options);
  std::reverse(rows.begin(), rows.end());
  lines("m.jsonl", text());
  run({m}, "two.jsonl", options);
  EXPECT_EQ(read_file(scratch / "one.jsonl"), read_file(scratch / "two.jsonl"));
  options.n = 75, options.repeat = true;
  run({m}, "two.jsonl", options);
  EXPECT_EQ(read_manifest(scratch / "two.jsonl").size(), 75u);
}

TEST_F(Mixes, SetsGiveLinesWhereAskedTo) {
  const std::string a = set("a", 8);
  const MixResult made =
      run({a, lines("m.jsonl", R"({"audio":"x.wav","prompt":"p","output":"o"})")}, "o/all.jsonl");
  EXPECT_EQ(made.items, 9);
  for (const ManifestItem& item : read_manifest(scratch / "o/all.jsonl"))
    if (!item.id.empty()) {
      EXPECT_EQ(item.meta["split"], "train");
      EXPECT_EQ(item.meta["group"], "a group0000000");
    }
}

}  // namespace
}  // namespace af2
