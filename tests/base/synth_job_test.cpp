// Folders of scenes: labels in three layouts, the same bytes whatever the threads and cuts, other settings
// refused.
#include "af2/synth/scene_job.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "../scratch.h"
#include "af2/audio/decode.h"
#include "af2/audio/sound_writer.h"
#include "af2/audio/wav.h"
#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/text_util.h"
#include "af2/data/record_readers.h"
#include "af2/synth/scene_record.h"
#include "synth_tones.h"

namespace af2 {
namespace {
namespace fs = std::filesystem;
using ::testing::HasSubstr;

class SynthJob : public test::MeasuredTest {
 protected:
  SceneJob job(const std::string& name) {
    SceneJob made;
    made.out = scratch.path() / name;
    made.spec = test::plain_spec();
    made.spec.duration = Distribution::uniform(3, 5);
    made.spec.background.kinds = {"recorded"}, made.spec.background.labels = {"rain"};
    EventSpec any;
    any.count = Distribution::uniform(1, 3);
    any.most_length = 1;
    made.spec.events = {any};
    made.n = 6, made.seed = 7, made.part_scenes = 4;
    return made;
  }
  static std::map<std::string, std::string> files(const fs::path& folder) {
    std::map<std::string, std::string> all;
    for (const auto& entry : fs::recursive_directory_iterator(folder))
      if (entry.is_regular_file())
        all[fs::relative(entry.path(), folder).generic_string()] = read_file(entry.path());
    return all;
  }
  test::Scratch scratch;
};

TEST_F(SynthJob, TheSameBytesAtAnyNumberOfThreads) {
  SceneJob one = job("one"), two = job("two");
  two.threads = 2;
  const SceneJobResult result = run_scene_job(test::tone_library(), one);
  EXPECT_EQ(result.scenes, 6);
  EXPECT_GE(result.events, 6);
  run_scene_job(test::tone_library(), two);
  const auto a = files(one.out);
  EXPECT_EQ(a, files(two.out));
  for (const char* name : {"records.jsonl", "events.tsv", "config.json", "audio/000000.wav",
                           "audio/000005.wav", "jams/000003.jams"})
    EXPECT_TRUE(a.contains(name)) << name;
}

TEST_F(SynthJob, TheSoundOfSomeScenesComesLater) {
  SceneJob whole = job("whole"), labels = job("labels");
  run_scene_job(test::tone_library(), whole);
  labels.labels_only = true;
  run_scene_job(test::tone_library(), labels);
  const auto before = files(labels.out);
  labels.labels_only = false, labels.stems = true, labels.threads = 2;
  const SceneJobResult result = render_scenes_of(test::tone_library(), labels, {1, 4});
  EXPECT_EQ(result.scenes, 2);
  EXPECT_EQ(result.audio_kept, 0);
  auto after = files(labels.out);
  EXPECT_TRUE(std::any_of(after.begin(), after.end(),
                          [](const auto& file) { return starts_with(file.first, "stems/000004/"); }));
  for (const char* name : {"audio/000001.wav", "audio/000004.wav"})
    EXPECT_EQ(after.at(name), read_file(whole.out / name)) << name;
  std::erase_if(after, [](const auto& file) {
    return starts_with(file.first, "audio/") || starts_with(file.first, "stems/");
  });
  EXPECT_EQ(after, before);  // labels and what fixes them stay as they were
  EXPECT_EQ(render_scenes_of(test::tone_library(), labels, {1, 4, 5}).audio_kept, 2);
  EXPECT_THROW(render_scenes_of(test::tone_library(), labels, {6}), Error);
  labels.seed = 8;
  EXPECT_THROW(render_scenes_of(test::tone_library(), labels, {1}), Error);
  labels.out = scratch.path() / "nowhere";
  EXPECT_THROW(render_scenes_of(test::tone_library(), labels, {1}), Error);
}

TEST_F(SynthJob, ACutRunGoesOn) {
  SceneJob cut = job("cut");
  run_scene_job(test::tone_library(), cut);
  const auto whole = files(cut.out);
  // As if it had been killed in the second part, after one more sound was complete.
  fs::remove(cut.out / "records.jsonl");
  fs::remove(cut.out / "parts/000001.json");
  fs::remove(cut.out / "audio/000005.wav");
  const SceneJobResult result = run_scene_job(test::tone_library(), cut);
  EXPECT_EQ(result.audio_kept, 1);
  EXPECT_EQ(files(cut.out), whole);
  cut.seed = 8, cut.spec.max_polyphony = 3;
  try {
    run_scene_job(test::tone_library(), cut);
    FAIL() << "was not refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUser);
    EXPECT_THAT(error.what(), ::testing::AllOf(HasSubstr("seed (7 -> 8)"), HasSubstr("spec.max_polyphony")));
  }
}

TEST_F(SynthJob, RecordsAreTheSameWithoutSound) {
  SceneJob with = job("with"), without = job("without");
  without.labels_only = true;
  run_scene_job(test::tone_library(), with);
  run_scene_job(test::tone_library(), without);
  for (const char* name : {"records.jsonl", "events.tsv", "jams/000004.jams"})
    EXPECT_EQ(read_file(with.out / name), read_file(without.out / name));
  EXPECT_FALSE(fs::exists(without.out / "audio"));
}

TEST_F(SynthJob, LabelsAreReadBackFromEveryLayout) {
  SceneJob made = job("labels");
  run_scene_job(test::tone_library(), made);
  RecordCounts counts;
  const auto records = read_records(made.out / "records.jsonl", {}, counts);
  const auto jams = read_records(made.out / "jams", {}, counts);
  const auto dcase = read_records(made.out / "events.tsv", {}, counts);
  EXPECT_TRUE(counts.dropped.empty());
  ASSERT_EQ(records.size(), 6u);
  ASSERT_EQ(jams.size(), 6u);
  ASSERT_EQ(dcase.size(), 6u);
  for (std::size_t i = 0; i < records.size(); ++i) {
    const ScenePlan plan = plan_of_job(test::tone_library(), made, static_cast<std::int64_t>(i));
    EXPECT_EQ(record_line(record_of(plan, test::tone_library(), records[i].id, records[i].audio)),
              record_line(records[i]));
    const std::string bytes = read_file(made.out / records[i].audio);
    const WavInfo info = wav_info(std::as_bytes(std::span(bytes)), "scene");
    EXPECT_EQ(static_cast<std::int64_t>(info.n_frames), plan.length);
    EXPECT_EQ(jams[i].duration, records[i].duration);
    ASSERT_EQ(jams[i].events.size(), records[i].events.size());
    ASSERT_EQ(dcase[i].events.size(), records[i].events.size());
    for (std::size_t k = 0; k < records[i].events.size(); ++k) {
      const RecordEvent &e = records[i].events[k], &j = jams[i].events[k], &d = dcase[i].events[k];
      EXPECT_EQ(j.label, e.label);
      EXPECT_EQ(j.role, e.role);
      EXPECT_EQ(j.snr, e.snr);
      EXPECT_EQ(j.onset, e.onset);
      EXPECT_EQ(std::lround(j.offset * 16000), std::lround(e.offset * 16000));
      EXPECT_EQ(d.label, e.label);
      EXPECT_EQ(d.onset, e.onset);
      EXPECT_EQ(d.offset, e.offset);
    }
  }
}

TEST_F(SynthJob, StemsAreFilesThatAddUp) {
  SceneJob made = job("stems");
  made.stems = true, made.n = 1;
  run_scene_job(test::tone_library(), made);
  const ScenePlan plan = plan_of_job(test::tone_library(), made, 0);
  const auto samples = [](const fs::path& path) {
    const std::string bytes = read_file(path);
    const auto span = std::as_bytes(std::span(bytes));
    const WavInfo info = wav_info(span, path.string());
    return wav_samples(span, info, 0, info.n_frames);
  };
  std::vector<float> sum = samples(made.out / "stems/000000/background.wav");
  std::vector<fs::path> stems;
  for (const auto& entry : fs::directory_iterator(made.out / "stems/000000")) stems.push_back(entry.path());
  std::sort(stems.begin(), stems.end());
  ASSERT_EQ(stems.size(), plan.events.size() + 1);
  for (std::size_t i = 0; i < plan.events.size(); ++i) {
    EXPECT_THAT(stems[i].filename().string(), HasSubstr(plan.events[i].label));
    const std::vector<float> stem = samples(stems[i]);
    EXPECT_EQ(static_cast<std::int64_t>(stem.size()), plan.events[i].length);
    for (std::size_t k = 0; k < stem.size(); ++k)
      sum[static_cast<std::size_t>(plan.events[i].onset) + k] += stem[k];
  }
  const std::vector<float> mix = samples(made.out / "audio/000000.wav");
  ASSERT_EQ(mix.size(), sum.size());
  for (std::size_t i = 0; i < mix.size(); ++i) ASSERT_NEAR(mix[i], sum[i], 0.6 / 32768);
}

#ifdef AF2_WITH_FFMPEG
TEST_F(SynthJob, FlacHoldsTheSameSamples) {
  SceneJob wav = job("wav"), flac = job("flac");
  wav.n = flac.n = 2;
  wav.spec.channels = flac.spec.channels = 2;
  flac.format = "flac";
  run_scene_job(test::tone_library(), wav);
  run_scene_job(test::tone_library(), flac);
  const Clip a = decode_file(wav.out / "audio/000001.wav"), b = decode_file(flac.out / "audio/000001.flac");
  EXPECT_EQ(b.codec, "flac");
  EXPECT_EQ(b.source_channels, 2);
  EXPECT_EQ(a.samples, b.samples);
  EXPECT_LT(fs::file_size(flac.out / "audio/000001.flac"), fs::file_size(wav.out / "audio/000001.wav"));
}
#endif

TEST_F(SynthJob, TimesAreTheShortestDecimalsThatNameTheirSample) {
  EXPECT_EQ(time_text(0, 16000), "0");
  EXPECT_EQ(time_text(16000, 16000), "1");
  EXPECT_EQ(time_text(24000, 16000), "1.5");
  EXPECT_EQ(time_text(1, 16000), "0.00006");
  EXPECT_EQ(time_text(1, 44100), "0.00002");
  Random rng("af2/test/times");
  for (int i = 0; i < 2000; ++i)
    for (const int rate : {16000, 32000, 44100, 48000}) {
      const auto sample = static_cast<std::int64_t>(rng.below(std::uint64_t{24} * 3600 * 48000));
      ASSERT_EQ(std::llround(time_of(sample, rate) * rate), sample);
      ASSERT_LE(time_text(sample, rate).size(), 12u);
    }
}

TEST_F(SynthJob, WavAboveFourGigabytesAnnouncesItself) {
  // Only the header is looked at: nothing of that size is written.
  const fs::path path = scratch.path() / "large.wav";
  SoundWriter writer(path, {.rate_hz = 48000, .channels = 2, .frames = std::int64_t{1} << 31});
  EXPECT_THROW(writer.finish(), Error);  // not all that was announced
  EXPECT_FALSE(fs::exists(path));
  EXPECT_THROW(SoundWriter(path, {.format = "mp3"}), Error);
}

TEST_F(SynthJob, NonsenseIsRefused) {
  SceneJob made = job("bad");
  made.n = 0;
  EXPECT_THROW(run_scene_job(test::tone_library(), made), Error);
  made.n = 2, made.format = "mp3";
  EXPECT_THROW(run_scene_job(test::tone_library(), made), Error);
  made.format = "wav", made.spec.duration = Distribution::constant(1);
  made.spec.events[0].labels = {"gong"}, made.spec.events[0].most_length = 8;
  try {
    run_scene_job(test::tone_library(), made);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), ::testing::AllOf(HasSubstr("scene 0"), HasSubstr("100 redraws")));
  }
}

}  // namespace
}  // namespace af2
