#include "af2/factory/segments.h"

#include <algorithm>
#include <cmath>

#include "af2/core/error.h"

namespace af2 {
namespace {

Segment& at(std::vector<Segment>& segments, double seconds, double moment) {
  const auto place = static_cast<std::size_t>(std::max(0.0, moment) / seconds);
  return segments[std::min(place, segments.size() - 1)];
}

template <class T>
void place_sounds(std::vector<Segment>& segments, const std::vector<T>& sounds, double T::*start,
                  double T::*end, double seconds, double overlap_s, std::vector<int> Segment::*member) {
  for (std::size_t i = 0; i < sounds.size(); ++i) {
    const double from = sounds[i].*start, to = sounds[i].*end;
    const Segment& middle = at(segments, seconds, (from + to) / 2);
    for (Segment& segment : segments) {
      const double within = std::min(to, segment.end) - std::max(from, segment.start);
      if (&segment == &middle || within >= overlap_s) (segment.*member).push_back(static_cast<int>(i));
    }
  }
}

}  // namespace

double segment_seconds(const Record& record) {
  const bool told = std::any_of(record.action.begin(), record.action.end(),
                                [](const RecordText& text) { return text.end > text.start; });
  return told ? kActionSegment_s : kSegment_s;
}

std::vector<Segment> segments_of(const Record& record, double seconds, double overlap_s) {
  if (!(seconds > 0)) throw user_error("must be above 0", "seconds of a segment");
  if (!record.duration || *record.duration <= 0)
    throw data_error("has no duration", "record " + record.id, "give `duration`, or let the audio be read");
  const double length = *record.duration;
  auto n = static_cast<int>(std::ceil(length / seconds));
  if (n > 1 && length - (n - 1) * seconds < seconds / 10) --n;
  std::vector<Segment> segments;
  for (int i = 0; i < n; ++i) {
    Segment segment;
    segment.number = i + 1;
    segment.start = i * seconds;
    segment.end = i + 1 == n ? length : (i + 1) * seconds;
    segments.push_back(segment);
  }
  const auto place_texts = [&](const std::vector<RecordText>& texts,
                               std::vector<std::string> Segment::*member) {
    for (const RecordText& text : texts)
      if (text.end > text.start)
        (at(segments, seconds, (text.start + text.end) / 2).*member).push_back(text.text);
  };
  place_texts(record.captions, &Segment::captions);
  place_texts(record.visual, &Segment::visual);
  place_texts(record.action, &Segment::action);
  place_sounds(segments, record.events, &RecordEvent::onset, &RecordEvent::offset, seconds, overlap_s,
               &Segment::events);
  place_sounds(segments, record.speech, &RecordSpeech::start, &RecordSpeech::end, seconds, overlap_s,
               &Segment::speech);
  return segments;
}

}  // namespace af2
