// Planned and rendered scenes of tones: labels, levels, ramps, rooms, order, bounds; what is impossible.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "../scratch.h"
#include "af2/audio/loudness.h"
#include "af2/audio/signal.h"
#include "af2/audio/wav.h"
#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/options.h"
#include "synth_tones.h"

namespace af2 {
namespace {

class SynthScene : public test::MeasuredTest {};
using test::event_of;
using test::labelled;
using test::plain_spec;
using test::render_stems;
using test::tone_library;
using ::testing::HasSubstr;

ScenePlan planned(const SceneSpec& spec, int seed = 1) {
  Random rng("af2/test/scene/" + std::to_string(seed));
  return plan_scene(tone_library(), Split::kTrain, spec, rng);
}

SceneSpec busy_spec() {
  SceneSpec spec = plain_spec();
  spec.duration = Distribution::constant(15);
  EventSpec any;
  any.count = Distribution::constant(5);
  spec.events = {any};
  return spec;
}

TEST_F(SynthScene, EveryEventSoundsWhereItsLabelSays) {
  for (int seed = 0; seed < 8; ++seed) {
    const ScenePlan plan = planned(busy_spec(), seed);
    ASSERT_EQ(plan.events.size(), 5u);
    const auto r = render_stems(tone_library(), plan);
    for (std::size_t i = 0; i < plan.events.size(); ++i) {
      const PlanEvent& e = plan.events[i];
      const std::vector<float>& stem = r.stems[i];
      const SampleSpan heard = audible_by_peak(stem, peak(stem));
      EXPECT_NEAR(static_cast<double>(heard.begin), static_cast<double>(e.onset), 160) << e.label;
      EXPECT_NEAR(static_cast<double>(heard.end), static_cast<double>(e.end()), 160) << e.label;
      EXPECT_GE(heard.begin, static_cast<std::size_t>(e.onset));
      EXPECT_LE(heard.end, static_cast<std::size_t>(e.end()));
    }
  }
}

TEST_F(SynthScene, StemsAndBackgroundAddUpToTheMix) {
  for (const int channels : {1, 2}) {
    SceneSpec spec = busy_spec();
    spec.channels = channels;
    spec.events[0].pan = Distribution::uniform(-1, 1);
    spec.room.chance = 1;
    const ScenePlan plan = planned(spec, 3);
    const auto r = render_stems(tone_library(), plan);
    ASSERT_EQ(r.mix.size(), static_cast<std::size_t>(plan.length * channels));
    ASSERT_EQ(r.background.size(), static_cast<std::size_t>(plan.length));
    for (std::size_t i = 0; i < r.background.size(); ++i)
      for (int c = 0; c < channels; ++c) {
        const auto gain = [&](double pan) {
          if (channels == 1) return 1.0;
          return c == 0 ? pan_gains(pan).first : pan_gains(pan).second;
        };
        double sum = gain(0) * r.background[i];
        for (std::size_t k = 0; k < r.stems.size(); ++k) sum += gain(plan.events[k].pan) * r.stems[k][i];
        ASSERT_NEAR(r.mix[i * static_cast<std::size_t>(channels) + static_cast<std::size_t>(c)], sum, 1e-6);
      }
  }
}

TEST_F(SynthScene, EventsHaveTheAskedLoudnessOverTheBackground) {
  for (const char* kind : {"white", "pink", "brown", "recorded"}) {
    SceneSpec spec = busy_spec();
    spec.background.kinds = {kind}, spec.background.labels = {"rain"};
    spec.events[0].labels = {"bell", "dog", "gong", "clock", "piano", "horn", "owl"};
    const ScenePlan plan = planned(spec, 5);
    const auto r = render_stems(tone_library(), plan);
    EXPECT_NEAR(loudness_lkfs(r.background, 16000), -35 + to_db(plan.scale), 0.5) << kind;
    for (std::size_t i = 0; i < plan.events.size(); ++i) {
      const PlanEvent& e = plan.events[i];
      const double mixed = loudness_lkfs(labelled(r.stems[i], e), 16000),
                   below = loudness_lkfs(labelled(r.background, e), 16000);
      EXPECT_NEAR(mixed - below, e.asked_snr_db, 0.5) << kind << " " << e.label;
      EXPECT_NEAR(*e.snr_db, e.asked_snr_db, 0.01);
      EXPECT_NEAR(mixed, e.lkfs, 0.3);
      EXPECT_GE(e.asked_snr_db, 6);
      EXPECT_LE(e.asked_snr_db, 30);
    }
  }
}

TEST_F(SynthScene, WithoutABackgroundLevelsAreThoseOfTheAskedOne) {
  SceneSpec spec = busy_spec();
  spec.background.kinds = {"silence"};
  spec.events[0].snr = Distribution::constant(10);
  const ScenePlan plan = planned(spec);
  EXPECT_TRUE(plan.backgrounds.empty());
  for (const PlanEvent& e : plan.events) {
    EXPECT_FALSE(e.snr_db);
    EXPECT_NEAR(e.lkfs, -25 + to_db(plan.scale), 1e-6);
  }
}

TEST_F(SynthScene, PeaksAboveFullScaleScaleTheWhole) {
  SceneSpec spec = busy_spec();
  spec.background.lufs = Distribution::constant(-20);
  spec.events[0].snr = Distribution::constant(30);
  const ScenePlan plan = planned(spec);
  EXPECT_LT(plan.scale, 0.9);
  const auto r = render_stems(tone_library(), plan);
  EXPECT_NEAR(peak(r.mix), 0.999, 1e-4);
  EXPECT_NEAR(loudness_lkfs(r.background, 16000), -20 + to_db(plan.scale), 0.5);
  spec.events[0].snr = Distribution::constant(0);
  spec.background.lufs = Distribution::constant(-40);
  EXPECT_EQ(planned(spec).scale, 1);
}

TEST_F(SynthScene, ARampIsHeardAsAChangeOfLevel) {
  for (const double ramp : {-18.0, 18.0}) {
    SceneSpec spec = plain_spec();
    spec.events = {event_of("", {"gong"})};
    spec.events[0].ramp = Distribution::constant(ramp);
    const ScenePlan plan = planned(spec);
    const auto r = render_stems(tone_library(), plan);
    const PlanEvent& e = plan.events[0];
    EXPECT_NEAR(e.change_db, level_change_db(labelled(r.stems[0], e)), 0.01);
    spec.events[0].ramp = Distribution::constant(0);
    // A third lies two thirds of the ramp from the other.
    EXPECT_NEAR(e.change_db - planned(spec).events[0].change_db, ramp * 2 / 3, 1.5);
  }
}

TEST_F(SynthScene, TheTailOfARoomLiesBehindTheLabel) {
  SceneSpec spec = plain_spec();
  spec.background.kinds = {"silence"};
  spec.events = {event_of("", {"bell"})};
  spec.events[0].onset = Distribution::constant(1);
  spec.room.chance = 1, spec.room.rt60 = Distribution::constant(1.2);
  const ScenePlan wet = planned(spec);
  spec.events[0].dry = true;
  const ScenePlan dry = planned(spec);
  const PlanEvent& e = wet.events[0];
  EXPECT_EQ(e.onset, 16000);
  EXPECT_EQ(e.length, tone_library().facts(e.take).length);
  EXPECT_EQ(dry.events[0].tail, 0);
  EXPECT_NEAR(wet.rooms[0]->rt60, 1.2, 0.12);
  const auto r = render_stems(tone_library(), wet);
  const auto behind = std::span(r.stems[0]).subspan(static_cast<std::size_t>(e.end()), 1600);
  EXPECT_GT(rms_db(behind), rms_db(labelled(r.stems[0], e)) - 40);
  EXPECT_EQ(peak(std::span(r.stems[0]).first(16000)), 0);
}

TEST_F(SynthScene, ReverberationTimeOfAnImpulseResponseFile) {
  test::Scratch scratch;
  Random rng("af2/test/ir");
  std::vector<float> response(16000, 0.0f);
  response[400] = 0.9f;  // a delay, which must not move onsets
  for (std::size_t i = 0; i < 15000; ++i)
    response[500 + i] +=
        static_cast<float>(0.05 * rng.normal() * std::pow(10, -3 * static_cast<double>(i) / (0.7 * 16000)));
  std::filesystem::create_directories(scratch.path() / "rooms");
  write_wav(scratch.path() / "rooms/hall.wav", response, {.format = WavFormat::kFloat32});
  const Room room = read_room(scratch.path() / "rooms/hall.wav", 16000);
  EXPECT_NEAR(room.rt60, 0.7, 0.05);
  EXPECT_GT(std::abs(room.response[0]), 0.3);
  SceneSpec spec = plain_spec();
  spec.events = {event_of("", {"bell"})};
  spec.room.chance = 1, spec.room.folder = (scratch.path() / "rooms").string();
  EXPECT_EQ(planned(spec).rooms.at(0)->name, "hall.wav");
  write_wav(scratch.path() / "rooms/hall.wav", std::vector<float>(16000, 0.0f));
  EXPECT_THROW(planned(spec), Error);
}

#ifdef AF2_WITH_SOUNDTOUCH
TEST_F(SynthScene, PitchAndStretch) {
  SceneSpec spec = plain_spec();
  spec.events = {event_of("", {"gong"})};
  const PlanEvent plain = planned(spec).events[0];
  spec.events[0].pitch = Distribution::constant(3), spec.events[0].stretch = Distribution::constant(1.25);
  const ScenePlan plan = planned(spec);
  const PlanEvent& e = plan.events[0];
  EXPECT_NEAR(static_cast<double>(e.length) / static_cast<double>(plain.length), 1.25, 0.03);
  ASSERT_TRUE(plain.pitch_hz && e.pitch_hz);
  const auto r = render_stems(tone_library(), plan);
  const auto heard = pitch_track(labelled(r.stems[0], e), 16000).median_hz();
  ASSERT_TRUE(heard);
  EXPECT_NEAR(*heard / *e.pitch_hz, 1, 0.02);
}
#endif

TEST_F(SynthScene, OrderIsKept) {
  SceneSpec spec = plain_spec();
  spec.duration = Distribution::constant(20);
  spec.max_polyphony = 2;
  EventSpec gong = event_of("gong", {"gong"}), bell = event_of("bell", {"bell"}),
            dog = event_of("dog", {"dog"});
  bell.inside = "gong";
  dog.after = "bell", dog.gap = Distribution::uniform(1, 2);
  EventSpec owl = event_of("owl", {"owl"});
  owl.after = "dog";
  spec.events = {owl, dog, bell, gong};  // in whatever order they are written
  for (int seed = 0; seed < 20; ++seed) {
    const ScenePlan plan = planned(spec, seed);
    const auto find = [&](const char* name) {
      return *std::find_if(plan.events.begin(), plan.events.end(),
                           [&](const PlanEvent& e) { return e.name == name; });
    };
    EXPECT_GE(find("bell").onset, find("gong").onset);
    EXPECT_LE(find("bell").end(), find("gong").end());
    EXPECT_GE(find("dog").onset, find("bell").end() + 16000);
    EXPECT_LE(find("dog").onset, find("bell").end() + 32000);
    EXPECT_GE(find("owl").onset, find("dog").end());
  }
}

TEST_F(SynthScene, CountedRepeats) {
  SceneSpec spec = plain_spec();
  spec.duration = Distribution::constant(30);
  EventSpec bark = event_of("bark", {"dog"});
  bark.repeats = Distribution::uniform(1, 10);
  spec.events = {bark};
  std::set<std::size_t> counts;
  bool varied = false, same = false;
  for (int seed = 0; seed < 40; ++seed) {
    const ScenePlan plan = planned(spec, seed);
    counts.insert(plan.events.size());
    ASSERT_LE(plan.events.size(), 10u);
    std::set<int> takes;
    for (std::size_t i = 0; i < plan.events.size(); ++i) {
      takes.insert(plan.events[i].take);
      EXPECT_EQ(plan.events[i].repeat, static_cast<int>(i));
      if (i == 0) continue;
      const double gap = static_cast<double>(plan.events[i].onset - plan.events[i - 1].end()) / 16000;
      EXPECT_GE(gap, 0.3 - 1e-4);
      EXPECT_LE(gap, 2 + 1e-4);
      EXPECT_NEAR(plan.events[i].asked_snr_db, plan.events[0].asked_snr_db, 2);
    }
    varied = varied || takes.size() > 1;
    same = same || (plan.events.size() > 3 && takes.size() == 1);
  }
  EXPECT_GE(counts.size(), 8u);
  EXPECT_TRUE(varied && same);
}

TEST_F(SynthScene, PolyphonyAndGapsAreBounded) {
  for (const int most : {1, 3}) {
    SceneSpec spec = plain_spec();
    spec.max_polyphony = most, spec.min_gap = 0.2;
    EventSpec any;
    any.count = Distribution::constant(6);
    any.most_length = 1.5;
    spec.events = {any};
    int at_most = 0;
    for (int seed = 0; seed < 20; ++seed) {
      const ScenePlan plan = planned(spec, seed);
      for (const PlanEvent& a : plan.events) {
        int at_once = 0;
        for (const PlanEvent& b : plan.events) {
          at_once += b.onset <= a.onset && a.onset < b.end();
          if (&a == &b) continue;
          EXPECT_GE(std::abs(a.onset - b.onset), 1600);
          EXPECT_TRUE(b.onset < a.end() || b.onset - a.end() >= 3200);
        }
        at_most = std::max(at_most, at_once);
      }
    }
    EXPECT_EQ(at_most, most);
  }
}

TEST_F(SynthScene, EventsInLineFillAScene) {
  SceneSpec spec = plain_spec();
  spec.placement = "line";
  spec.duration = Distribution::constant(6);
  EventSpec any;
  any.count = Distribution::constant(5);
  any.length = Distribution::constant(0.8);
  spec.events = {any};
  spec.redraws = 1;  // there is no luck in it
  for (int seed = 0; seed < 10; ++seed) {
    const ScenePlan plan = planned(spec, seed);
    for (std::size_t i = 1; i < plan.events.size(); ++i)
      EXPECT_GE(plan.events[i].onset, plan.events[i - 1].end() + 1600);
    EXPECT_LE(plan.events.back().end(), plan.length);
  }
}

TEST_F(SynthScene, WithoutADurationASceneIsAsLongAsItsEvents) {
  SceneSpec spec = plain_spec();
  spec.duration.reset();
  spec.rest = Distribution::constant(1.5);
  EventSpec bell = event_of("bell", {"bell"}), dog = event_of("dog", {"dog"});
  dog.after = "bell";
  spec.events = {bell, dog};
  const ScenePlan plan = planned(spec);
  EXPECT_EQ(plan.length, plan.events.back().end() + 24000);
}

TEST_F(SynthScene, EventsThatComeAgain) {
  SceneSpec spec = plain_spec();
  spec.duration = Distribution::constant(60);
  EventSpec bird = event_of("", {"bird", "owl"});
  bird.every = Distribution::uniform(3, 5);
  spec.events = {bird};
  const ScenePlan plan = planned(spec);
  EXPECT_GE(plan.events.size(), 11u);
  EXPECT_LE(plan.events.size(), 20u);
  for (const PlanEvent& e : plan.events) EXPECT_EQ(e.label, plan.events[0].label);
}

void impossible(const SceneSpec& spec, const std::vector<std::string>& words) {
  try {
    planned(spec);
    ADD_FAILURE() << "was possible";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUser);
    for (const std::string& word : words) EXPECT_THAT(error.what(), HasSubstr(word));
  }
}

TEST_F(SynthScene, WhatCannotBeIsAnErrorThatNamesIt) {
  SceneSpec spec = plain_spec();
  spec.duration = Distribution::constant(2);
  spec.events = {event_of("boom", {"gong"})};
  impossible(spec, {"after 100 redraws", "`boom`", "enough room", "100 times"});
  spec.events[0].onset = Distribution::constant(1);
  impossible(spec, {"`boom`", "behind the scene's end"});
  spec = plain_spec();
  spec.max_polyphony = 1, spec.placement = "line", spec.events = {event_of("", {})};
  spec.events[0].count = Distribution::constant(20);
  impossible(spec, {"longer than the scene"});
  spec = plain_spec();
  spec.events = {event_of("", {"cat", "lion"})};
  spec.events[0].count = Distribution::constant(2);  // one word names both
  impossible(spec, {"no label is left"});
}

TEST_F(SynthScene, SpecsThatContradictThemselvesAreRefused) {
  const auto refused = [](const char* text, const std::string& word) {
    SceneSpec spec;
    try {
      from_json(parse_json(text, "spec"), spec, "spec");
      check_spec(spec, "spec");
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUser);
      EXPECT_THAT(error.what(), HasSubstr(word)) << text;
    }
  };
  refused(R"({"durration": 3})", "did you mean \"duration\"");
  refused(R"({"duration": [5, 3]})", "low is above its high");
  refused(R"({"duration": "long"})", "duration");
  refused(R"({"duration": {"draw": "sometimes"}})", "unknown draw");
  refused(R"({"duration": {"draw": "choose"}})", "nothing to choose");
  refused(R"({"background": {"kinds": ["purple"]}})", "purple");
  refused(R"({"events": [{"name": "a", "after": "b"}]})", "refers to no event");
  refused(R"({"events": [{"name": "a", "after": "b"}, {"name": "b", "after": "a"}]})", "circle");
  refused(R"({"events": [{"name": "a"}, {"name": "a"}]})", "twice");
  refused(R"({"events": [{"name": "a", "count": 2}]})", "use repeats");
  refused(R"({"events": [{"labels": ["a", "b"], "weights": [1]}]})", "weights");
  refused(R"({"events": [{"pitch": {"draw": "normal"}}]})", "semitones");
  refused(R"({"events": [{"onset": 1, "every": 2}]})", "only one of");
}

struct Holder {
  Distribution d;
  template <class V>
  void visit(V& v) {
    v.field("d", d, "what is drawn");
  }
};

TEST_F(SynthScene, DistributionsAreDrawnAsTheySay) {
  Random rng("af2/test/distribution");
  const auto read = [](const char* text) {
    Holder holder;
    from_json(parse_json(text, "d"), holder, "d");
    holder.d.check("d");
    return holder.d;
  };
  EXPECT_EQ(read(R"({"d": 4})").draw_from(rng), 4);
  const Distribution choose = read(R"({"d": {"draw": "choose", "values": [1, 2], "weights": [3, 1]}})"),
                     uniform = read(R"({"d": [2, 4]})"),
                     normal = read(R"({"d": {"draw": "normal", "mean": 5, "deviation": 2}})"),
                     cut = read(R"({"d": {"draw": "truncnorm", "mean": 0, "low": -1, "high": 0.5}})");
  double ones = 0, mean = 0, square = 0;
  constexpr int n = 20000;
  std::set<int> whole;
  for (int i = 0; i < n; ++i) {
    ones += choose.draw_from(rng) == 1;
    const double u = uniform.draw_from(rng), x = normal.draw_from(rng), t = cut.draw_from(rng);
    ASSERT_TRUE(u >= 2 && u < 4 && t >= -1 && t <= 0.5);
    mean += x / n, square += x * x / n;
    whole.insert(uniform.draw_whole(rng));
  }
  EXPECT_NEAR(ones / n, 0.75, 0.02);
  EXPECT_NEAR(mean, 5, 0.1);
  EXPECT_NEAR(std::sqrt(square - mean * mean), 2, 0.1);
  EXPECT_EQ(whole, (std::set<int>{2, 3, 4}));
}

TEST_F(SynthScene, BlocksDoNotMatterAndThePlanAloneDecides) {
  SceneSpec spec = busy_spec();
  spec.room.chance = 1;
  spec.events[0].ramp = Distribution::constant(-6);
  Random rng("af2/test/joined");
  ScenePlan plan = draft_scene(tone_library(), Split::kTrain, spec, rng);
  append_scene(plan, draft_scene(tone_library(), Split::kTrain, spec, rng), 16000);
  append_scene(plan, draft_scene(tone_library(), Split::kTrain, spec, rng), 8000);
  EXPECT_EQ(plan.length, 3 * 15 * 16000 - 24000);
  set_levels(tone_library(), plan);
  const std::vector<float> by_second = render_whole(tone_library(), plan);
  EXPECT_EQ(render_stems(tone_library(), plan, 777).mix, by_second);
  EXPECT_EQ(render_stems(tone_library(), plan, plan.length).mix, by_second);
  // Another library of the same sounds, as another run has it.
  SoundLibrary other(16000);
  other.add_bank(test::shared_tone_bank());
  EXPECT_EQ(render_whole(other, plan), by_second);
}

TEST_F(SynthScene, OtherRates) {
  SoundLibrary library(44100);
  library.add_bank(test::shared_tone_bank());
  Random rng("af2/test/rates");
  const ScenePlan plan = plan_scene(library, Split::kVal, busy_spec(), rng);
  EXPECT_EQ(plan.length, 15 * 44100);
  const auto r = render_stems(library, plan);
  for (std::size_t i = 0; i < plan.events.size(); ++i) {
    const SampleSpan heard = audible_by_peak(r.stems[i], peak(r.stems[i]));
    EXPECT_NEAR(static_cast<double>(heard.begin), static_cast<double>(plan.events[i].onset), 441);
    EXPECT_NEAR(static_cast<double>(heard.end), static_cast<double>(plan.events[i].end()), 441);
  }
  EXPECT_THROW(SoundLibrary(22050), Error);
}

TEST_F(SynthScene, ALoopHasNoSeams) {
  auto tone = std::make_shared<std::vector<float>>(16000);
  Random rng("af2/test/loop");
  for (float& x : *tone) x = static_cast<float>(0.1 * rng.normal());
  const LoopReader loop(tone, 4000);
  EXPECT_EQ(loop.period(), 12000);
  std::vector<double> out(64000, 0.0), piece(1000, 0.0);
  loop.add(500, 2, out);
  loop.add(500 + 20000, 2, piece);  // from anywhere
  for (std::size_t i = 0; i < piece.size(); ++i) EXPECT_EQ(piece[i], out[20000 + i]);
  for (std::size_t at = 0; at + 2000 <= out.size(); at += 2000) {
    double energy = 0;
    for (std::size_t i = 0; i < 2000; ++i) energy += out[at + i] * out[at + i] / 2000;
    EXPECT_NEAR(10 * std::log10(energy), 20 * std::log10(0.2), 0.8) << at;
  }
}

}  // namespace
}  // namespace af2
