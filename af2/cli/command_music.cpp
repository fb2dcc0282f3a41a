// `af2 data music`: pieces of music whose every note is known (af2/synth/music_job.h).
#include <fmt/format.h>

#include <memory>

#include "af2/cli/clip_flags.h"
#include "af2/cli/clip_numbers.h"
#include "af2/cli/command.h"
#include "af2/cli/output.h"
#include "af2/core/log.h"
#include "af2/core/options.h"
#include "af2/core/signal.h"
#include "af2/core/text_util.h"
#include "af2/synth/music_job.h"

namespace af2 {
namespace {

struct MusicFlags {
  std::string spec, out, sound_of;
  bool list = false;
  MusicJob job = {};
};

int run_music(MusicFlags flags) {
  if (flags.list) {
    for (const std::string& name : music_style_names()) print_line(name);
    return 0;
  }
  if (!flags.spec.empty()) from_json(read_config_file(flags.spec), flags.job.spec, flags.spec);
  flags.job.out = flags.out;
  install_stop_signals();
  const MusicJobResult result = flags.sound_of.empty()
                                    ? run_music_job(flags.job)
                                    : render_pieces_of(flags.job, clip_numbers(flags.sound_of, flags.out));
  if (!result.stopped.empty()) {
    notice("stopped, {}: {} of {} pieces are done; run the same again to go on", result.stopped, result.made,
           flags.job.n);
    return stop_signal() != 0 ? 128 + stop_signal() : 4;
  }
  notice("{} pieces, {:.2f} hours", result.made, result.seconds / 3600);
  print_line((flags.job.out / "records.jsonl").string());
  return 0;
}

}  // namespace

void add_data_music(CLI::App& data, CommandRunner& runner) {
  auto flags = std::make_shared<MusicFlags>();
  CLI::App* verb = data.add_subcommand("music", "pieces of music whose every note, chord and bar is known");
  verb->add_option("--spec", flags->spec,
                   "file of what may be drawn: seconds, styles, metres, instruments ...");
  verb->add_option("-n,--n", flags->job.n, "pieces to make");
  verb->add_option("--seed", flags->job.seed, "every draw is named by it");
  verb->add_option("-o,--out", flags->out, "folder for audio/, records.jsonl and parts; a rerun goes on");
  verb->add_option("--soundfont", flags->job.soundfont,
                   "the voices, a .sf2 file; other ones for tests than for training");
  verb->add_option("--licence", flags->job.licence, "of the sounds, for the records");
  verb->add_option("--attribution", flags->job.attribution, "whom to name, for the records");
  verb->add_option("--rate", flags->job.sound.rate_hz, "samples a second");
  verb->add_option("--channels", flags->job.sound.channels, "1 or 2");
  verb->add_option("--format", flags->job.format, "wav (16 bit) or wav_float");
  verb->add_flag("--labels-only", flags->job.labels_only,
                 "no sound, and no soundfont: records, the same as with it");
  verb->add_option("--sound-of", flags->sound_of,
                   "the sound of some pieces of a folder that was made with --labels-only: those that an "
                   "items.jsonl asks about, or numbers as 12,699");
  verb->add_option("-t,--threads", flags->job.threads,
                   "pieces made at once; the result does not depend on it");
  verb->add_flag("--list", flags->list, "print the names of styles and end");
  take_flags_from_environment(*verb);
  verb->footer(
      "examples:\n"
      "  af2 data music --n 1000 --out music --soundfont /usr/share/sounds/sf2/FluidR3_GM.sf2 -t 2\n"
      "  af2 data music --n 100 --seed 2 --out music_test --soundfont /usr/share/sounds/sf2/TimGM6mb.sf2\n"
      "  af2 data music --spec waltzes.yaml --n 20 --out waltzes --labels-only   # styles: [waltz]");
  verb->callback([flags, &runner] { runner = [flags] { return run_music(*flags); }; });
}

}  // namespace af2
