#include "af2/factory/llm/listener.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <span>

#include "af2/audio/decode.h"
#include "af2/audio/wav.h"
#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/data/caption_cleaner.h"
#include "af2/data/text_terms.h"

namespace af2 {
namespace {

constexpr int kVersion = 1;               // of the questions
constexpr int kRate_hz = 16000;           // that models of sound hear
constexpr double kBlock_s = 300;          // decoded at once
constexpr double kShort_s = 0.1;          // that a file may be shorter than its record says
constexpr double kSilentShare = 0.002;    // of a stretch, that a neighbour's sound may reach into
constexpr float kSilent = 1e-4f;          // -80 dBFS: a captioner makes things up
constexpr std::size_t kMostReply = 2000;  // bytes

const char* const kCaptionQuestion =
    "Describe what is heard in this recording in one sentence: the sounds, what makes them, and in which "
    "order. "
    "Say nothing that cannot be heard.";
const char* const kSpeechQuestion =
    "Write down the words that are spoken in this recording, and nothing else. If nobody speaks, answer: "
    "none.";

// Stretches of a file, decoded a few minutes at a time.
class Stretches {
 public:
  Stretches(std::filesystem::path file, double start_s) : file_(std::move(file)), start_s_(start_s) {}

  std::vector<float> samples(double from, double to) {
    if (from < begin_s_ || to > end_s_) load(from, std::max(to, from + kBlock_s));
    const auto at = [&](double s) {
      const auto place = static_cast<std::size_t>(std::lround(std::max(0.0, s - begin_s_) * kRate_hz));
      return static_cast<std::ptrdiff_t>(std::min(place, clip_.samples.size()));
    };
    std::vector<float> part(clip_.samples.begin() + at(from), clip_.samples.begin() + at(to));
    if (static_cast<double>(part.size()) < (to - from - kShort_s) * kRate_hz)
      throw data_error("ends before the clip does", file_.string(), "correct the record's duration");
    return part;
  }

 private:
  void load(double from, double to) {
    DecodeOptions options;
    options.start_s = start_s_ + from, options.duration_s = to - from, options.rate_hz = kRate_hz;
    clip_ = decode_file(file_, options);
    begin_s_ = from, end_s_ = to;
  }

  std::filesystem::path file_;
  double start_s_, begin_s_ = 0, end_s_ = 0;
  Clip clip_;
};

bool says_none(const std::string& text) {
  static const std::set<std::string> none = {"",         "none",          "nothing",        "no speech",
                                             "no words", "nobody speaks", "nothing is said"};
  return none.contains(normal_term(text));
}

bool silent(const std::vector<float>& samples) {
  const auto loud =
      std::count_if(samples.begin(), samples.end(), [](float x) { return std::abs(x) >= kSilent; });
  return static_cast<double>(loud) <= kSilentShare * static_cast<double>(samples.size());
}

}  // namespace

Listener::Listener(LlmClient* client, ListenOptions options) : client_(client), options_(std::move(options)) {
  if (options_.task != "captions" && options_.task != "speech")
    throw user_error("is no task: " + options_.task, "task", "there are captions and speech");
  if (options_.segment_s < 0) throw user_error("must not be negative", "--segment");
}

LlmRequest Listener::request() const {
  const bool captions = options_.task == "captions";
  LlmRequest request;
  request.purpose = captions ? "hear_caption" : "hear_speech";
  request.version = kVersion;
  request.prompt = !options_.question.empty() ? options_.question
                   : captions                 ? kCaptionQuestion
                                              : kSpeechQuestion;
  return request;
}

std::vector<Segment> Listener::missing(const Record& record) const {
  if (options_.task == "speech" && !record.speech.empty() && !options_.again) return {};
  const double length = record.duration.value_or(0);
  const bool whole = length <= options_.long_from_s;
  std::vector<Segment> all = segments_of(record, whole                    ? std::max(length, 1e-3)
                                                 : options_.segment_s > 0 ? options_.segment_s
                                                                          : segment_seconds(record));
  if (options_.task == "speech" || options_.again) return all;
  if (whole) return record.captions.empty() ? all : std::vector<Segment>();
  std::erase_if(all, [](const Segment& segment) { return !segment.captions.empty(); });
  return all;
}

ListenMade Listener::hear(Record record, const std::filesystem::path& folder) const {
  if (!client_) throw internal_error("no model", "Listener");
  ListenMade made;
  const std::string what = options_.task + "/";
  const auto aside = [&](const Segment& segment, const std::string& reason, const std::string& text) {
    ++made.counts[what + reason];
    made.aside.push_back({{"record", record.id},
                          {"from", segment.start},
                          {"to", segment.end},
                          {"reason", reason},
                          {"text", text}});
  };
  std::vector<RecordText> captions;
  std::vector<RecordSpeech> speech;
  try {
    const std::filesystem::path file = folder / record.audio;
    if (!record.duration) record.duration = decode_file(file, {.start_s = record.start}).seconds;
    const bool whole = *record.duration <= options_.long_from_s;
    Stretches sound(file, record.start);
    for (const Segment& segment : missing(record)) {
      const std::vector<float> samples = sound.samples(segment.start, segment.end);
      if (silent(samples)) {
        ++made.counts[what + "silent"];
        continue;
      }
      LlmRequest asked = request();
      asked.wav = wav_bytes(samples, {.rate_hz = kRate_hz});
      asked.wav_s = static_cast<double>(samples.size()) / kRate_hz;
      ++made.counts[what + "asked"];
      const LlmReply reply = client_->ask(asked);
      std::string text = reply.value && reply.value->is_string() ? reply.value->get<std::string>() : "";
      if (says_none(text)) {
        ++made.counts[what + "none"];
        continue;
      }
      if (text.size() > kMostReply) {
        aside(segment, "too_long", text.substr(0, kMostReply));
        continue;
      }
      if (options_.task == "speech") {
        speech.push_back({text, segment.start, segment.end, "", 0});
        ++made.counts[what + "made"];
        continue;
      }
      if (options_.clean) {
        CleanedCaption clean = clean_caption(text);
        if (!clean.dropped.empty()) {
          aside(segment, clean.dropped, text);
          continue;
        }
        if (!clean.changes.empty()) ++made.counts[what + "cleaned"];
        text = std::move(clean.text);
      }
      captions.push_back({text, whole ? 0 : segment.start, whole ? 0 : segment.end, client_->model()});
      ++made.counts[what + "made"];
    }
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kData) throw;
    aside({}, "audio_unreadable", error.what());
    made.record = std::move(record);
    return made;
  }
  if (options_.again) {
    if (options_.task == "speech")
      record.speech.clear();
    else
      std::erase_if(record.captions, [&](const RecordText& text) {
        return (text.end > text.start) == (*record.duration > options_.long_from_s);
      });
  }
  record.captions.insert(record.captions.end(), captions.begin(), captions.end());
  record.speech.insert(record.speech.end(), speech.begin(), speech.end());
  RecordCounts none;
  tidy(record, record.id, none);
  made.record = std::move(record);
  return made;
}

}  // namespace af2
