// `af2 data records`: annotations as their owners publish them, as one form (af2/data/record_readers.h).
#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "af2/audio/decode.h"
#include "af2/cli/clip_flags.h"
#include "af2/cli/command.h"
#include "af2/cli/output.h"
#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/log.h"
#include "af2/data/record_clean.h"
#include "af2/data/record_measure.h"
#include "af2/data/record_readers.h"

namespace af2 {
namespace {

struct RecordFlags {
  std::string from, out;
  bool measure = false, clean = false;
  RecordInputs inputs;
};

// Loudness and pitch of what sounds alone, and the duration where it is not known. A record whose sound
// cannot be read is left out.
void measure(std::vector<Record>& records, RecordCounts& counts) {
  int n = 0;
  std::erase_if(records, [&](Record& record) {
    try {
      DecodeOptions options;
      options.start_s = record.start, options.duration_s = record.duration.value_or(0);
      const Clip clip = decode_file(record.audio, options);
      if (!record.duration) {
        record.duration = clip.seconds;
        tidy(record, record.id, counts);
      }
      n += measure_events(record, clip.samples, clip.rate_hz);
      return false;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kData) throw;
      counts.drop("audio_unreadable", record.id + ": " + error.what());
      return true;
    }
  });
  notice("measured {} events", n);
}

// Readers of a file of records look for its sounds from the file's folder, those of --audio are named from
// where the program runs.
void name_sounds_from(const std::filesystem::path& file, std::vector<Record>& records) {
  const std::filesystem::path folder = std::filesystem::absolute(file).lexically_normal().parent_path();
  for (Record& record : records)
    if (const std::filesystem::path sound = record.audio; sound.is_relative())
      record.audio =
          std::filesystem::absolute(sound).lexically_normal().lexically_proximate(folder).generic_string();
}

int run_records(const RecordFlags& flags) {
  RecordCounts counts;
  std::vector<Record> records = read_records(flags.from, flags.inputs, counts);
  if (flags.clean) {
    CleanCounts cleaned;
    for (Record& record : records) clean_texts(record, cleaned, counts);
    for (const auto& [what, n] : cleaned) notice("cleaned, {}: {}", what, n);
  }
  if (flags.measure) measure(records, counts);
  if (!flags.out.empty() && !flags.inputs.audio.empty()) name_sounds_from(flags.out, records);
  std::size_t events = 0, captions = 0, speech = 0, music = 0;
  for (const Record& record : records) {
    events += record.events.size(), captions += record.captions.size(), speech += record.speech.size();
    const RecordMusic& m = record.music;
    music += m.tempo || !m.key.empty() || !m.genres.empty() || !m.instruments.empty() || !m.moods.empty() ||
             !m.beats.empty() || !m.chords.empty() || !m.notes.empty();
  }
  std::int64_t dropped = 0;
  for (const auto& [reason, n] : counts.dropped) {
    notice("left out, {}: {}, first at {}", reason, n, counts.first.at(reason));
    dropped += n;
  }
  if (records.empty())
    throw data_error("no record is left", flags.from, "the notices above say what was left out, and where");
  if (flags.out.empty()) {
    for (const Record& record : records) print_line(record_line(record));
  } else {
    std::string lines;
    for (const Record& record : records) lines += record_line(record) + "\n";
    if (const auto folder = std::filesystem::path(flags.out).parent_path(); !folder.empty())
      std::filesystem::create_directories(folder);
    write_file_atomic(flags.out, lines);
    print_line(flags.out);
  }
  notice("{} records: {} events, {} captions, {} stretches of speech, {} with music", records.size(), events,
         captions, speech, music);
  return dropped > 0 ? 4 : 0;
}

}  // namespace

void add_data_records(CLI::App& data, CommandRunner& runner) {
  auto flags = std::make_shared<RecordFlags>();
  CLI::App* verb =
      data.add_subcommand("records", "annotations as their owners publish them, as one form (jsonl)");
  verb->add_option("from", flags->from, "file or folder: .jsonl, .csv, .tsv, .jams, .txt, .vtt, .srt")
      ->required();
  verb->add_option(
      "--format", flags->inputs.format,
      "records, events (DCASE), audioset_strong, captions (Clotho), audiocaps, music (MusicBench), "
      "labels, jams, audacity, subtitles; or auto, by ending and columns");
  verb->add_option(
      "--audio", flags->inputs.audio,
      "folder of the sounds, looked through by name; records whose sound is not there are left out");
  verb->add_option("--names", flags->inputs.names,
                   "table of machine ids and names of labels: /m/0bt9lr <tab> Dog");
  verb->add_option("--only", flags->inputs.only,
                   "records of these ids alone: an id a line, or what `data select` writes");
  verb->add_option("--source", flags->inputs.source, "of records that do not say where they come from");
  verb->add_option("--licence", flags->inputs.licence, "of records that do not say");
  verb->add_flag("--all-labelled", flags->inputs.all_labelled,
                 "the events are all that sounds: what is not among them may be asked about as absent");
  verb->add_flag(
      "--clean", flags->clean,
      "captions without what captioners get wrong: reported Mandarin, points in time, markup; those of "
      "what is heard also without what only eyes can tell (`data clap --rules`)");
  verb->add_flag("--measure", flags->measure,
                 "hear the sounds: duration, and loudness (LKFS) and pitch (Hz) of events that sound alone");
  verb->add_option("-o,--out", flags->out, "file to write; else standard output");
  take_flags_from_environment(*verb);
  verb->footer(
      "columns: events filename onset offset event_label; audioset_strong segment_id start end label; "
      "captions file_name\n"
      "  caption or caption_1 ...; audiocaps youtube_id start_time caption; music file and genre, "
      "instrument, mood, tempo\n"
      "  or bpm, key; labels file and labels. A jsonl line is a record, or one of MusicBench.\n"
      "examples:\n"
      "  af2 data records dcase/strong.tsv --audio dcase/audio -o records.jsonl\n"
      "  af2 data records audioset_eval_strong.tsv --names mid_to_display_name.tsv --audio clips\n"
      "  af2 data records mine.tsv --audio clips --measure\n"
      "  af2 data records scapes/ --audio scapes     # *.jams and subtitles of one name are put together\n"
      "  af2 data records videos/ --only chosen.jsonl --clean --audio videos -o chosen.records.jsonl");
  verb->callback([flags, &runner] { runner = [flags] { return run_records(*flags); }; });
}

}  // namespace af2
