// AF-CLAP's pairs as lines, as jsonl files and as tar shards, whole and damaged.
#include "af2/data/clap_pairs.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <functional>
#include <set>

#include "../scratch.h"
#include "af2/audio/wav.h"
#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/data/clap_pair_set.h"
#include "tar_writer.h"

namespace af2 {
namespace {

ClapPair parse(const std::string& text, PairAudio audio = PairAudio::kNamed) {
  return parse_clap_pair(parse_json(text, "t:1"), "t:1", audio);
}

std::string data_refusal(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kData) << error.what();
    EXPECT_FALSE(error.hint().empty()) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

std::vector<float> tone(double seconds, double hz) {
  std::vector<float> samples(static_cast<std::size_t>(seconds * 16000));
  for (std::size_t i = 0; i < samples.size(); ++i)
    samples[i] = 0.5f * static_cast<float>(std::sin(2 * 3.14159265 * hz * static_cast<double>(i) / 16000));
  return samples;
}

TEST(ClapPairs, LinesAreReadAndWrittenAlike) {
  const ClapPair pair = parse(
      R"({"audio":"a.wav","start":1.5,"duration":4,"captions":["A dog barks.","bark"],"negatives":[["A cat meows."],[]],"source":"x"})");
  EXPECT_EQ(pair.audio, "a.wav");
  EXPECT_EQ(pair.start_s, 1.5);
  EXPECT_EQ(pair.duration_s, 4.0);
  EXPECT_EQ(pair.negatives[0], std::vector<std::string>{"A cat meows."});
  EXPECT_EQ(clap_pair_line(parse(clap_pair_line(pair))), clap_pair_line(pair));
  const ClapPair small = parse(R"({"audio":"a.wav","captions":["rain"]})");
  EXPECT_EQ(small.negatives.size(), 1u);
  EXPECT_FALSE(small.duration_s.has_value());
  EXPECT_EQ(parse(R"({"captions":["rain"]})", PairAudio::kBeside).audio, "");
}

TEST(ClapPairs, WhatDoesNotFitIsRefusedByName) {
  const std::vector<std::pair<const char*, const char*>> cases = {
      {R"([1])", "not a JSON object"},
      {R"({"captions":["a"]})", "`audio` is missing"},
      {R"({"audio":"","captions":["a"]})", "`audio` is empty"},
      {R"({"audio":"a"})", "`captions` is missing"},
      {R"({"audio":"a","captions":[]})", "empty list"},
      {R"({"audio":"a","captions":"b"})", "not a list"},
      {R"({"audio":"a","captions":[" "]})", "`captions[0]` is empty"},
      {R"({"audio":"a","captions":[1]})", "not a text"},
      {R"({"audio":"a","captions":["b"],"start":-1})", "`start`"},
      {R"({"audio":"a","captions":["b"],"duration":0})", "`duration` is 0"},
      {R"({"audio":"a","captions":["b"],"duration":"2"})", "`duration`"},
      {R"({"audio":"a","captions":["b"],"negatives":[]})", "0 lists for 1 captions"},
      {R"({"audio":"a","captions":["b"],"negatives":[["c"],["d"]]})", "2 lists for 1 captions"},
      {R"({"audio":"a","captions":["b"],"negatives":["c"]})", "`negatives[0]` is not a list"},
      {R"({"audio":"a","captions":["b","B."]})", "stands twice"},
      {R"({"audio":"a","captions":["b"],"negatives":[["c","b "]]})", "stands twice"},
      {R"({"audio":"a","captions":["b"],"caption":"c"})", "did you mean `captions`"}};
  for (const auto& [line, what] : cases) {
    const std::string message = data_refusal([&, text = line] { parse(text); });
    EXPECT_NE(message.find(what), std::string::npos) << message;
    EXPECT_EQ(message.rfind("t:1: ", 0), 0u) << message;
  }
}

TEST(ClapPairs, VisitsDrawTextsByName) {
  ClapPair pair = parse(
      R"({"audio":"a","captions":["c0","c1","c2","c3"],"negatives":[["n0","n1","n2"],["m0"],[],["k0","k1"]]})");
  CaptionOptions two;
  two.positives = 2, two.negatives = 2;
  std::set<std::string> second;
  for (int visit = 0; visit < 40; ++visit) {
    Random a("v" + std::to_string(visit)), b("v" + std::to_string(visit));
    const ClapTexts texts = draw_texts(pair, a, two), again = draw_texts(pair, b, two);
    EXPECT_EQ(texts.captions, again.captions);
    ASSERT_EQ(texts.captions.size(), 2u);
    EXPECT_EQ(texts.captions[0], "c0");
    second.insert(texts.captions[1]);
    EXPECT_EQ(texts.negatives[0].size(), 2u);
    for (const auto& negative : texts.negatives[1])
      EXPECT_EQ(negative.text[0], texts.captions[1] == "c1" ? 'm' : 'k');
  }
  EXPECT_EQ(second, (std::set<std::string>{"c1", "c2", "c3"}));
  Random rng("all");
  EXPECT_EQ(draw_texts(pair, rng, {}).captions.size(), 3u);
}

class ClapPairFiles : public ::testing::Test {
 protected:
  ClapPairFiles() {
    write_wav(scratch / "a.wav", tone(2, 440));
    write_wav(scratch / "b.wav", tone(1, 880));
    write_file_atomic(scratch / "set.jsonl", line("a.wav", "high") + "\n" + line("b.wav", "low"));
  }
  static std::string line(const std::string& audio, const std::string& caption) {
    return R"({"audio":")" + audio + R"(","captions":[")" + caption + R"("],"negatives":[["not )" + caption +
           R"("]]})" + "\n";
  }
  // Two clips, the second with a name longer than a header takes, and things that are no clips.
  std::string shard() const {
    const std::string long_name = "folder/" + std::string(120, 'n');
    test::TarWriter tar;
    tar.add("0001.wav", read_file(scratch / "a.wav"));
    tar.add("0001.json", R"({"captions":["high"],"negatives":[["not high"]]})");
    tar.add("notes/readme.txt", "nothing");
    tar.add(long_name + ".json", R"({"audio":"elsewhere.wav","captions":["low"]})");
    tar.add(long_name + ".wav", read_file(scratch / "b.wav"));
    tar.add("0003.json", R"({"captions":["alone"]})");
    return tar.done();
  }
  std::vector<std::string> names(const std::vector<std::string>& files) const {
    std::vector<std::string> all;
    for (const auto& file : files) all.push_back((scratch / file).string());
    return all;
  }
  test::Scratch scratch;
};

TEST_F(ClapPairFiles, JsonlIsReadAtItsPlaces) {
  const ClapPairSet set = ClapPairSet::open(names({"set.jsonl"}));
  ASSERT_EQ(set.size(), 2u);
  EXPECT_EQ(set.pair(1).captions[0], "low");
  EXPECT_EQ(set.pair(0).captions[0], "high");
  EXPECT_EQ(set.name(1), (scratch / "set.jsonl").string() + ":3");
  EXPECT_EQ(set.sound(0, set.pair(0), {}).samples.size(), 32000u);
  EXPECT_EQ(set.sound(1, set.pair(1), {}).samples.size(), 16000u);
}

TEST_F(ClapPairFiles, ShardsAreReadAtTheirPlaces) {
  if (!built_with_archive()) GTEST_SKIP() << "built without libarchive";
  write_file_atomic(scratch / "clips-08.tar", shard());
  write_file_atomic(scratch / "clips-09.tar", shard());
  const ClapPairSet set = ClapPairSet::open(names({"clips-{08..09}.tar", "set.jsonl"}));
  ASSERT_EQ(set.size(), 8u);
  const Clip high = set.sound(3, set.pair(3), {}), low = set.sound(1, set.pair(1), {});
  EXPECT_EQ(set.pair(3).captions[0], "high");
  EXPECT_EQ(set.pair(1).captions[0], "low");
  EXPECT_EQ(high.samples, decode_file(scratch / "a.wav").samples);
  EXPECT_EQ(low.samples, decode_file(scratch / "b.wav").samples);
  EXPECT_NE(set.name(3).find("clips-09.tar:0001.json"), std::string::npos);
  EXPECT_NE(data_refusal([&] { set.sound(2, set.pair(2), {}); }).find("no sound beside it"),
            std::string::npos);
  DecodeOptions cut;
  cut.start_s = 0.5, cut.duration_s = 0.25;
  EXPECT_EQ(set.sound(0, set.pair(0), cut).samples.size(), 4000u);
}

TEST_F(ClapPairFiles, SumsTellSetsApart) {
  const std::string sum = ClapPairSet::open(names({"set.jsonl"})).sum();
  write_file_atomic(scratch / "other.jsonl", read_file(scratch / "set.jsonl"));
  EXPECT_EQ(ClapPairSet::open(names({"other.jsonl"})).sum(), sum);
  write_file_atomic(scratch / "other.jsonl", line("a.wav", "high") + line("b.wav", "lower"));
  EXPECT_NE(ClapPairSet::open(names({"other.jsonl"})).sum(), sum);
}

TEST_F(ClapPairFiles, DamagedShardsAreRefusedWhereverTheyAreCut) {
  if (!built_with_archive()) GTEST_SKIP() << "built without libarchive";
  const std::string whole = shard();
  std::size_t refused = 0;
  for (std::size_t n = 0; n < whole.size() - 1024; n += 97) {
    std::ofstream(scratch / "cut.tar", std::ios::binary).write(whole.data(), static_cast<std::streamsize>(n));
    try {
      ClapPairSet::open(names({"cut.tar"}));
      ADD_FAILURE() << n << " bytes are taken for a whole shard";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kData) << error.what();
      EXPECT_NE(std::string(error.what()).find("cut.tar"), std::string::npos);
      ++refused;
    }
  }
  EXPECT_GT(refused, 900u);
  std::string broken = whole;
  broken[whole.find("readme") + 1] = 'E';  // the header's sum no longer holds
  write_file_atomic(scratch / "broken.tar", broken);
  EXPECT_NE(data_refusal([&] { ClapPairSet::open(names({"broken.tar"})); }).find("damaged"),
            std::string::npos);
  write_file_atomic(scratch / "none.tar", std::string("\x1f\x8b\x08 not a tar at all, but gzip bytes", 36));
  EXPECT_NE(data_refusal([&] { ClapPairSet::open(names({"none.tar"})); }).find("plain .tar"),
            std::string::npos);
}

TEST_F(ClapPairFiles, AFileThatChangesWhileInUseIsNoticed) {
  const ClapPairSet set = ClapPairSet::open(names({"set.jsonl"}));
  write_file_atomic(scratch / "set.jsonl", line("a.wav", "h"));
  data_refusal([&] { set.pair(1); });
  if (!built_with_archive()) return;
  write_file_atomic(scratch / "t.tar", shard());
  const ClapPairSet tar = ClapPairSet::open(names({"t.tar"}));
  test::TarWriter other;
  other.add("x.json", R"({"captions":["x"]})");
  write_file_atomic(scratch / "t.tar", other.done());
  EXPECT_NE(data_refusal([&] { tar.pair(1); }).find("start again"), std::string::npos);
}

TEST_F(ClapPairFiles, BadLinesNameTheirPlace) {
  write_file_atomic(scratch / "bad.jsonl", line("a.wav", "high") + "\n\n{\"audio\":\n");
  try {
    ClapPairSet::open(names({"bad.jsonl"}));
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kData);
    EXPECT_NE(std::string(error.what()).find("bad.jsonl:4"), std::string::npos) << error.what();
  }
  write_file_atomic(scratch / "empty.jsonl", "\n\n");
  EXPECT_NE(data_refusal([&] { ClapPairSet::open(names({"empty.jsonl"})); }).find("no items"),
            std::string::npos);
  EXPECT_NE(data_refusal([&] { ClapPairSet::open(names({"none.jsonl"})); }).find("none.jsonl"),
            std::string::npos);
  EXPECT_THROW(ClapPairSet::open({}), Error);
}

TEST_F(ClapPairFiles, BracesStandForRanges) {
  EXPECT_EQ(expand_braces("a-{08..11}.tar"),
            (std::vector<std::string>{"a-08.tar", "a-09.tar", "a-10.tar", "a-11.tar"}));
  EXPECT_EQ(expand_braces("plain.jsonl"), std::vector<std::string>{"plain.jsonl"});
  for (const char* bad : {"a{", "a{1..", "a{2..1}", "a{x..y}", "a{1..2}{3..4}", "a{0..99999999}", "a{1-2}"})
    EXPECT_THROW(expand_braces(bad), Error) << bad;
}

TEST_F(ClapPairFiles, CheckGoesThroughTheWholeFile) {
  write_file_atomic(
      scratch / "mixed.jsonl",
      line("a.wav", "high") + line("gone.wav", "x") + "{nonsense\n" +
          R"({"audio":"b.wav","captions":["p","q"],"negatives":[["r"]]})" + "\n" +
          R"({"audio":"b.wav","start":0.5,"duration":3,"captions":["p"]})" + "\n" + line("a.wav", "again") +
          R"({"audio":"a.wav","start":1,"duration":1,"captions":["s","t"],"negatives":[["u"],["v","w"]]})" +
          "\n" + line("set.jsonl", "no sound"));
  const ClapCheck check = check_clap_pairs(scratch / "mixed.jsonl", true);
  EXPECT_EQ(check.items, 2);
  EXPECT_EQ(check.captions, 3);
  EXPECT_EQ(check.negatives, 4);
  EXPECT_NEAR(check.hours * 3600, 3, 1e-6);
  EXPECT_EQ(check.missing_audio, 1);
  const std::vector<std::pair<int, const char*>> expected = {
      {2, "audio is missing: gone.wav"}, {3, "not valid JSON"},
      {4, "1 lists for 2 captions"},     {5, "past the end"},
      {6, "the same stretch"},           {8, "not a sound file"}};
  ASSERT_EQ(check.problems.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const auto& [where, what] = check.problems[i];
    EXPECT_TRUE(where.ends_with(".jsonl:" + std::to_string(expected[i].first))) << where;
    EXPECT_NE(what.find(expected[i].second), std::string::npos) << what;
  }
  if (!built_with_archive()) return;
  write_file_atomic(scratch / "t.tar", shard());
  const ClapCheck tar = check_clap_pairs(scratch / "t.tar", false);
  EXPECT_EQ(tar.items, 2);
  EXPECT_EQ(tar.missing_audio, 1);
  ASSERT_EQ(tar.problems.size(), 1u);
  EXPECT_TRUE(tar.problems[0].first.ends_with("t.tar:0003.json"));
}

}  // namespace
}  // namespace af2
