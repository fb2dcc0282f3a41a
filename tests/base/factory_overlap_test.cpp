// Overlap with test sets: ids of every written form, bytes, samples, fingerprints of what was cropped,
// encoded anew, made softer, mixed or reduced; and nothing where there is nothing.
#include "af2/factory/overlap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "../scratch.h"
#include "af2/audio/resample.h"
#include "af2/audio/wav.h"
#include "af2/core/error.h"
#include "af2/core/random.h"
#include "audio_encoder.h"
#include "factory_item_maker.h"

namespace af2 {
namespace {
namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Notes and bursts of noise, different for every name.
std::vector<float> sound_of(const std::string& name, double seconds = 10) {
  Random rng("test/overlap/" + name);
  std::vector<float> x(static_cast<std::size_t>(16000 * seconds), 0.0f);
  for (int n = 0; n < 4 * seconds; ++n) {
    const auto begin = static_cast<std::size_t>(rng.uniform(0, seconds) * 16000);
    const auto length = static_cast<std::size_t>(rng.uniform(0.1, 0.8) * 16000);
    const double hz = std::exp(rng.uniform(std::log(150), std::log(3000))), level = rng.uniform(0.05, 0.2);
    const double rise = rng.uniform(-0.3, 0.3);
    const bool noise = rng.chance(0.3);
    double phase = 0, low = 0;
    for (std::size_t i = 0; i < length && begin + i < x.size(); ++i) {
      const double t = static_cast<double>(i) / static_cast<double>(length);
      phase += 2 * std::numbers::pi * hz * (1 + rise * t) / 16000;
      low = 0.7 * low + 0.3 * rng.normal();
      const double value =
          noise ? low : std::sin(phase) + 0.5 * std::sin(2 * phase) + 0.25 * std::sin(3 * phase);
      x[begin + i] += static_cast<float>(level * value * std::sin(std::numbers::pi * t));
    }
  }
  return x;
}

class FactoryOverlap : public ::testing::Test {
 protected:
  // Twelve clips of a test set, and the index of them.
  void SetUp() override {
#ifndef AF2_WITH_SOXR
    GTEST_SKIP() << "built without soxr: fingerprints are those of 16 kHz";
#endif
    fs::create_directories(scratch / "tests");
    for (int i = 0; i < 12; ++i)
      write_wav(scratch / ("tests/t" + std::to_string(i) + ".wav"),
                sound_of("test" + std::to_string(i), i == 11 ? 2 : 10));
    index.emplace(OverlapIndex::build({{"MMAU", scratch / "tests"}}, counts));
    ASSERT_EQ(index->clips().size(), 12u);
  }
  // Test clips that the sound of `file` is found in, with how.
  std::vector<std::string> found(const std::string& file, OverlapOptions options = {}) {
    Item item = test::made_item(0);
    item.audio = file;
    result = find_overlaps({item}, scratch.path(), *index, options);
    std::vector<std::string> list;
    for (const OverlapHit& hit : result.hits) list.push_back(hit.how + " " + hit.test_clip);
    return list;
  }
  std::vector<std::string> found(const std::vector<float>& samples, WavOptions options = {}) {
    write_wav(scratch / "own.wav", samples, options);
    return found("own.wav");
  }

  test::Scratch scratch;
  RecordCounts counts;
  std::optional<OverlapIndex> index;
  OverlapResult result;
};

TEST_F(FactoryOverlap, TheSameFileAndTheSameSamples) {
  fs::copy_file(scratch / "tests/t3.wav", scratch / "copy.wav");
  EXPECT_THAT(found("copy.wav"), ElementsAre("file t3.wav"));
  EXPECT_EQ(result.keep, std::vector<char>{0});
  EXPECT_EQ(result.by_set.at("MMAU"), 1);
  EXPECT_EQ(result.counts.first.at("overlap/MMAU"), "item0000000");
  // As floats of the very same values: other bytes.
  std::vector<float> same = sound_of("test3");
  for (float& s : same) s = std::clamp(std::nearbyint(s * 32768.0f), -32768.0f, 32767.0f) / 32768.0f;
  EXPECT_THAT(found(same, {.format = WavFormat::kFloat32}), ElementsAre("samples t3.wav"));
}

TEST_F(FactoryOverlap, SoundsOfTheirOwnAreKept) {
  for (int i = 0; i < 30; ++i) {
    EXPECT_THAT(found(sound_of("own" + std::to_string(i))), IsEmpty()) << i;
    EXPECT_EQ(result.keep, std::vector<char>{1});
  }
  EXPECT_THAT(found(std::vector<float>(160000, 0.0f)), IsEmpty());
  EXPECT_THAT(found(std::vector<float>(10, 0.1f)), IsEmpty());
}

TEST_F(FactoryOverlap, SteadyTonesAreNoRecording) {
  std::vector<float> tone(160000);
  for (std::size_t i = 0; i < tone.size(); ++i)
    tone[i] = 0.3f * std::sin(0.2f * static_cast<float>(i % 31416));
  write_wav(scratch / "tests/tone.wav", tone);
  index.emplace(OverlapIndex::build({{"MMAU", scratch / "tests"}}, counts));
  std::vector<float> other(tone.begin() + 5000, tone.end() - 40001);
  for (std::size_t i = 0; i < other.size(); ++i)
    other[i] += 1e-3f * std::sin(0.5f * static_cast<float>(i % 1000));
  EXPECT_THAT(found(other), IsEmpty());
}

TEST_F(FactoryOverlap, CropsGainAndNoise) {
  const std::vector<float> x = sound_of("test5");
  const auto crop = [&](double begin, double end) {
    return std::vector<float>(x.begin() + static_cast<std::ptrdiff_t>(begin * 16000),
                              x.begin() + static_cast<std::ptrdiff_t>(end * 16000));
  };
  for (const double begin : {0.0, 0.0041, 1.0, 2.7183, 3.1416, 4.9999}) {
    EXPECT_THAT(found(crop(begin, begin + 4)), ElementsAre("fingerprint t5.wav")) << begin;
    double at = -1;
    std::sscanf(result.hits.at(0).detail.c_str(), "%*u landmarks, %*f %%, at %lf s", &at);
    EXPECT_NEAR(at, -begin, 0.02);
  }
  std::vector<float> y = crop(2, 9);
  for (float& s : y) s *= 0.1f;
  EXPECT_THAT(found(y), ElementsAre("fingerprint t5.wav"));
  y = crop(2, 9);
  Random rng("test/noise");
  double power = 0;
  for (const float s : y) power += static_cast<double>(s) * static_cast<double>(s);
  const double noise = std::sqrt(power / static_cast<double>(y.size()) / 100);  // 20 dB below
  for (float& s : y) s += static_cast<float>(noise * rng.normal());
  EXPECT_THAT(found(y), ElementsAre("fingerprint t5.wav"));
  // Inside a scene with another sound, and the short one as a whole.
  y = sound_of("own1", 20);
  for (std::size_t i = 0; i < x.size(); ++i) y[50001 + i] += x[i];
  EXPECT_THAT(found(y), ElementsAre("fingerprint t5.wav"));
  const std::vector<float> z = sound_of("test11", 2);
  y = sound_of("own1", 20);
  for (std::size_t i = 0; i < z.size(); ++i) y[50001 + i] += z[i];
  EXPECT_THAT(found(y), ElementsAre("fingerprint t11.wav"));
}

TEST_F(FactoryOverlap, LongSoundsAreHeardInBlocks) {
  const std::vector<float> x = sound_of("long", 80);
  write_wav(scratch / "tests/long.wav", x);
  index.emplace(OverlapIndex::build({{"MMAU", scratch / "tests"}}, counts));
  // A block ends at 65.5 s.
  EXPECT_THAT(found(std::vector<float>(x.begin() + 63 * 16000, x.begin() + 68 * 16000)),
              ElementsAre("fingerprint long.wav"));
  const auto part = index->find(std::vector<float>(x.begin() + 16000, x.begin() + 76 * 16000), 12, 0.05);
  ASSERT_EQ(part.size(), 1u);
  EXPECT_NEAR(part[0].offset_s, -1, 0.02);
  EXPECT_GT(part[0].share, 0.6);
}

TEST_F(FactoryOverlap, EightKilohertzAndOtherRates) {
  const std::vector<float> x = sound_of("test7");
  EXPECT_THAT(found(resample(x, 16000, 8000), {.rate_hz = 8000}), ElementsAre("fingerprint t7.wav"));
  EXPECT_THAT(found(resample(x, 16000, 44100), {.rate_hz = 44100}), ElementsAre("fingerprint t7.wav"));
}

TEST_F(FactoryOverlap, TonesWithoutAPeakOfTheirOwn) {
  // Each holds its level until the next: only where they begin tells when.
  std::vector<float> beeps(160000);
  Random rng("test/beeps");
  double hz = 0, phase = 0;
  for (std::size_t i = 0; i < beeps.size(); ++i) {
    if (i % 4000 == 0) hz = rng.uniform(200, 2500);
    phase += 2 * std::numbers::pi * hz / 16000;
    beeps[i] = static_cast<float>(0.2 * std::sin(phase));
  }
  write_wav(scratch / "tests/beeps.wav", beeps);
  index.emplace(OverlapIndex::build({{"MMAU", scratch / "tests"}}, counts));
  const std::vector<float> part(beeps.begin() + 33333, beeps.begin() + 133333);
  EXPECT_THAT(found(resample(part, 16000, 8000), {.rate_hz = 8000}), ElementsAre("fingerprint beeps.wav"));
}

#ifdef AF2_WITH_FFMPEG
TEST_F(FactoryOverlap, EncodedAnew) {
  const std::vector<float> x = sound_of("test9");
  const std::vector<float> part(x.begin() + 24001, x.begin() + 120001);
  int encoders = 0;
  for (const auto& [encoder, file, rate, bits] :
       {std::tuple("libmp3lame", "a.mp3", 44100, 32000), std::tuple("libvorbis", "a.ogg", 44100, 40000),
        std::tuple("libopus", "a.opus", 48000, 16000), std::tuple("aac", "a.m4a", 32000, 32000),
        std::tuple("adpcm_ima_wav", "b.wav", 8000, 32000), std::tuple("flac", "a.flac", 16000, 0)}) {
    if (!test::encode_file(scratch / file, part, encoder, rate, bits)) continue;
    ++encoders;
    EXPECT_THAT(found(file), ElementsAre("fingerprint t9.wav")) << encoder;
  }
  EXPECT_GE(encoders, 2);  // aac and flac are FFmpeg's own
}
#endif

TEST_F(FactoryOverlap, TheIndexIsKeptAndRefusedWhereItIsDamaged) {
  const fs::path file = scratch / "index.af2overlap";
  index->save(file);
  OverlapIndex again = OverlapIndex::open(file);
  EXPECT_EQ(again.inventory(), OverlapIndex::inventory_of({{"MMAU", scratch / "tests"}}));
  EXPECT_EQ(again.clips().size(), 12u);
  EXPECT_EQ(again.clips()[3].pcm_sha256, index->clips()[3].pcm_sha256);
  const std::vector<float> x = sound_of("test2");
  const auto before = index->find(x, 12, 0.05), after = again.find(x, 12, 0.05);
  ASSERT_EQ(after.size(), 1u);
  EXPECT_EQ(after[0].landmarks, before[0].landmarks);
  EXPECT_NEAR(after[0].offset_s, 0, 0.02);
  EXPECT_GT(after[0].share, 0.8);
  again.save(scratch / "again.af2overlap");
  EXPECT_EQ(read_file(file), read_file(scratch / "again.af2overlap"));
  const std::string bytes = read_file(file);
  for (const std::size_t size : {std::size_t{0}, std::size_t{7}, std::size_t{20}, std::size_t{700},
                                 bytes.size() - 1, bytes.size() - 12}) {
    write_file_atomic(scratch / "cut", bytes.substr(0, size));
    EXPECT_THROW(OverlapIndex::open(scratch / "cut"), Error) << size;
  }
  std::string altered = bytes;
  altered[0] = 'X';
  write_file_atomic(scratch / "cut", altered);
  EXPECT_THROW(OverlapIndex::open(scratch / "cut"), Error);
  altered = bytes;
  altered[altered.size() - 5] = '\x7f';  // a clip's number
  write_file_atomic(scratch / "cut", altered);
  EXPECT_THROW(OverlapIndex::open(scratch / "cut"), Error);
  // Another file, another inventory.
  write_wav(scratch / "tests/more.wav", x);
  EXPECT_NE(again.inventory(), OverlapIndex::inventory_of({{"MMAU", scratch / "tests"}}));
}

TEST(FactoryMediaIds, FromNames) {
  const auto told = [](const char* name, bool numbers = false) {
    const MediaId id = media_id_of(name, numbers);
    return id.youtube + "|" + (id.start_s ? std::to_string(*id.start_s).substr(0, 6) : "") + "|" +
           id.freesound;
  };
  EXPECT_EQ(told("b0RFKhbpFJA_30000"), "b0RFKhbpFJA|30.000|");
  EXPECT_EQ(told("Yb0RFKhbpFJA_30000.wav"), "b0RFKhbpFJA|30.000|");
  EXPECT_EQ(told("clips/Yb0RFKhbpFJA.flac"), "b0RFKhbpFJA||");
  EXPECT_EQ(told("YabcdefghiJ.wav"), "YabcdefghiJ||");  // eleven letters: the id itself begins with Y
  EXPECT_EQ(told("-0xzrMun0Rs_30.000_40.000"), "-0xzrMun0Rs|30.000|");
  EXPECT_EQ(told("-0xzrMun0Rs_30"), "-0xzrMun0Rs|30.000|");
  EXPECT_EQ(told("b0RFKhb_JA-"), "b0RFKhb_JA-||");
  for (const char* none :
       {"dog_barking", "dog_barking_2", "clip0000003.wav", "Clip0000003_10", "rain", "00000000012",
        "b0RFKhbpFJA_take2", "session_12_final", "1234", "1-100032-A-0.wav"})
    EXPECT_EQ(told(none), "||") << none;
  EXPECT_EQ(told("freesound_1234.wav"), "||1234");
  EXPECT_EQ(told("1-100032-A-0.wav", true), "||100032");
  EXPECT_EQ(told("100032-3-0-0.wav", true), "||100032");
  EXPECT_EQ(told("64760.wav", true), "||64760");
  EXPECT_EQ(told("000123.wav", true), "||");
  EXPECT_EQ(told("rain.wav", true), "||");
}

TEST(FactoryMediaIds, ListsOfIds) {
  const test::Scratch scratch;
  write_file_atomic(
      scratch / "audiocaps.csv",
      "audiocap_id,youtube_id,start_time,caption\n1,-0xzrMun0Rs,30,A dog barks\n2,b0RFKhbpFJA,0,Rain\n");
  write_file_atomic(scratch / "clotho.csv", "file_name,keywords,sound_id\nRain 1.wav,rain,4242\n");
  write_file_atomic(scratch / "mmau.json",
                    R"([{"id":"x1","audio_id":"./clips/Yc0RFKhbpFJA.wav","question":"?"}])");
  write_file_atomic(scratch / "af2.json",
                    R"({"split":"test","data":{"0":{"name":"64761.wav","prompt":"?"}}})");
  write_file_atomic(scratch / "names.txt", "d0RFKhbpFJA_10\n\n");
  RecordCounts counts;
  const OverlapIndex index = OverlapIndex::build({{"AudioCaps", scratch / "audiocaps.csv"},
                                                  {"Clotho", scratch / "clotho.csv"},
                                                  {"MMAU", scratch / "mmau.json"},
                                                  {"FSD50k", scratch / "af2.json"},
                                                  {"CMM", scratch / "names.txt"}},
                                                 counts);
  ASSERT_EQ(index.clips().size(), 6u);
  const auto sets = [&](const std::string& record, const std::string& source, double start = 0) {
    Item item = test::made_item(0);
    item.record = record, item.source = source, item.start = start;
    std::vector<std::string> list;
    for (const OverlapHit& hit : find_overlaps({item}, scratch.path(), index, {.hear = false}).hits)
      list.push_back(hit.set + " by " + hit.how);
    return list;
  };
  EXPECT_THAT(sets("-0xzrMun0Rs_30000", "AudioSet"), ElementsAre("AudioCaps by id"));
  EXPECT_THAT(sets("Y-0xzrMun0Rs_25000", "AudioSet"),
              ElementsAre("AudioCaps by id"));                    // five seconds in common
  EXPECT_THAT(sets("-0xzrMun0Rs_50000", "AudioSet"), IsEmpty());  // another stretch
  EXPECT_THAT(sets("Yc0RFKhbpFJA", "AudioSet", 20), ElementsAre("MMAU by id"));
  EXPECT_THAT(sets("d0RFKhbpFJA", "AudioSet", 12), ElementsAre("CMM by id"));
  EXPECT_THAT(sets("d0RFKhbpFJA", "AudioSet", 40), IsEmpty());
  EXPECT_THAT(sets("freesound_4242", "mine"), ElementsAre("Clotho by id"));
  EXPECT_THAT(sets("64761", "FSD50K dev"), ElementsAre("FSD50k by id"));
  EXPECT_THAT(sets("64761", "my scenes"), IsEmpty());  // a number that is not Freesound's
  write_file_atomic(scratch / "empty.csv", "colour,size\nred,1\n");
  EXPECT_THROW(OverlapIndex::build({{"x", scratch / "empty.csv"}}, counts), Error);
  EXPECT_THROW(OverlapIndex::build({{"x", scratch / "gone"}}, counts), Error);
  EXPECT_THROW(test_set_of("ESC-50"), Error);
  EXPECT_EQ(test_set_of("ESC-50=a/b=c").path, "a/b=c");
  EXPECT_EQ(default_test_sets().size(), 23u);
}

}  // namespace
}  // namespace af2
