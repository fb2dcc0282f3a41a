// Long records in stretches.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "af2/core/error.h"
#include "af2/factory/segments.h"

namespace af2 {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Record silent_record(double duration) {
  Record record;
  record.id = "walk", record.audio = "walk.wav", record.duration = duration;
  return record;
}

TEST(Segments, TextsStandWhereTheirMiddleIsAndSoundsWhereTheyAreHeard) {
  Record record = silent_record(34);
  record.captions = {
      {"all of it", 0, 0, "a"}, {"steps", 0, 10, "a"}, {"a door", 8, 13, "a"}, {"rain", 30, 34, "a"}};
  record.visual = {{"a street", 0, 19.9, "b"}};
  record.events = {{"footsteps", 1, 10.2}, {"door", 9.9, 10.1}, {"rain", 12, 34}};
  record.speech = {{"hello", 19, 20.5, "en"}};
  EXPECT_EQ(segment_seconds(record), 10);
  const auto segments = segments_of(record, 10);
  ASSERT_EQ(segments.size(), 4u);
  EXPECT_EQ(segments[3].start, 30);
  EXPECT_EQ(segments[3].end, 34);
  EXPECT_EQ(segments[3].number, 4);
  EXPECT_THAT(segments[0].captions, ElementsAre("steps"));
  EXPECT_THAT(segments[1].captions, ElementsAre("a door"));
  EXPECT_THAT(segments[2].captions, IsEmpty());
  EXPECT_THAT(segments[3].captions, ElementsAre("rain"));
  EXPECT_THAT(segments[0].visual, ElementsAre("a street"));
  // 0.2 s of the steps are too little; the door is shorter than that and stands at its middle.
  EXPECT_THAT(segments[0].events, ElementsAre(0));
  EXPECT_THAT(segments[1].events, ElementsAre(1, 2));
  EXPECT_THAT(segments[3].events, ElementsAre(2));
  EXPECT_THAT(segments[1].speech, ElementsAre(0));
  EXPECT_THAT(segments[2].speech, ElementsAre(0));
}

TEST(Segments, ActionsMakeThemShortAndNoStretchIsAScrap) {
  Record record = silent_record(12.3);
  record.action = {{"C opens a drawer", 4, 6, "recap"}};
  EXPECT_EQ(segment_seconds(record), 4);
  const auto segments = segments_of(record, 4);
  ASSERT_EQ(segments.size(), 3u);  // 0.3 s are joined to the one before
  EXPECT_EQ(segments[2].end, 12.3);
  EXPECT_THAT(segments[1].action, ElementsAre("C opens a drawer"));
  EXPECT_EQ(segments_of(silent_record(2), 10).size(), 1u);
  // All of a clip is covered once.
  for (const double length : {1.0, 9.99, 10.0, 10.5, 11.0, 100.4, 3599.7}) {
    double end = 0;
    for (const Segment& segment : segments_of(silent_record(length), 10)) {
      EXPECT_EQ(segment.start, end);
      EXPECT_GT(segment.end, segment.start);
      end = segment.end;
    }
    EXPECT_EQ(end, length);
  }
}

TEST(Segments, WhatCannotBeCutIsAnError) {
  EXPECT_THROW(segments_of(silent_record(20), 0), Error);
  Record record = silent_record(20);
  record.duration.reset();
  try {
    segments_of(record, 10);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kData);
    EXPECT_THAT(error.where(), ::testing::HasSubstr("walk"));
  }
}

}  // namespace
}  // namespace af2
