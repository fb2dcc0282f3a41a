// Captions and transcripts that records lack, by a model that hears: the sound itself goes to the endpoint
// (docs/spec/data.md sections 1 and 3, step 3).
//
// A long clip is heard in the stretches of segments.h, a short one as a whole; a stretch that has a caption
// is left alone. The reply is a plain text, so that any captioner serves. Captions pass clean_caption(); what
// is dropped there, and clips that cannot be read, are kept aside with the reason. The result is a function
// of record, sound, options and the replies in the client's cache. Thread rule: any thread.
//
//   const Listener listener(&client, {});
//   ListenMade made = listener.hear(record, "clips");
//   use(made.record.captions);
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "af2/data/llm_client.h"
#include "af2/data/record.h"
#include "af2/factory/llm/llm_items.h"
#include "af2/factory/segments.h"

namespace af2 {

struct ListenOptions {
  std::string task = "captions";  // captions; speech: the words that are spoken
  std::string question = "";      // in place of the usual one
  double long_from_s = 30;        // clips above it are heard in stretches
  double segment_s = 0;           // of a stretch; 0: 10, where actions are told 4
  bool again = false;             // also what has captions: they are replaced
  bool clean = true;              // captions by the rules

  template <class V>
  void visit(V& v) {
    v.field("task", task, "captions, or speech: the words that are spoken");
    v.field("question", question, "what is asked, in place of the usual question");
    v.field("long_from", long_from_s, "clips above so many seconds are heard in stretches");
    v.field("segment", segment_s, "seconds of a stretch; 0: 10, where actions are told 4");
    v.field("again", again, "replace captions that are there");
    v.field("clean", clean, "captions by the rules of the caption cleaner");
  }
};

struct ListenMade {
  Record record;
  LlmCounts counts;         // "captions/made", "captions/silent", "captions/none" ...
  std::vector<Json> aside;  // {"record", "from", "to", "reason", "text"}
};

class Listener {
 public:
  // `client` may be null where hear() is not called. Throws kUser for an unknown task or a negative length.
  Listener(LlmClient* client, ListenOptions options);

  // The record with what was heard; a caption's `origin` is the model's name. `folder`: that
  // record.audio is relative to. A clip that cannot be read leaves the record as it is, counted as
  // "audio_unreadable". Throws Stopped, and kRemote as LlmClient::ask.
  ListenMade hear(Record record, const std::filesystem::path& folder) const;

  // Those that would be heard; the record must have a duration.
  std::vector<Segment> missing(const Record& record) const;
  // What is asked about each, without its sound.
  LlmRequest request() const;

 private:
  LlmClient* client_;
  ListenOptions options_;
};

}  // namespace af2
