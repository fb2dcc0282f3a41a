// The sound library: takes of folders, banks and words; audible spans, splits, draws, the bounded cache.
#include "af2/synth/sound_library.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <numbers>
#include <thread>

#include "../scratch.h"
#include "af2/audio/loudness.h"
#include "af2/audio/sound_writer.h"
#include "af2/audio/wav.h"
#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/data/record.h"
#include "af2/synth/scene_record.h"
#include "synth_tones.h"

namespace af2 {
namespace {
namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class SynthLibrary : public test::MeasuredTest {
 protected:
  // A second of a tone with a quarter of silence around it, which trimming takes away.
  void tone_file(const std::string& name, double hz, double seconds = 1, const std::string& format = "wav") {
    std::vector<float> x(4000, 0.0f);
    for (int i = 0; i < seconds * 16000; ++i)
      x.push_back(static_cast<float>(0.5 * std::cos(2 * std::numbers::pi * hz * i / 16000)));
    x.resize(x.size() + 4000, 0.0f);
    fs::create_directories((scratch.path() / name).parent_path());
    SoundWriter writer(scratch.path() / name,
                       {.format = format, .frames = static_cast<std::int64_t>(x.size())});
    writer.write(x);
    writer.finish();
  }
  std::string error_of(const std::function<void()>& what) {
    try {
      what();
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kData);
      return error.what();
    }
    return "";
  }
  test::Scratch scratch;
};

TEST_F(SynthLibrary, FoldersOfLabels) {
  tone_file("f/dog/one.wav", 440);
  tone_file("f/dog/two.wav", 660);
  tone_file("f/cat/one.wav", 880);
  tone_file("b/rain/long.wav", 100, 3);
  write_file_atomic(scratch.path() / "f/takes.tsv",
                    "path\tgroup\tsplit\tlicence\tattribution\tsource\n"
                    "dog/two.wav\tkennel\ttest\tCC0-1.0\tAnn\tfield\n");
  SoundLibrary library;
  library.add_folders(scratch.path() / "f", scratch.path() / "b");
  const auto find = [&](const std::string& id) {
    for (std::size_t i = 0; i < library.takes().size(); ++i)
      if (library.takes()[i].id == id) return static_cast<int>(i);
    return -1;
  };
  const int two = find("foreground/dog/two.wav"), one = find("foreground/dog/one.wav"),
            rain = find("background/rain/long.wav");
  ASSERT_TRUE(two >= 0 && one >= 0 && rain >= 0);
  EXPECT_EQ(library.take(two).split, Split::kTest);
  EXPECT_EQ(library.take(two).group, "kennel");
  EXPECT_EQ(library.take(two).licence, "CC0-1.0");
  EXPECT_EQ(library.take(two).attribution, "Ann");
  EXPECT_EQ(library.take(one).split, split_of_group("dog/one"));
  EXPECT_EQ(library.facts(two).length, 16000);
  EXPECT_NEAR(library.facts(two).peak, 0.5, 1e-3);
  ASSERT_TRUE(library.pitch(two).median_hz());
  EXPECT_NEAR(*library.pitch(two).median_hz(), 660, 3);
  EXPECT_NEAR(library.facts(two).lkfs, loudness_lkfs(*library.samples(two), 16000), 0.2);
  EXPECT_NEAR(library.facts(two).change_db, 0, 0.1);
  // A folder of foregrounds gives no backgrounds, and the other way round.
  for (const Split split : {Split::kTrain, Split::kVal, Split::kTest}) {
    EXPECT_FALSE(library.has({.role = TakeRole::kBackground, .split = split, .label = "dog"}));
    EXPECT_FALSE(library.has({.split = split, .label = "rain"}));
  }
  EXPECT_TRUE(
      library.has({.role = TakeRole::kBackground, .split = library.take(rain).split, .label = "rain"}));
}

#ifdef AF2_WITH_FFMPEG
TEST_F(SynthLibrary, AnyCodec) {
  tone_file("f/dog/one.flac", 440, 1, "flac");
  SoundLibrary library(48000);
  library.add_folders(scratch.path() / "f", "");
  EXPECT_NEAR(static_cast<double>(library.facts(3).length), 48000, 500);
}
#endif

TEST_F(SynthLibrary, WhatIsNoLibraryIsRefused) {
  SoundLibrary library;
  EXPECT_THAT(error_of([&] { library.add_folders(scratch.path() / "none", ""); }), HasSubstr("is no folder"));
  fs::create_directories(scratch.path() / "empty");
  EXPECT_THAT(error_of([&] { library.add_folders(scratch.path() / "empty", ""); }), HasSubstr("LABEL"));
  tone_file("f/dog/one.wav", 440);
  write_file_atomic(scratch.path() / "f/takes.tsv", "path\ndog/gone.wav\n");
  EXPECT_THAT(error_of([&] { library.add_folders(scratch.path() / "f", ""); }), HasSubstr("is no file here"));
  fs::remove(scratch.path() / "f/takes.tsv");
  fs::create_directories(scratch.path() / "f/cat");
  write_wav(scratch.path() / "f/cat/hush.wav", std::vector<float>(16000, 0.0f));
  write_file_atomic(scratch.path() / "f/cat/text.wav", "no sound");
  library.add_folders(scratch.path() / "f", "");
  for (std::size_t i = 3; i < library.takes().size(); ++i) {
    const std::string error = error_of([&] { library.facts(static_cast<int>(i)); });
    const std::map<std::string, std::string> wanted = {{"foreground/cat/hush.wav", "is silent"},
                                                       {"foreground/cat/text.wav", "not a sound file"},
                                                       {"foreground/dog/one.wav", ""}};
    EXPECT_THAT(error, HasSubstr(wanted.at(library.takes()[i].id)));
  }
  Random rng("af2/test/draw");
  EXPECT_THAT(error_of([&] { library.draw({.label = "bird"}, rng); }), HasSubstr("`bird` for train"));
}

TEST_F(SynthLibrary, Words) {
  tone_file("w/a.wav", 200);
  tone_file("w/b.wav", 300);
  const std::string head =
      "id\twords\tvoice\tspeaker\tpath\tseconds\tsplit\tgroup\tpackage\tlicence\tauthor\tsha256\tkind\n";
  write_file_atomic(
      scratch.path() / "w/words.tsv",
      head +
          "w1\tplease wait\tallison\twoman\ta.wav\t1.5\ttrain\tallison\tpack\tCC-BY\tAllison\t\tr\n"
          "w2\tgood night\tbob\tman\tb.wav\t1.5\t\tbob\tpack\tCC-BY\tBob\t\tr\n");
  SoundLibrary library;
  library.add_bank(test::shared_tone_bank());
  library.add_words(scratch.path() / "w");
  Random rng("af2/test/words");
  const Take& take = library.take(library.draw({.label = "woman speaking", .with_words = true}, rng));
  EXPECT_EQ(take.words, "please wait");
  EXPECT_EQ(take.voice, "allison");
  EXPECT_EQ(take.speaker, "woman");
  EXPECT_EQ(take.lang, "en");
  EXPECT_EQ(take.licence, "CC-BY");
  EXPECT_TRUE(library.has({.split = split_of_group("bob"), .label = "man speaking"}));
  EXPECT_FALSE(library.has({.label = "dog", .with_words = true}));
  EXPECT_TRUE(library.has({.label = "woman speaking", .words = {"good night", "please wait"}}));
  EXPECT_FALSE(library.has({.label = "woman speaking", .words = {"good night"}}));
  EXPECT_FALSE(library.has({.label = "woman speaking", .no_words = true}));
  // Words go into the record as they are, and are never cut.
  SceneSpec spec = test::plain_spec();
  EventSpec voice = test::event_of("", {"woman speaking"});
  voice.words = {"please wait"}, voice.most_length = 0.5;
  spec.events = {voice};
  const ScenePlan plan = plan_scene(library, Split::kTrain, spec, rng);
  EXPECT_EQ(plan.events.at(0).length, 16000);
  const Record record = record_of(plan, library, "id", "a.wav");
  ASSERT_EQ(record.speech.size(), 1u);
  EXPECT_EQ(record.speech[0].text, "please wait");
  EXPECT_EQ(record.speech[0].start, record.events.at(0).onset);
  EXPECT_EQ(record.speech[0].end, record.events.at(0).offset);
  EXPECT_EQ(record.speech[0].voice, "allison");
  EXPECT_EQ(record.speech[0].speaker, "woman");
  EXPECT_EQ(record.speech[0].lang, "en");
  // Where known words are asked for, only voices that have some are drawn.
  voice.labels = {"dog", "woman speaking"}, voice.words.clear(), voice.with_words = true;
  spec.events = {voice};
  for (int i = 0; i < 8; ++i)
    EXPECT_EQ(plan_scene(library, Split::kTrain, spec, rng).events.at(0).label, "woman speaking");
  const int label = library.words().find("woman speaking");
  ASSERT_GE(label, 0);
  EXPECT_EQ(library.words().at(label).phrase, "a woman speaking");
  write_file_atomic(scratch.path() / "w/words.tsv",
                    head + "w3\tno\tc\trobot\ta.wav\t1.5\ttrain\tc\tpack\tCC-BY\tC\t\tr\n");
  SoundLibrary other;
  EXPECT_THAT(error_of([&] { other.add_words(scratch.path() / "w"); }),
              ::testing::AllOf(HasSubstr("words.tsv"), HasSubstr("2"), HasSubstr("robot")));
}

TEST_F(SynthLibrary, GroupsThenTakesAreDrawnAlike) {
  // In the tone bank each label has groups a (two takes) and b (one).
  Random rng("af2/test/alike");
  std::map<std::string, int> drawn;
  const SoundLibrary& library = test::tone_library();
  for (int i = 0; i < 4000; ++i) ++drawn[library.take(library.draw({.label = "dog"}, rng)).id];
  EXPECT_EQ(drawn.size(), 3u);
  EXPECT_NEAR(drawn["dog-train-b2"], 2000, 150);
  EXPECT_NEAR(drawn["dog-train-a0"], 1000, 120);
  EXPECT_EQ(library.labels(TakeRole::kForeground, Split::kVal).size(), 30u);
}

TEST_F(SynthLibrary, TheCacheIsBoundedAndChangesNothing) {
  SoundLibrary small(16000, 100000);  // a take or two
  small.add_bank(test::shared_tone_bank());
  const SoundLibrary& large = test::tone_library();
  std::vector<std::jthread> threads;
  for (int t = 0; t < 2; ++t)
    threads.emplace_back([&, t] {
      for (int i = 3 + t; i < 120; i += 2) {
        EXPECT_EQ(*small.samples(i), *large.samples(i));
        EXPECT_EQ(small.facts(i).lkfs, large.facts(i).lkfs);
        EXPECT_LE(small.cached_bytes(), 100000u + 6 * 16000 * 4);
      }
    });
  threads.clear();
  EXPECT_GT(large.cached_bytes(), small.cached_bytes());
  EXPECT_EQ(small.fingerprint(), large.fingerprint());
}

TEST_F(SynthLibrary, NoiseIsTheSameInEveryRun) {
  SoundLibrary a, b;
  for (const char* colour : {"white", "pink", "brown"}) {
    const int take = a.noise(colour);
    EXPECT_TRUE(a.is_noise(take));
    EXPECT_EQ(*a.samples(take), *b.samples(take));
    EXPECT_LT(a.facts(take).peak, 1);
  }
  EXPECT_THROW(a.noise("purple"), Error);
}

}  // namespace
}  // namespace af2
