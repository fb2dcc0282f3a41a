// What AF-CLAP data is made of where sounds come from elsewhere: lists of clips with labels, times or
// captions (docs/spec/data.md section 1), as one form.
//
// jsonl: {"audio", "label"|"labels", "caption"|"captions", "events":[{"label","onset","offset"}], "visual",
// "start", "duration", "source", "licence"}. csv, tsv: a header; the clip in audio, file_name, filename,
// fname or path; label or labels (several parted by '|', ';' or ','); caption, captions or caption_1,
// caption_2
// ...; start, duration, source, licence, visual; or, as DCASE writes them, onset, offset and event_label, a
// line an event. Not for training data that is finished (af2/data/clap_pairs.h). Thread rule: free functions.
//
//   for (const ClapInput& input : read_clap_inputs("clotho_captions.csv")) use(input.audio, input.captions);
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace af2 {

struct ClapInput {
  struct Event {
    std::string label;
    double onset_s = 0, offset_s = 0;  // from the start of the stretch
  };
  std::string audio;
  double start_s = 0;
  std::optional<double> duration_s;
  std::vector<std::string> labels;    // without times; all that sounds in the clip
  std::vector<Event> events;          // with times; all that sounds in the clip
  std::vector<std::string> captions;  // by people or a captioner
  std::string visual;                 // what is seen: only to correct captions
  std::string source, licence;
};

// In the order of the file, one a clip. Throws kData naming file and line: unreadable, no rows, no audio,
// neither labels nor events nor captions, offset not behind onset, negative times, broken quotes.
std::vector<ClapInput> read_clap_inputs(const std::filesystem::path& path);

}  // namespace af2
