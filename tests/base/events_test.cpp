#include <gtest/gtest.h>

#include <cmath>

#include "af2/core/error.h"
#include "af2/events/event_formats.h"
#include "af2/events/event_score.h"
#include "af2/events/label_scores.h"
#include "af2/events/timeline.h"

namespace af2 {
namespace {

// Stretches of 2 s every second.
std::vector<StretchScores> stretches(const std::vector<std::vector<double>>& scores) {
  std::vector<StretchScores> all;
  for (std::size_t i = 0; i < scores.size(); ++i)
    all.push_back({static_cast<double>(i), static_cast<double>(i) + 2, scores[i]});
  return all;
}

TEST(Timeline, HysteresisKeepsWhatBeganHigh) {
  TimelineOptions options;
  options.threshold = 0.6, options.keep = 0.5, options.merge_gap_s = 0;
  const auto events = find_events(stretches({{0.1}, {0.4}, {0.7}, {0.35}, {0.1}, {0.4}, {0.4}, {0.1}, {0.6}}),
                                  {"dog"}, options);
  ASSERT_EQ(events.size(), 2u);  // 0.4 alone begins nothing
  EXPECT_DOUBLE_EQ(events[0].onset_s, 1.5);
  EXPECT_DOUBLE_EQ(events[0].offset_s, 4.5);
  EXPECT_DOUBLE_EQ(events[0].score, 0.7);
  EXPECT_TRUE(events[0].supported);
  EXPECT_DOUBLE_EQ(events[1].onset_s, 8.5);
  EXPECT_DOUBLE_EQ(events[1].offset_s, 10);  // to the end of the last stretch
  EXPECT_FALSE(events[1].supported);         // the clip has a better place for it
}

TEST(Timeline, GapsCloseAndShortEventsFall) {
  TimelineOptions options;
  options.threshold = 0.5, options.keep = 1;
  const auto scores = stretches({{0.9}, {0.1}, {0.8}, {0.1}, {0.1}, {0.1}, {0.7}});
  options.merge_gap_s = 0;
  EXPECT_EQ(find_events(scores, {"dog"}, options).size(), 3u);
  options.merge_gap_s = 1.5;
  const auto merged = find_events(scores, {"dog"}, options);
  ASSERT_EQ(merged.size(), 2u);
  EXPECT_DOUBLE_EQ(merged[0].onset_s, 0);
  EXPECT_DOUBLE_EQ(merged[0].offset_s, 3.5);
  options.min_seconds = 2;
  EXPECT_EQ(find_events(scores, {"dog"}, options).size(), 1u);
}

TEST(Timeline, LabelsHaveTheirOwnThresholdsAndRivals) {
  TimelineOptions options;
  options.thresholds = {0.5, 0.9};
  const auto events = find_events(stretches({{0.6, 0.8}, {0.2, 0.95}}), {"dog", "bell"}, options);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].label, "dog");   // equal onsets: the shorter one first
  EXPECT_FALSE(events[0].supported);   // the bell scores higher there
  EXPECT_EQ(events[1].label, "bell");  // its 0.8 is kept by the share of its threshold
  EXPECT_DOUBLE_EQ(events[1].onset_s, 0);
  EXPECT_TRUE(events[1].supported);
  EXPECT_TRUE(find_events({}, {"dog"}, {}).empty());
  EXPECT_THROW(find_events(stretches({{0.1}}), {"dog", "bell"}, {}), Error);
}

ClipEvents example() {
  ClipEvents clip;
  clip.path = "yard/a <b>.wav";
  clip.seconds = 12.3456;
  clip.events = {{1.2495, 3, "dog, \"small\"", 0.823, true}, {359999.9996, 360001, "a\tb & c", 0.5, false}};
  return clip;
}

TEST(EventFormats, AreWrittenToTheLetter) {
  const ClipEvents clip = example();
  EXPECT_EQ(write_events(EventFormat::kSrt, clip, "1"),
            "1\n00:00:01,250 --> 00:00:03,000\ndog, \"small\" (0.82)\n\n"
            "2\n100:00:00,000 --> 100:00:01,000\na b & c (0.50)\n\n");
  EXPECT_EQ(write_events(EventFormat::kVtt, clip, "1"),
            "WEBVTT\n\n00:00:01.250 --> 00:00:03.000\ndog, &quot;small&quot; (0.82)\n\n"
            "100:00:00.000 --> 100:00:01.000\na b &amp; c (0.50)\n\n");
  EXPECT_EQ(write_events(EventFormat::kCsv, clip, "1"),
            "start,end,label,score\n1250,3000,\"dog, \"\"small\"\"\",0.8230\n360000000,360001000,a\tb & "
            "c,0.5000\n");
  EXPECT_EQ(write_events(EventFormat::kTsv, clip, "1"),
            "filename\tonset\toffset\tevent_label\na <b>.wav\t1.250\t3.000\tdog, \"small\"\n"
            "a <b>.wav\t360000.000\t360001.000\ta b & c\n");
  EXPECT_EQ(write_events(EventFormat::kAudacity, clip, "1"),
            "1.249500\t3.000000\tdog, \"small\"\n359999.999600\t360001.000000\ta b & c\n");
  const Json jams = Json::parse(write_events(EventFormat::kJams, clip, "1"));
  EXPECT_EQ(jams["annotations"][0]["namespace"], "segment_open");
  EXPECT_EQ(jams["annotations"][0]["data"][0]["time"], 1.25);
  EXPECT_EQ(jams["annotations"][0]["data"][0]["duration"], 1.751);
  EXPECT_EQ(jams["annotations"][0]["annotation_metadata"]["annotation_tools"], "af2 1");
  EXPECT_EQ(jams["file_metadata"]["duration"], 12.346);
  EXPECT_EQ(jams["file_metadata"]["jams_version"], "0.3.4");
  const Json json = Json::parse(write_events(EventFormat::kJson, clip, "1"));
  EXPECT_EQ(json["events"][1]["supported"], false);
  EXPECT_EQ(json["events"][0]["onset"], 1.25);
  EXPECT_EQ(json["method"], "clap-scan");
}

TEST(EventFormats, WithoutEventsAreValidAndEmpty) {
  ClipEvents clip = example();
  clip.events.clear();
  EXPECT_EQ(write_events(EventFormat::kSrt, clip, "1"), "");
  EXPECT_EQ(write_events(EventFormat::kVtt, clip, "1"), "WEBVTT\n\n");
  EXPECT_EQ(write_events(EventFormat::kCsv, clip, "1"), "start,end,label,score\n");
  EXPECT_EQ(write_events(EventFormat::kTsv, clip, "1"), "filename\tonset\toffset\tevent_label\n");
  EXPECT_TRUE(Json::parse(write_events(EventFormat::kJson, clip, "1"))["events"].empty());
  EXPECT_TRUE(Json::parse(write_events(EventFormat::kJams, clip, "1"))["annotations"][0]["data"].empty());
  EXPECT_NE(write_svg(clip).find("no event"), std::string::npos);
}

TEST(EventFormats, NamesAreKnownOrRefused) {
  EXPECT_EQ(event_format("audacity", "--format"), EventFormat::kAudacity);
  EXPECT_THROW(event_format("docx", "--format"), Error);
}

TEST(EventFormats, ThePictureHasALaneForEachLabel) {
  ClipEvents clip = example();
  clip.events = {{1, 3, "dog", 0.8, true}, {2, 4, "bell <b>", 0.6, true}, {5, 6, "dog", 0.7, true}};
  const std::string svg = write_svg(clip);
  const auto count = [&](const std::string& part) {
    std::size_t n = 0;
    for (std::size_t at = svg.find(part); at != std::string::npos; at = svg.find(part, at + 1)) ++n;
    return n;
  };
  EXPECT_EQ(count("rx=\"3\""), 3u);
  EXPECT_EQ(count("bell &lt;b&gt;</text>"), 1u);
  EXPECT_EQ(count("dog</text>"), 1u);
  EXPECT_EQ(svg.find("<b>"), std::string::npos);
}

TEST(LabelScores, AreSharesBesideTheBackground) {
  const std::vector<double> scores =
      label_scores(std::vector<float>{0.5f, 0.1f}, std::vector<float>{0.3f}, 10, LabelScoring::kIndependent);
  EXPECT_NEAR(scores[0], 1 / (1 + std::exp(-2.0)), 1e-6);
  EXPECT_NEAR(scores[1], 1 / (1 + std::exp(2.0)), 1e-6);
  const std::vector<float> near = {0.2f}, nothing = {0.2f, 0.2f};
  for (const LabelScoring scoring : {LabelScoring::kIndependent, LabelScoring::kCompeting})
    EXPECT_NEAR(label_scores(near, nothing, 50, scoring)[0], 1.0 / 3, 1e-6);
}

TEST(LabelScores, CompeteWhereAskedTo) {
  const std::vector<double> scores =
      label_scores(std::vector<float>{0.5f, 0.1f}, std::vector<float>{0.3f}, 10, LabelScoring::kCompeting);
  const double s = 10 * kCompetingSharpness, sum = std::exp(0.5 * s) + std::exp(0.1 * s) + std::exp(0.3 * s);
  EXPECT_NEAR(scores[0], std::exp(0.5 * s) / sum, 1e-6);
  EXPECT_NEAR(scores[1], std::exp(0.1 * s) / sum, 1e-6);
}

TEST(LabelScores, ThresholdsPartWhatSoundsFromWhatDoesNot) {
  EXPECT_DOUBLE_EQ(best_threshold({{0.9, true}, {0.8, true}, {0.4, false}, {0.1, false}}, 0.5),
                   (0.8 + 0.4) / 2);
  // One of two sounding stretches lies among the silent ones: F1 2/3 without it, 4/6 with it and two wrong.
  EXPECT_DOUBLE_EQ(best_threshold({{0.9, true}, {0.5, false}, {0.4, false}, {0.3, true}}, 0.5),
                   (0.9 + 0.5) / 2);
  EXPECT_DOUBLE_EQ(best_threshold({{0.7, false}, {0.2, false}}, 0.5), 0.85);
  EXPECT_DOUBLE_EQ(best_threshold({}, 0.5), 0.5);
  EXPECT_DOUBLE_EQ(best_threshold({{0.6, true}, {0.6, false}}, 0.5), 0.3);  // cannot be parted
  LabelledStretches clip;
  clip.stretches = stretches({{0.9, 0.2}, {0.3, 0.2}, {0.2, 0.8}});  // middles at 1, 2, 3 s
  clip.events = {{0.5, 1.5, "dog"}, {2.5, 9, "bell"}};
  for (const double threshold : calibrated_thresholds({clip}, {"dog", "bell"}, 0.5))
    EXPECT_DOUBLE_EQ(threshold, (0.8 + 0.3) / 2);  // what is best for both parts each
  clip.events.clear();
  for (const double threshold : calibrated_thresholds({clip}, {"dog", "bell"}, 0.5))
    EXPECT_DOUBLE_EQ(threshold, (0.9 + 1) / 2);
}

TEST(LabelScores, SeldomHeardLabelsTakeTheThresholdOfAll) {
  // Dogs score 0.9 among 0.1, bells 0.5 among 0.3; a horn sounds once, at 0.2.
  LabelledStretches clip;
  std::vector<std::vector<double>> scores;
  for (int i = 0; i < 400; ++i)
    scores.push_back({i < 200 ? 0.9 : 0.1, i < 200 ? 0.3 : 0.5, i == 0 ? 0.2 : 0.05});
  clip.stretches = stretches(scores);
  const double first = (clip.stretches[0].start_s + clip.stretches[0].end_s) / 2;
  const double half = (clip.stretches[200].start_s + clip.stretches[200].end_s) / 2;
  clip.events = {{0, half, "dog"}, {half, 1e4, "bell"}, {0, first + 0.01, "horn"}};
  const auto thresholds = calibrated_thresholds({clip}, {"dog", "bell", "horn"}, 0.5);
  EXPECT_GT(thresholds[0], 0.1);
  EXPECT_LE(thresholds[0], 0.9);
  EXPECT_DOUBLE_EQ(thresholds[1], 0.4);
  EXPECT_DOUBLE_EQ(thresholds[2], 0.4);  // its own would be 0.125
}

TEST(EventScore, CountsEventsWithinTheCollarOnce) {
  const std::vector<TimedEvent> known = {{1, 2, "dog"}, {1.4, 3, "dog"}, {5, 6, "bell"}};
  EventCounts counts = match_events(known, {{1.45, 2, "dog"}, {0.9, 2, "dog"}, {5.6, 6, "bell"}});
  EXPECT_EQ(counts.right, 2);
  EXPECT_EQ(counts.missed, 1);
  EXPECT_EQ(counts.wrong, 1);
  EXPECT_DOUBLE_EQ(counts.f1(), 4.0 / 6);
  counts = match_events(known, {{1.2, 2, "dog"}, {1.2, 2, "bell"}});  // one found event is no two
  EXPECT_EQ(counts.right, 1);
  counts += match_events({}, {});
  EXPECT_EQ(counts.missed, 2);
  EXPECT_DOUBLE_EQ(EventCounts().f1(), 0);
  EXPECT_DOUBLE_EQ(match_events(known, known).f1(), 1);
}

TEST(EventScore, CountsTouchedSegments) {
  const EventCounts counts = match_segments({{0.5, 2.5, "dog"}}, {{1.2, 3.5, "dog"}, {0, 1, "bell"}}, 3);
  EXPECT_EQ(counts.right, 2);   // seconds 1 and 2
  EXPECT_EQ(counts.missed, 1);  // second 0
  EXPECT_EQ(counts.wrong, 1);   // the bell; the clip ends at 3 s
}

}  // namespace
}  // namespace af2
