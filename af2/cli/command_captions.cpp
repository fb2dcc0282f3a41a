// `af2 data captions`: captions and transcripts that records lack, by a model that hears
// (af2/factory/llm/listener.h).
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "af2/cli/clip_flags.h"
#include "af2/cli/command.h"
#include "af2/cli/llm_flags.h"
#include "af2/cli/output.h"
#include "af2/cli/record_files.h"
#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/log.h"
#include "af2/core/options.h"
#include "af2/core/signal.h"
#include "af2/core/text_util.h"
#include "af2/data/part_job.h"
#include "af2/factory/llm/listener.h"
#include "af2/io/atomic_file.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

constexpr double kCaptionTokens = 40;  // of a dry run's estimate

struct CaptionFlags {
  std::vector<std::string> records;
  std::string out;
  int threads = 1;
  bool speech = false, as_they_are = false;
  ListenOptions listen;
  LlmFlags llm;
};

int show_request(const CaptionFlags& flags, const std::vector<Record>& records, const Listener& listener) {
  double stretches = 0, seconds = 0;
  std::int64_t unknown = 0;
  for (const Record& record : records) {
    if (!record.duration) {
      ++unknown;
      continue;
    }
    for (const Segment& segment : listener.missing(record))
      ++stretches, seconds += segment.end - segment.start;
  }
  if (unknown > 0) notice("{} records have no duration and are not in the estimate", unknown);
  const LlmRequest request = listener.request();
  print_line(fmt::format("--- {} version {}\n{}\n", request.purpose, request.version, request.prompt));
  const double sent = stretches * token_estimate(request) + seconds * kTokensPerSecond,
               received = stretches * kCaptionTokens;
  print_line(
      fmt::format("estimate for {} records: {:.0f} calls with {:.0f} s of sound, {:.0f} tokens sent, {:.0f} "
                  "received, cost "
                  "{:.2f}; nothing was sent",
                  records.size(), stretches, seconds, sent, received,
                  (sent * flags.llm.options.price_in + received * flags.llm.options.price_out) / 1e6));
  return 0;
}

// OUT/records.jsonl and aside.jsonl of what the parts hold.
LlmCounts write_heard(const PartJob& job) {
  AtomicFile lines(job.out / "records.jsonl"), aside(job.out / "aside.jsonl");
  LlmCounts counts;
  for_each_made(job, [&](const Json& made) {
    lines.write(made.at("record").get_ref<const std::string&>() + "\n");
    for (const Json& one : made.at("aside"))
      aside.write(one.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
    for (const auto& [what, n] : made.at("counts").items()) counts[what] += n.get<std::int64_t>();
  });
  lines.commit(), aside.commit();
  return counts;
}

int run_captions(CaptionFlags flags) {
  if (flags.out.empty()) throw user_error("is missing", "--out", "name a folder");
  if (flags.threads < 1) throw user_error("must be at least 1", "--threads");
  if (!flags.llm.given())
    throw user_error("is missing", "--llm", "name an endpoint that takes sound, as http://127.0.0.1:8000/v1");
  install_stop_signals();
  if (flags.speech) flags.listen.task = "speech";
  flags.listen.clean = !flags.as_they_are;
  RecordCounts read;
  Json inputs = {{"records", Json::array()}};
  const std::vector<Record> records = read_record_files(flags.records, flags.out, inputs, read);
  for (const auto& [reason, n] : read.dropped) notice("left out of the records, {}: {}", reason, n);
  flags.llm.check();
  if (flags.llm.dry_run) return show_request(flags, records, Listener(nullptr, flags.listen));
  const std::unique_ptr<LlmClient> client = flags.llm.open(flags.out);
  const Listener listener(client.get(), flags.listen);
  const LlmRequest request = listener.request();
  PartJob job;
  job.out = flags.out;
  job.config = {{"made_by", "af2 data captions"},
                {"inputs", inputs},
                {"listen", to_json(flags.listen)},
                {"asked", {{"prompt", request.prompt}, {"version", request.version}}},
                {"model",
                 {{"name", flags.llm.options.model},
                  {"temperature", flags.llm.options.temperature},
                  {"max_tokens", flags.llm.options.max_tokens}}}};
  job.n_items = static_cast<std::int64_t>(records.size());
  job.threads = std::max(flags.threads, flags.llm.options.parallel);
  job.unit = "records";
  open_part_job(job);
  const PartJobResult run = run_part_job(job, [&](std::int64_t i) {
    const ListenMade made = listener.hear(records[static_cast<std::size_t>(i)], flags.out);
    return Json{{"record", record_line(made.record)}, {"counts", made.counts}, {"aside", made.aside}};
  });
  if (!run.stopped.empty()) {
    notice("stopped, {}: {} of {} records are done; run the same again to go on", run.stopped, run.done,
           records.size());
    return stop_signal() != 0 ? 128 + stop_signal() : 4;
  }
  bool unread = false;
  for (const auto& [what, n] : write_heard(job)) {
    notice("{}: {}", what, n);
    unread = unread || what.ends_with("/audio_unreadable");
  }
  notice("calls {}, from the cache {}, cost {:.4f}", client->stats().calls, client->stats().cached,
         client->stats().cost);
  print_line((fs::path(flags.out) / "records.jsonl").string());
  return unread ? 4 : 0;
}

}  // namespace

void add_data_captions(CLI::App& data, CommandRunner& runner) {
  auto flags = std::make_shared<CaptionFlags>();
  flags->llm.options.temperature = 0;
  CLI::App* verb = data.add_subcommand(
      "captions", "captions, or transcripts, that records lack: their sound goes to a model that hears");
  verb->add_option("--records", flags->records,
                   "files of records, or folders that hold records.jsonl; several")
      ->required();
  verb->add_option("--out", flags->out, "folder of the records with captions; a rerun goes on");
  verb->add_flag("--speech", flags->speech, "write down the words that are spoken, instead of captions");
  verb->add_option("--ask", flags->listen.question,
                   "what the model is asked, in place of the usual question");
  verb->add_option("--segment", flags->listen.segment_s,
                   "seconds of a stretch of a long clip; 0: 10, where actions are told 4");
  verb->add_option("--long-from", flags->listen.long_from_s,
                   "clips above so many seconds are heard in stretches");
  verb->add_flag("--again", flags->listen.again, "also what has captions: they are replaced");
  verb->add_flag("--as-they-are", flags->as_they_are, "keep captions as the model writes them");
  verb->add_option("-t,--threads", flags->threads, "records heard at once");
  add_llm_flags(*verb, flags->llm, "it hears each stretch (as `input_audio`) and writes a text");
  verb->remove_option(verb->get_option("--templates"));
  take_flags_from_environment(*verb);
  verb->footer(
      "OUT/records.jsonl are the records with what was heard, aside.jsonl what was not taken, with the "
      "reason.\n"
      "examples:\n"
      "  af2 data captions --records chosen.jsonl --llm http://127.0.0.1:8000/v1 --llm-model qwen2-audio "
      "--out "
      "heard\n"
      "  af2 data captions --records heard/records.jsonl --speech --llm http://127.0.0.1:8000/v1 --llm-model "
      "voxtral --out said\n"
      "  af2 data captions --records chosen.jsonl --llm http://127.0.0.1:8000/v1 --dry-run --out heard");
  verb->callback([flags, &runner] { runner = [flags] { return run_captions(*flags); }; });
}

}  // namespace af2
