// What a language model is asked about a clip: which questions its record allows, and the prompts that show
// the record to it (docs/spec/data.md sections 2 and 3, back end A).
//
// One template a call (af2/data/templates); texts of the record go in as data (data_json), times and measured
// values as the numbers that they are. What becomes of the replies is llm_items.h's. Thread rule: free
// functions.
//
//   for (const LlmCall& call : record_calls(record, words, margins, options))
//     client.ask(llm_template(call.kind->name).request(call.slots));
#pragma once

#include <map>
#include <string>
#include <vector>

#include "af2/core/json.h"
#include "af2/data/record.h"
#include "af2/data/vocabulary.h"
#include "af2/factory/rules/rules.h"
#include "af2/factory/segments.h"

namespace af2 {

// A template that makes items.
struct LlmKind {
  const char* name;   // of the template: skill_temporal
  const char* skill;  // of its items
  bool is_long;
  const char* type;  // of its items, where the reply does not choose one
  const char* form;  // of an answer without options: open, short
};
// All of them; a name that starts with long_ is for long clips.
const std::vector<LlmKind>& llm_kinds();

struct LlmPromptOptions {
  std::vector<std::string> only;  // names of templates; none: all that the record allows
  double long_from_s = 30;        // clips above it are long
  double segment_s = 0;           // of a stretch; 0: 10, with actions 4
  int most_segments = 200;        // in a prompt; a longer clip is not asked about
  int most_events = 200;

  template <class V>
  void visit(V& v) {
    v.field("only", only, "names of templates; none: all that a record allows");
    v.field("long_from", long_from_s, "clips above so many seconds are long");
    v.field("segment", segment_s, "seconds of a stretch of a long clip; 0: 10, where actions are told 4");
    v.field("most_segments", most_segments, "a clip of more stretches is not asked about");
    v.field("most_events", most_events, "a clip of more events is not asked about");
  }
};

struct LlmCall {
  const LlmKind* kind = nullptr;
  std::map<std::string, std::string> slots;
};

// The stretches that a long record is shown in; none for a short one.
std::vector<Segment> llm_segments(const Record& record, const LlmPromptOptions& options);

// The calls that a record allows, in the order of llm_kinds(); of a long one by its stretches. Throws kUser
// for a name in `only` that is no template's.
std::vector<LlmCall> record_calls(const Record& record, const std::vector<Segment>& stretches,
                                  const Vocabulary& words, const Margins& margins,
                                  const LlmPromptOptions& options);

// The views of a record that prompts hold. Events carry their place in record.events + 1 as "event": the
// number by which a reply names them; stretches likewise as "segment".
Json events_view(const Record& record, const Margins& margins);
Json captions_view(const std::vector<RecordText>& texts);
Json speech_view(const Record& record);  // what is English and said by somebody
Json music_view(const RecordMusic& music);
Json stretches_view(const std::vector<Segment>& stretches);
// All that is known of it, for a second look at an item.
Json record_view(const Record& record, const std::vector<Segment>& stretches, const Margins& margins);

}  // namespace af2
